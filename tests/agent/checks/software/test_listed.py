# SPDX-License-Identifier: Apache-2.0
"""Tests of the memory of what was told."""

import json
import stat
from pathlib import Path

import pytest

from agent.checks.software.listed import AWAY_AT_MOST_DAYS, FILE_NAME, ListedPrograms
from proto.events import Program
from tests.fakes import FakeClock

VLC = Program("VLC", source="dpkg", version="3")
TOOL = Program("tool", path="/home/alice/bin/tool", source="file")
DAY_S = 86_400


def test_what_was_told_is_remembered_over_a_restart(tmp_path: Path):
    """By source, name and version, whatever the case."""
    ListedPrograms(tmp_path / "checks").add([VLC])
    again = ListedPrograms(tmp_path / "checks")

    assert Program("vlc", source="dpkg", version="3") in again
    assert Program("vlc", source="dpkg", version="4") not in again
    assert Program("vlc", source="file", version="3") not in again
    assert not again.is_empty
    assert stat.S_IMODE((tmp_path / "checks" / FILE_NAME).stat().st_mode) == 0o600


def test_without_a_folder_it_remembers_until_the_end(tmp_path: Path):
    """A check that runs once leaves nothing behind."""
    listed = ListedPrograms(None)
    listed.add([VLC])

    assert VLC in listed
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_gone_is_forgotten():
    """So that it is news when it comes back; several at once are remembered."""
    listed = ListedPrograms(None)
    newer = Program("VLC", source="dpkg", version="4")
    listed.add([VLC, newer])
    listed.note_present([VLC, newer], (), ())
    assert VLC in listed
    listed.note_present([newer], (), ())

    assert VLC not in listed
    assert newer in listed


def test_what_is_gone_is_told_as_it_was_listed(tmp_path: Path):
    """With its last version and its own capitals, until it is forgotten."""
    listed = ListedPrograms(tmp_path)
    listed.add([VLC])
    listed.note_present([VLC], (), ())

    assert list(listed.find_gone([VLC], ())) == []
    assert list(ListedPrograms(tmp_path).find_gone([], ())) == [VLC]
    listed.forget([VLC])
    assert ListedPrograms(tmp_path).is_empty


@pytest.mark.parametrize(("days", "is_gone"), [(0, False), (AWAY_AT_MOST_DAYS, False), (AWAY_AT_MOST_DAYS + 1, True)])
def test_what_was_in_a_home_that_is_away_is_not_gone(tmp_path: Path, days: int, is_gone: bool):
    """For a month; a folder of somebody who has left does not come back."""
    clock = FakeClock()
    listed = ListedPrograms(tmp_path, clock_s=clock)
    listed.add([TOOL, VLC])
    listed.note_present([TOOL, VLC], {TOOL}, {"a"})
    clock.advance(days * DAY_S)
    again = ListedPrograms(tmp_path, clock_s=clock)
    again.note_present([VLC], (), ())

    assert [program.name for program in again.find_gone([VLC], ())] == (["tool"] if is_gone else [])


def test_a_program_that_is_for_all_too_is_not_only_in_a_home():
    """Then it is gone when it is gone."""
    listed = ListedPrograms(None)
    listed.add([TOOL])
    listed.note_present([TOOL, Program("tool", path="/usr/local/bin/tool", source="file")], {TOOL}, {"a"})

    assert [program.name for program in listed.find_gone([], ())] == ["tool"]


def test_what_did_not_change_is_not_written_again(tmp_path: Path):
    """Once a day at most, for the days on which homes were there."""
    clock = FakeClock()
    listed = ListedPrograms(tmp_path, clock_s=clock)
    listed.add([VLC])
    listed.note_present([VLC], (), {"a"})
    (tmp_path / FILE_NAME).unlink()
    listed.note_present([VLC], (), {"a"})
    assert not (tmp_path / FILE_NAME).exists()
    clock.advance(DAY_S)
    listed.note_present([VLC], (), {"a"})

    assert (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize(
    "content",
    [
        ["dpkg:vlc"],
        [[], []],
        [[["dpkg", "vlc", ["1"], True]], [["a", "b"]]],
        [[["dpkg", "vlc", [1], True]], []],
        [[["dpkg", "vlc", "1", True]], []],
        [[["dpkg", 7, ["1"], True]], []],
        [[["dpkg", "vlc", ["1"]]], []],
        [7, []],
    ],
)
def test_what_makes_no_sense_spoils_the_file(tmp_path: Path, content: object):
    """Then everything is told once more."""
    (tmp_path / FILE_NAME).write_text(json.dumps({"format": 1, "listed": content}))
    listed = ListedPrograms(tmp_path)

    assert listed.is_empty
    listed.add([VLC])
    assert VLC in ListedPrograms(tmp_path)


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path):
    """It is remembered until the agent ends."""
    (tmp_path / "checks").write_bytes(b"a file where the folder should be")
    listed = ListedPrograms(tmp_path / "checks")
    listed.add([VLC])

    assert VLC in listed
