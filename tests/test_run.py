# SPDX-License-Identifier: Apache-2.0
"""Tests of the runner of the test groups: what it counts, and that nothing that did not run looks well."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.run import GROUPS, Group, run_group, run_together
from tests.tree import ROOT

PASSES = "def test_good() -> None:\n    assert True\n"
FAILS = "def test_bad() -> None:\n    assert False\n"
HANGS = "import time\n\n\ndef test_slow() -> None:\n    time.sleep(600)\n"
SKIPS = "import pytest\n\n\ndef test_needy() -> None:\n    pytest.skip('needs root')\n"
BROKEN = "import no_such_module\n"


def group_of(folder: Path, text: str, *, time_box_s: int = 60, missing: str = "") -> Group:
    """Make a group of one file of tests."""
    (folder / "test_sample.py").write_text(text, encoding="utf-8")
    return Group("sample", (str(folder / "test_*.py"),), "not postgres", time_box_s, lambda: missing)


@pytest.mark.parametrize(
    ("text", "passed", "failed"),
    [(PASSES, 1, 0), (PASSES + FAILS, 1, 1), (BROKEN, 0, 1), ("", 0, 1)],
    ids=["passes", "fails", "broken", "empty"],
)
def test_counts_what_pytest_says(tmp_path: Path, text: str, passed: int, failed: int) -> None:
    """A test that fails, a file that cannot be loaded and a group without tests are failures."""
    outcome = run_group(group_of(tmp_path, text), in_ci=False)
    assert (outcome.passed, outcome.failed) == (passed, failed)


def test_a_group_without_files_failed(tmp_path: Path) -> None:
    """A group whose folder is gone does not pass by having nothing to do."""
    assert run_group(Group("gone", (str(tmp_path / "test_*.py"),), "not postgres", 60), in_ci=False).failed == 1


def test_the_time_box_fails_the_group(tmp_path: Path) -> None:
    """What is not done in its time is stopped and failed."""
    outcome = run_group(group_of(tmp_path, HANGS, time_box_s=5), in_ci=False)
    assert outcome.failed == 1
    assert "not done in 5 s" in outcome.describe()


@pytest.mark.parametrize(("in_ci", "failed"), [(False, 0), (True, 1)])
def test_what_cannot_run_says_what_it_needs(tmp_path: Path, in_ci: bool, failed: int) -> None:
    """A missing program is said here, and a failure in CI."""
    outcome = run_group(group_of(tmp_path, PASSES, missing="chromium"), in_ci=in_ci)
    assert outcome.describe() == "not run: needs chromium"
    assert outcome.failed == failed


@pytest.mark.parametrize(("in_ci", "skipped", "failed"), [(False, 1, 0), (True, 0, 1)])
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, in_ci: bool, skipped: int, failed: int) -> None:
    """A test that skips itself because something is missing is counted here, and fails in CI."""
    outcome = run_group(group_of(tmp_path, PASSES + SKIPS), in_ci=in_ci)
    assert (outcome.passed, outcome.skipped, outcome.failed) == (1, skipped, failed)


def test_every_folder_of_tests_is_in_a_group() -> None:
    """No test is left out of all groups."""
    named = {name for group in GROUPS for name in group.paths} - {"."}
    reached = {path for name in named for path in (ROOT / "tests").glob(name)}
    rooms = {path.parent for path in (ROOT / "tests").rglob("test_*.py")} - {ROOT / "tests"}
    assert [room for room in sorted(rooms) if not reached & {room, *room.parents} - {ROOT / "tests"}] == []


def test_groups_that_run_beside_one_another_are_both_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each with its own outcome; what the second prints comes whole, after the first."""
    groups = []
    for name, text in (("one", PASSES), ("two", PASSES + FAILS)):
        (tmp_path / name).mkdir()
        groups.append(group_of(tmp_path / name, text))
    first, second = run_together(groups[0], groups[1:], in_ci=False)
    assert ((first.passed, first.failed), (second.passed, second.failed)) == ((1, 0), (1, 1))
    assert "test_bad" in capfd.readouterr().out.partition("== sample")[2]


def test_a_group_runs_beside_one_that_there_is() -> None:
    """And not beside one that itself runs beside another."""
    firsts = {group.name for group in GROUPS if not group.beside}
    assert {group.beside for group in GROUPS if group.beside} <= firsts


def test_an_unknown_group_is_refused() -> None:
    """A misspelt group ends with 2 instead of running nothing."""
    command = [sys.executable, "-m", "tests.run", "unti"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unit" in done.stderr
