# SPDX-License-Identifier: Apache-2.0
"""Tests of the memory of what was told."""

import stat
from pathlib import Path

from agent.checks.software.listed import FILE_NAME, ListedPrograms
from proto.events import Program

VLC = Program("VLC", source="dpkg", version="3")


def test_what_was_told_is_remembered_over_a_restart(tmp_path: Path):
    """By source and name, whatever the version and the case."""
    ListedPrograms(tmp_path / "checks").add([VLC])
    again = ListedPrograms(tmp_path / "checks")

    assert Program("vlc", source="dpkg", version="4") in again
    assert Program("vlc", source="file") not in again
    assert not again.is_empty
    assert stat.S_IMODE((tmp_path / "checks" / FILE_NAME).stat().st_mode) == 0o600


def test_without_a_folder_it_remembers_until_the_end(tmp_path: Path):
    """A check that runs once leaves nothing behind."""
    listed = ListedPrograms(None)
    listed.add([VLC])

    assert VLC in listed
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_text_spoil_the_file(tmp_path: Path):
    """Then everything is told once more."""
    (tmp_path / FILE_NAME).write_bytes(b'{"format": 1, "names": ["dpkg:vlc", 1]}')
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
