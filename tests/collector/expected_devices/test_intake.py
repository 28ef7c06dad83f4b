# SPDX-License-Identifier: Apache-2.0
"""Tests of taking the school's list of machines."""

import pytest

from collector.audit import list_entries
from collector.devices import find_device
from collector.errors import UsageError
from collector.expected_devices import ImportReport, import_expected_devices, list_expected
from tests.collector.school import School

HEADER = "hostname,serial,asset,place\n"


def take(school: School, lines: str, **how: bool) -> ImportReport:
    """Import lines below the header."""
    content = (HEADER + lines).encode()
    return import_expected_devices(school.engine, school.id, content, actor="anna", now_ns=school.now_ns, **how)


def test_list_is_taken_and_taken_again(school: School) -> None:
    """New, changed and unchanged lines are told apart; what a new file does not name stays."""
    report = take(school, "lab-1,SN1,A-1,Lab\nlab-2,,A-2,Lab\n=cmd,,,\n")
    assert (report.taken, len(report.refused)) == (("lab-1", "lab-2"), 1)
    report = take(school, "lab-1,sn1,A-1,Library\n")
    assert (report.taken, report.changed, report.missing, report.removed) == ((), ("lab-1",), ("lab-2",), ())
    assert take(school, "lab-1,sn1,A-1,Library\n").unchanged == 1
    listed = list_expected(school.engine, school.id)
    assert [(row.hostname, row.serial, row.place) for row in listed] == [
        ("lab-1", "SN1", "Library"),
        ("lab-2", "", "Lab"),
    ]
    assert list_expected(school.engine, "0" * 16) == []


def test_line_that_knows_more_goes_on_for_its_row(school: School) -> None:
    """A serial number that is learnt later, or a name that is given later, makes no second machine."""
    take(school, "lab-1,,A-1,Lab\n,SN2,A-2,Lab\n")
    report = take(school, "lab-1,SN1,A-1,Lab\nlab-2,SN2,A-2,Lab\n")
    assert (report.taken, report.changed, report.missing) == ((), ("lab-1", "lab-2"), ())


def test_dry_run_changes_nothing(school: School) -> None:
    """It reports what would be, confirms nobody and leaves no trace."""
    waiting = school.add_device("lab-1", state="pending", serial="SN1")
    report = take(school, "lab-1,SN1,,\n", is_dry_run=True)
    assert (report.taken, report.confirmed) == (("lab-1",), ())
    assert list_expected(school.engine, school.id) == []
    assert list_entries(school.engine, school.id) == []
    device = find_device(school.engine, school.id, waiting)
    assert device is not None
    assert device.is_unconfirmed


def test_missing_machines_are_removed_but_matched_ones(school: School) -> None:
    """What a device was matched to stays: it says which machine that was."""
    school.add_device("lab-1", serial="SN1")
    take(school, "lab-1,SN1,,\nlab-2,SN2,,\nlab-3,SN3,,\n")
    report = take(school, "lab-3,SN3,,\n", removes_missing=True)
    assert (report.missing, report.removed) == (("lab-1", "lab-2"), ("lab-2",))
    assert [row.hostname for row in list_expected(school.engine, school.id)] == ["lab-1", "lab-3"]


def test_new_list_confirms_who_waits_for_it(school: School) -> None:
    """The import is in the audit log, and each device that it confirmed."""
    waiting = school.add_device("lab-1", state="pending", serial="SN1")
    assert take(school, "lab-1,SN1,,\n").confirmed == (waiting,)
    imported, confirmed = list_entries(school.engine, school.id)
    assert (imported.actor, imported.action) == ("anna", "devices.imported")
    assert imported.detail.startswith("1 new, 0 changed, 0 unchanged, 0 removed, 0 refused, 1 devices confirmed")
    assert (confirmed.actor, confirmed.action) == ("schoolwarden", "device.confirmed")
    assert confirmed.subject == f"device/{waiting}"


def test_file_that_cannot_be_read_changes_nothing(school: School) -> None:
    """Nothing of it is taken."""
    with pytest.raises(UsageError, match="not in UTF-8"):
        import_expected_devices(school.engine, school.id, b"\xff", actor="anna", now_ns=school.now_ns)
    assert list_entries(school.engine, school.id) == []
