# SPDX-License-Identifier: Apache-2.0
"""Tests of finding programs that lie about in a person's folder."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.system.linux.sources import folders, portable
from tests.agent.system.linux.disk import Disk

PROGRAM = Path(sys.executable).resolve().read_bytes()[:4096]
"""The first part of a real program is enough to know it."""
LIBRARY = Path(str(find_spec("psutil._psutil_linux").origin)).read_bytes()  # type: ignore[union-attr]
IMAGE = b"\x7fELF\2\1\1\0AI\2" + bytes(100)


def loose(disk: Disk) -> list[str]:
    top = f"{disk.root}/home/alice/"
    return sorted(program.path.removeprefix(top) for program in disk.look().loose)


def test_programs_are_found_wherever_they_lie(disk: Disk):
    """With the execute bit or without, whatever they are called; scripts and texts are no such programs."""
    for place in ("run", "Downloads/game.txt", "Documents/a/b/c/deep"):
        disk.write(f"home/alice/{place}", PROGRAM)
    disk.write("home/alice/Downloads/installer.sh", b"#!/bin/sh\n", mode=0o755)
    disk.write("home/alice/Downloads/short", b"\x7fEL")

    assert loose(disk) == ["Documents/a/b/c/deep", "Downloads/game.txt", "run"]


def test_libraries_are_no_programs(disk: Disk):
    """Nor are objects, though both may be marked as executable."""
    disk.write("home/alice/project/libthing.so", LIBRARY, mode=0o755)
    disk.write("home/alice/project/thing.o", PROGRAM[:16] + b"\1\0" + PROGRAM[18:], mode=0o755)

    assert loose(disk) == []
    assert disk.parsing.asked == ["executable", "executable"]


def test_what_only_begins_like_a_program_counts_as_one(disk: Disk):
    """One that is broken does not run, but one that hides might."""
    disk.write("home/alice/odd", b"\x7fELF and more")

    assert loose(disk) == ["odd"]


def test_hidden_folders_and_parts_of_packages_are_left_out(disk: Disk):
    """What is there is found by other sources, or when it runs. So is what lies too deep."""
    for place in (".cache/x", "venv/lib/python3/site-packages/x", "node_modules/x", "1/2/3/4/5/x"):
        disk.write(f"home/alice/{place}", PROGRAM)

    assert loose(disk) == []
    assert disk.look().unread == ()


def test_no_link_and_no_pipe_is_followed(disk: Disk):
    """And none makes us wait."""
    outside = disk.write("secret/program", PROGRAM)
    disk.link("home/alice/link", outside)
    disk.link("home/alice/folder", outside.parent)
    disk.link("home/alice/loop", "loop")
    os.mkfifo(disk.root / "home/alice/pipe")

    assert loose(disk) == []
    assert disk.look().unread == ()


def test_a_home_with_very_many_folders_is_said_to_be_unread(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """What lies higher is looked at first."""
    monkeypatch.setattr(portable, "MAX_FOLDERS", 3)
    for place in ("a/x", "b/x", "c/x", "a/deep/x"):
        disk.write(f"home/alice/{place}", PROGRAM)

    found = disk.look()
    assert len(found.loose) == 2
    assert found.unread == ("programs that lie in home folders: a home with more than 3 folders",)


def test_a_folder_with_very_many_entries_is_said_to_be_unread(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """What fits the limit is looked at."""
    monkeypatch.setattr(folders, "MAX_ENTRIES", 3)
    for number in range(9):
        disk.write(f"home/alice/Downloads/{number}", PROGRAM)

    found = disk.look()
    assert len(found.loose) == 3
    assert found.unread == ("programs that lie in home folders: more than 3 entries in a folder",)


def test_an_appimage_is_known_by_its_first_bytes(disk: Disk):
    """Under any name, with the execute bit or without, and also beside the system's programs."""
    disk.write("home/alice/homework", IMAGE)
    disk.write("opt/Nextcloud-3.1.AppImage", IMAGE, mode=0o755)
    disk.write("usr/local/bin/krita", IMAGE.replace(b"AI\2", b"AI\1"), mode=0o755)
    disk.write("home/alice/false.AppImage", b"text")

    found = {(program.name, program.version, program.source) for program in disk.read()[0]}
    assert found == {("homework", "", "appimage"), ("Nextcloud", "3.1", "appimage"), ("krita", "", "appimage")}
    assert loose(disk) == []


def test_a_file_is_looked_into_once(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """Until it changes; what has just changed is looked into again."""
    disk.write("home/alice/run", PROGRAM)
    reader = disk.make_reader()
    reader.read()
    reader.read()
    assert len(disk.parsing.asked) == 2
    monkeypatch.setattr("agent.system.linux.sources.parsed.SETTLED_NS", -1)
    reader.read()
    reader.read()
    assert len(disk.parsing.asked) == 3
    disk.write("home/alice/run", PROGRAM + b"x")
    reader.read()

    assert len(disk.parsing.asked) == 4


def test_a_file_with_several_names_counts_once(disk: Disk):
    """Names cost their maker nothing."""
    path = disk.write("home/alice/run", PROGRAM)
    (disk.root / "home/alice/Downloads").mkdir()
    for number in range(5):
        os.link(path, disk.root / f"home/alice/Downloads/{number}")

    assert loose(disk) == ["run"]
