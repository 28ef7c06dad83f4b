# SPDX-License-Identifier: Apache-2.0
"""Tests of counting who was heard."""

from collector.console.coverage import Coverage, count_heard
from collector.devices import QUIET_AFTER_NS, find_device
from tests.collector.school import School


def test_no_devices_are_no_coverage(school: School) -> None:
    """A school without devices hears nobody."""
    assert count_heard(school.engine, school.id, school.now_ns) == Coverage(0, 0, 0)


def test_counts_agree_with_what_is_quiet(school: School) -> None:
    """Heard here is the opposite of quiet there, to the nanosecond; revoked ones do not count, pending ones apart."""
    ids = [
        school.add_device("now"),
        school.add_device("just", last_seen_at_ns=school.now_ns - QUIET_AFTER_NS),
        school.add_device("late", last_seen_at_ns=school.now_ns - QUIET_AFTER_NS - 1),
    ]
    school.add_device("gone", state="revoked")
    school.add_device("new", state="pending")
    found = [find_device(school.engine, school.id, device_id) for device_id in ids]
    quiet = sum(device.is_quiet(school.now_ns) for device in found if device)
    assert count_heard(school.engine, school.id, school.now_ns) == Coverage(devices=3, heard=3 - quiet, pending=1)
    assert quiet == 1


def test_another_school_is_not_counted(school: School) -> None:
    """Coverage is of one school."""
    school.add_device("pc-1")
    assert count_heard(school.engine, "another", school.now_ns) == Coverage(0, 0, 0)
