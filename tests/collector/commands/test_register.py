# SPDX-License-Identifier: Apache-2.0
"""Tests of people and absence."""

from pathlib import Path

import pytest

from collector.commands.register import COLUMNS
from collector.people import roster
from collector.roles import Role
from tests.collector.command import Run
from tests.collector.people.lists import write_list
from tests.collector.school import School

ADA = {"person_id": "p1", "name": "Ada", "accounts": "directory:ada", "year_group": "7"}
BAD = {"person_id": "p2", "name": "Ben\x1b[2J", "kind": "king"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A list with one good line and one bad one."""
    path = tmp_path / "people.csv"
    path.write_bytes(write_list(ADA, BAD))
    return path


def test_import_reports_and_ends_with_a_finding(run: Run, folder: Path, file: Path) -> None:
    """Exit code 1 when lines were refused, 0 when none was; the report is data."""
    assert run("people", "import", file, "--format", "json", "--dir", folder) == 1
    report = run.json
    assert (report["taken"], report["changed"], report["unchanged"], report["missing"]) == (["p1"], [], 0, [])
    assert [(each["line"], each["column"]) for each in report["refused"]] == [(3, "name"), (3, "kind")]
    assert "one of: pupil" in report["refused"][1]["right"]
    file.write_bytes(write_list(ADA))
    assert run("people", "import", file, "--format", "json", "--dir", folder) == 0
    assert run.json["unchanged"] == 1


def test_dry_run_takes_nothing(run: Run, folder: Path, file: Path) -> None:
    """And says so."""
    assert run("people", "import", file, "--dry-run", "--dir", folder) == 1
    assert "nothing is changed" in run.err
    assert "\x1b" not in run.out
    assert run("people", "list", "--format", "json", "--dir", folder) == 0
    assert run.json == []


def test_missing_people_are_named_or_ended(run: Run, folder: Path, file: Path) -> None:
    """Only when it is asked for."""
    file.write_bytes(write_list(ADA, {"person_id": "p3"}))
    assert run("people", "import", file, "--dir", folder) == 0
    file.write_bytes(write_list(ADA))
    assert run("people", "import", file, "--missing", "list", "--dir", folder) == 0
    assert "p3" in run.out
    assert run("people", "import", file, "--missing", "end", "--format", "json", "--dir", folder) == 0
    assert run.json["ended"] == ["p3"]
    assert run("people", "show", "p3", "--format", "json", "--dir", folder) == 0
    assert run.json["until"]


def test_people_are_listed_and_shown(run: Run, folder: Path, file: Path) -> None:
    """Rows on stdout, how many on stderr."""
    run("people", "import", file, "--dir", folder)
    assert run("people", "list", "--format", "json", "--dir", folder) == 0
    assert [(each["person_id"], each["name"], each["accounts"]) for each in run.json] == [
        ("p1", "Ada", ["directory:ada"])
    ]
    assert "pupil: 1, staff: 0" in run.err
    assert run("people", "list", "--dir", folder) == 0
    assert "directory:ada" in run.out
    assert run("people", "show", "p1", "--dir", folder) == 0
    assert "directory:ada" in run.out
    assert run("people", "show", "p9", "--dir", folder) == 2
    assert "there is no person p9" in run.err


@pytest.mark.parametrize("content", [None, b"", b"name\nAda\n"])
def test_file_that_is_no_list_is_a_wrong_call(run: Run, folder: Path, tmp_path: Path, content: bytes | None) -> None:
    """Nothing on stdout, what would be right on stderr."""
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    assert run("people", "import", path, "--dir", folder) == 2
    assert run.out == ""
    assert run.err


def test_absence_is_noted_listed_and_ended(run: Run, folder: Path, school_at: School) -> None:
    """Days as people write them to a computer."""
    school_at.add_user("dora", Role.DSL)
    days = ("--from", "2099-11-23", "--until", "2099-11-24")
    assert run("absence", "add", "dora", *days, "--dir", folder) == 0
    assert run("absence", "list", "--format", "json", "--dir", folder) == 0
    assert run.json == [
        {
            "user": "dora",
            "from_at": "2099-11-23T00:00:00.000Z",
            "until_at": "2099-11-25T00:00:00.000Z",
            "noted_by": "command line",
        }
    ]
    assert run("absence", "end", "dora", "--dir", folder) == 0
    assert run("absence", "end", "dora", "--dir", folder) == 2
    assert run("absence", "add", "admin", *days, "--dir", folder) == 2
    assert run("absence", "add", "dora", "--from", "today", "--until", "2099-11-24", "--dir", folder) == 2
    assert "2026-11-23" in run.err


def test_lost_telephone_is_reset(run: Run, folder: Path, school_at: School) -> None:
    """By whoever runs the collector, when no administrator is there."""
    school_at.add_user("dora", Role.DSL)
    school_at.add_second_factor("dora")
    assert run("user", "reset-second-factor", "dora", "--dir", folder) == 0
    assert "sets up a new second factor" in run.err
    assert run("user", "reset-second-factor", "dora", "--dir", folder) == 2
    assert "dora has no second factor" in run.err


def test_help_names_the_columns(run: Run) -> None:
    """The ones that are read."""
    assert COLUMNS.split(", ") == list(roster.COLUMNS)
