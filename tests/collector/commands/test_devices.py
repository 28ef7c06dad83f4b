# SPDX-License-Identifier: Apache-2.0
"""Tests of the verbs of all devices: the school's list, those that wait, and confirming what fits."""

from pathlib import Path

import pytest

from collector.config import Config, write_config
from tests.collector.command import Run
from tests.collector.school import School

LIST = "hostname,serial,asset,place\nlab-1,SN1,A-1,Lab\nlab-2,,A-2,Lab\n"


@pytest.fixture
def folder(config: Config) -> Path:
    """A collector's folder with its settings."""
    write_config(config)
    return config.folder


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """The school's list as a file."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    return tmp_path / "list.csv"


def test_list_is_imported_and_listed(run: Run, folder: Path, school: School, sheet: Path) -> None:
    """With what became of each line, and with what was matched."""
    waiting = school.add_device("lab-1", state="pending", serial="SN1")
    assert run("devices", "import", sheet, "--dry-run", "--dir", folder) == 0
    assert "nothing is changed" in run.err
    assert run("devices", "import", sheet, "--dir", folder) == 0
    assert "2 new, 0 changed, 0 unchanged, 0 refused; 0 machines are not in the file; 1 devices confirmed" in run.err
    assert run("devices", "expected", "--dir", folder) == 0
    assert f"{waiting} (active)" in run.out
    assert "2 machines are listed, 1 of them are matched" in run.err
    assert run("devices", "expected", "--dir", folder, "--format", "json") == 0
    assert [(row["hostname"], row["device"], row["is_free"]) for row in run.json] == [
        ("lab-1", waiting, False),
        ("lab-2", None, True),
    ]


def test_refused_lines_are_a_finding(run: Run, folder: Path, sheet: Path) -> None:
    """Exit code 1, and each with what would be right; missing machines can be named and removed."""
    run("devices", "import", sheet, "--dir", folder)
    sheet.write_text("hostname,serial,asset,place\nlab-1,SN1,A-1,Lab\n=cmd,,,\n", encoding="utf-8")
    assert run("devices", "import", sheet, "--missing", "remove", "--dir", folder) == 1
    assert "lab-2" in run.out
    assert "as a formula does" in run.out
    assert run("devices", "import", sheet, "--dir", folder, "--format", "json") == 1
    assert (run.json["unchanged"], run.json["missing"], run.json["refused"][0]["line"]) == (1, [], 3)


def test_file_that_is_not_there_is_a_wrong_call(run: Run, folder: Path, tmp_path: Path) -> None:
    """With its name."""
    assert run("devices", "import", tmp_path / "none.csv", "--dir", folder) == 2
    assert "none.csv cannot be read" in run.err


def test_what_waits_is_listed_and_confirmed_with_the_list(run: Run, folder: Path, school: School, sheet: Path) -> None:
    """A device's text does nothing to a terminal; what contradicts the list goes on waiting."""
    run("devices", "import", sheet, "--dir", folder)
    fits = school.add_device("lab-2", state="pending", serial="SN2")
    school.add_device("lab-1", state="pending", serial="\x1b[31mOTHER")
    assert run("devices", "pending", "--dir", folder) == 0
    assert "\x1b" not in run.out
    assert run("devices", "pending", "--dir", folder, "--format", "json") == 0
    assert [(row["hostname"], row["listed"], row["is_unconfirmed"]) for row in run.json] == [
        ("lab-1", "", True),
        ("lab-2", "lab-2", True),
    ]
    assert run.json[0]["fits"][0]["is_contradicted"]
    assert run("devices", "confirm", "--listed", "--dir", folder) == 0
    assert fits in run.out
    assert run("devices", "confirm", "--listed", "--dir", folder) == 0
    assert (run.out, "no waiting device fits" in run.err) == ("", True)


def test_confirming_all_blindly_is_a_wrong_call(run: Run, folder: Path) -> None:
    """There is no way to confirm what nothing speaks for, but one by one."""
    assert run("devices", "confirm", "--dir", folder) == 2
    assert "--listed" in run.err


def test_findings_of_a_device_that_waits_are_marked(run: Run, folder: Path, school: School) -> None:
    """In the lists of devices and of incidents, until it is confirmed."""
    device_id = school.add_device("lab-1", state="pending")
    school.add_incident(device_id)
    for expected in (True, False):
        for verb in ("devices", "incidents"):
            assert run(verb, "--dir", folder, "--format", "json") == 0
            assert [row["is_unconfirmed"] for row in run.json] == [expected]
        run("device", "confirm", device_id, "--dir", folder)
