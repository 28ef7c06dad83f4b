# SPDX-License-Identifier: Apache-2.0
"""Tests of finding programs beside the packages."""

import os
from pathlib import Path

import pytest

from agent.system.linux.sources import folders
from tests.agent.system.linux.disk import Disk


def test_executables_beside_the_packages_are_found(disk: Disk):
    """In the usual folders of the system, of /opt and of users; what cannot be executed is no program."""
    places = [
        "usr/local/bin/one",
        "usr/local/sbin/two",
        "usr/local/games/three",
        "opt/suite/four",
        "opt/suite/bin/five",
        "home/alice/.local/bin/six",
        "home/alice/bin/seven",
        "root/.local/bin/eight",
    ]
    for place in places:
        disk.write(place, mode=0o755)
    disk.write("usr/local/bin/notes.txt")
    disk.write("opt/suite/lib/deep", mode=0o755)

    programs, unread = disk.read()

    assert {program.path for program in programs} == {str(disk.root / place) for place in places}
    assert {program.source for program in programs} == {"file"}
    assert unread == ()


def test_a_link_counts_by_its_name(disk: Disk):
    """Where it leads is not looked at, nor whether it leads anywhere."""
    disk.link("home/alice/.local/bin/sqlmap", "/home/alice/.venvs/sqlmap/bin/sqlmap")

    programs, unread = disk.read()

    assert {program.name for program in programs} == {"sqlmap"}
    assert unread == ()


def test_a_users_folder_may_lead_elsewhere_in_the_home(disk: Disk):
    """People who keep their settings in one folder do that."""
    disk.write("home/alice/settings/bin/tool", mode=0o755)
    disk.link("home/alice/bin", "settings/bin")

    programs, unread = disk.read()

    assert {program.path for program in programs} == {str(disk.root / "home/alice/settings/bin/tool")}
    assert unread == ()


@pytest.mark.parametrize("target", ["{root}/secret", "../../secret", "/"])
def test_a_users_folder_cannot_lead_out_of_the_home(disk: Disk, target: str):
    """It is not read, and that is said without naming the person."""
    disk.write("secret/private", mode=0o755)
    disk.link("home/alice/bin", target.format(root=disk.root))

    programs, unread = disk.read()

    assert programs == set()
    assert unread == ("programs in home folders: a link leads out of the folder",)
    assert "alice" not in repr(unread)


def test_odd_things_in_a_users_folder_do_no_harm(disk: Disk):
    """Pipes, folders, loops and names that are no text."""
    folder = disk.root / "home/alice/.local/bin"
    disk.write("home/alice/.local/bin/real", mode=0o755)
    os.mkfifo(folder / "pipe", 0o777)
    (folder / "folder").mkdir()
    disk.link("home/alice/bin", "bin")
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))).touch(mode=0o755)

    programs, unread = disk.read()

    assert {program.name for program in programs} == {"real", "caf�"}
    assert all(program.path.encode() for program in programs)
    assert len(unread) == 1


def test_a_folder_with_too_many_entries_is_said_to_be_unread(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """What fits the limit is read."""
    monkeypatch.setattr(folders, "MAX_ENTRIES", 3)
    for number in range(5):
        disk.write(f"home/alice/.local/bin/{number}", mode=0o755)

    programs, unread = disk.read()

    assert len(programs) == 3
    assert unread == ("programs in home folders: more than 3 entries in a folder",)
