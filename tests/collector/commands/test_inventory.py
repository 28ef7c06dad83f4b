# SPDX-License-Identifier: Apache-2.0
"""Tests of the inventory's commands."""

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.authority import load_authority
from collector.commands.output import to_cell
from collector.ingest import Ingest
from proto.events import Program, ProgramInstalled, ProgramRemoved
from tests.collector.command import Run
from tests.collector.evidence import Device, enrol_device, make_evaluator, numbers_of, send
from tests.collector.machines import GIMP, LAPTOP, NEWER_VIM, VIM, list_of
from tests.collector.school import MINUTE_NS, School

FORMULA = Program('=HYPERLINK("http://example.com")', source="file", version="+1")


@pytest.fixture
def told(school_at: School) -> Iterator[Device]:
    """A device of the collector that told what it has."""
    device = enrol_device(school_at, load_authority(school_at.config.authority_folder))
    ingest = Ingest(school_at.engine, school_at.id, make_evaluator(), clock_ns=lambda: school_at.now_ns)
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP, FORMULA), LAPTOP)))
    school_at.pass_time(MINUTE_NS)
    numbers_of(send(ingest, device.say(ProgramInstalled(NEWER_VIM), ProgramRemoved(GIMP))))
    ingest.close()
    yield device
    school_at.engine.dispose()


def test_software_of_the_school_and_of_a_device(run: Run, folder: Path, told: Device, school_at: School) -> None:
    """For people, for programs, and how many devices nothing is known of."""
    school_at.add_device("silent")
    assert run("inventory", "software", "--dir", folder, "--format", "json") == 0
    assert {"source": "dpkg", "name": "vim", "versions": {"9.1": 1}, "devices": 1} in run.json
    assert "Not known of 1 of 2 devices" in run.err
    assert run("inventory", "software", "--dir", folder) == 0
    assert "9.1 (1)" in run.out
    assert run("inventory", "software", "--dir", folder, "--device", told.id, "--format", "json") == 0
    assert [each["name"] for each in run.json] == ["vim", FORMULA.name]
    assert run.json[0]["first_seen_at"].startswith("2026-11-21T20:47")


def test_csv_holds_no_formula(run: Run, folder: Path, told: Device) -> None:
    """A device can call a program what a spreadsheet would calculate."""
    assert run("inventory", "software", "--dir", folder, "--device", told.id, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(run.out)))
    assert [row["name"] for row in rows] == ["vim", "'" + FORMULA.name]
    assert rows[1]["version"] == "'+1"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "'\N{REPLACEMENT CHARACTER}=1"),
        ("＝1", "'＝1"),
        ("a\x1b[2J\u202e", "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"),
        (-5, "-5"),
        (None, ""),
        ("", ""),
    ],
)
def test_cell_is_text(value: object, cell: str) -> None:
    """No spreadsheet calculates it, and nothing in it is hidden."""
    assert to_cell(value) == cell


def test_hardware_as_table_csv_and_json(run: Run, folder: Path, told: Device) -> None:
    """One row a device; of one device all that it ever said."""
    assert run("inventory", "hardware", "--dir", folder, "--format", "json") == 0
    (row,) = run.json
    assert (row["hostname"], row["memory_bytes"], row["disks"][0]["technology"]) == (
        "library-01",
        16_500_000_000,
        "ssd",
    )
    assert run("inventory", "hardware", "--dir", folder, "--format", "csv", "--device", told.id) == 0
    (row,) = csv.DictReader(io.StringIO(run.out))
    assert row["disks"] == "SAMSUNG MZVLB256 ssd 256 GB S4GDNX0R"
    assert run("inventory", "hardware", "--dir", folder) == 0
    assert "ThinkPad L14" in run.out


def test_changes_since_a_day(run: Run, folder: Path, told: Device) -> None:
    """What was updated and removed; a day later there is nothing."""
    assert run("inventory", "changes", "--since", "2026-11-01", "--dir", folder, "--format", "json") == 0
    assert {(each["what"], each["name"], each["before"], each["after"]) for each in run.json} == {
        ("updated", "vim", "9.0", "9.1"),
        ("removed", "org.gimp.GIMP", "2.10", ""),
    }
    assert run("inventory", "changes", "--since", "2026-11-22", "--dir", folder, "--device", told.id) == 0
    assert (run.out, "nothing changed" in run.err) == ("", True)


@pytest.mark.parametrize(
    "day",
    [
        "",
        "yesterday",
        "01/11/2026",
        "2026-02-30",
        "9999-12-31\n",
        "20261101",
        "2026-W45-1",
        "1969-12-31",
        "2201-01-01",
        "0001-01-01",
    ],
)
def test_what_is_no_day_is_a_wrong_call(run: Run, folder: Path, day: str) -> None:
    """With how days are written."""
    assert run("inventory", "changes", "--since", day, "--dir", folder) == 2
    assert "is not a day" in run.err


@pytest.mark.parametrize("action", [("software",), ("hardware",), ("changes", "--since", "2026-11-01"), ("export",)])
def test_unknown_device_is_a_wrong_call(run: Run, folder: Path, action: tuple[str, ...]) -> None:
    """And not an empty list, which would look like a device without software."""
    assert run("inventory", *action, "--device", "0" * 16, "--dir", folder) == 2
    assert "there is no device" in run.err


def test_bill_goes_to_a_file_of_its_owner(run: Run, folder: Path, told: Device, tmp_path: Path) -> None:
    """It holds serial numbers; without -o it goes to stdout."""
    assert run("inventory", "export", "--format", "cyclonedx", "-o", tmp_path / "bill.json", "--dir", folder) == 0
    assert run.out == ""
    assert stat.S_IMODE((tmp_path / "bill.json").stat().st_mode) == 0o600
    bill = json.loads((tmp_path / "bill.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert run("inventory", "export", "--device", told.id, "--dir", folder) == 0
    assert run.json["metadata"]["component"]["name"] == "library-01"
    assert run("inventory", "export", "-o", tmp_path / "nowhere" / "bill.json", "--dir", folder) == 2
    assert run("inventory", "export", "-o", tmp_path, "--dir", folder) == 2
    assert "is a folder" in run.err


@pytest.mark.parametrize(
    ("action", "columns"),
    [
        (("software",), "source,name,versions,devices"),
        (("changes", "--since", "2026-11-01"), "device,hostname,what,source,name,before,after,heard_at"),
    ],
)
def test_csv_without_rows_has_its_columns(run: Run, folder: Path, action: tuple[str, ...], columns: str) -> None:
    """A program that reads it finds the line it expects."""
    assert run("inventory", *action, "--dir", folder, "--format", "csv") == 0
    assert run.out == columns + "\n"
    assert run("inventory", "hardware", "--dir", folder, "--format", "csv") == 0
    assert run.out.startswith("device,hostname,since_at,confirmed_at,manufacturer")
