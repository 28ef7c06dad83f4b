# SPDX-License-Identifier: Apache-2.0
"""Tests of looking into folders and remembering what was there."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from agent.system.linux.sources import folders
from agent.system.linux.sources.folders import Contents, Folders, find_stamp, find_stamps


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folders, "SETTLED_NS", -1)
    (tmp_path / "top").mkdir()
    return tmp_path.resolve() / "top"


def look(known: Folders, folder: Path, *, with_magic: bool = False) -> Contents:
    return known.look_into(
        str(folder), find_stamp(str(folder)), with_magic=with_magic, is_program=lambda descriptor: False
    )


def test_a_folder_is_read_again_when_it_changes(folder: Path):
    """And not before."""
    known = Folders()
    (folder / "one").mkdir()
    first = look(known, folder)
    assert [entry.name for entry in first.entries] == ["one"]
    assert look(known, folder) is first
    (folder / "two").mkdir()
    assert [entry.name for entry in look(known, folder).entries] == ["one", "two"]


def test_setting_back_the_time_does_not_hide_a_change(folder: Path):
    """The owner can do that with one of the two times only."""
    known = Folders()
    look(known, folder)
    before = folder.stat()
    (folder / "new").mkdir()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [entry.name for entry in look(known, folder).entries] == ["new"]


def test_a_look_without_magic_does_not_answer_one_with_it(folder: Path):
    """For the first bytes were not read."""
    known = Folders()
    (folder / "image").write_bytes(b"\x7fELF\2\1\1\0AI\2")
    assert look(known, folder).entries == ()
    assert [entry.is_appimage for entry in look(known, folder, with_magic=True).entries] == [True]


def test_what_has_just_changed_is_not_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Two changes at once look like one."""
    monkeypatch.setattr(folders, "SETTLED_NS", 10**18)
    known = Folders()
    assert look(known, folder) is not look(known, folder)


def test_the_memory_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The oldest goes first."""
    monkeypatch.setattr(folders, "MAX_REMEMBERED", 2)
    known = Folders()
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
    first = [look(known, folder / name) for name in ("a", "b", "c")]

    assert look(known, folder / "c") is first[2]
    assert look(known, folder / "a") is not first[0]


def test_very_many_entries_are_not_even_listed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """So that a folder with a million of them costs no more than one with some."""
    monkeypatch.setattr(folders, "MAX_ENTRIES", 2)
    for name in range(50):
        (folder / str(name)).mkdir()
    looked_at = []

    def count(entries: Iterable[object], limit: int) -> Iterator[object]:
        for each in islice(entries, limit):
            looked_at.append(each)
            yield each

    monkeypatch.setattr(folders, "islice", count)
    contents = look(Folders(), folder)

    assert contents.is_cut
    assert len(contents.entries) == 2
    assert len(looked_at) == 3


@pytest.mark.parametrize("target", ["/", "..", "nowhere", "top"])
def test_a_link_is_not_gone_through(folder: Path, target: str):
    """Wherever it leads."""
    (folder / "link").symlink_to(target)
    with pytest.raises(OSError):
        look(Folders(), folder / "link")


def test_a_place_that_is_none_has_no_stamp():
    """Whatever is asked for."""
    assert find_stamp("/nowhere") is None
    assert find_stamp("a\0b") is None


def test_stamps_of_many_places_are_those_of_each(tmp_path: Path):
    """In any order; behind a link there is none."""
    top = tmp_path.resolve()
    (top / "a/b/c").mkdir(parents=True)
    (top / "d").mkdir()
    (top / "link").symlink_to("a")
    places = ["a/b/c", "a/b", "a/x/y", "d", "link", "link/b", "a/b/c", "a", "d/e/f", "d"]
    stamps = dict(zip(places, find_stamps(f"{top}/{place}" for place in places), strict=True))

    for place in ("a", "a/b", "a/b/c", "d", "link"):
        status = (top / place).lstat()
        assert stamps[place] == (status.st_ino, status.st_ctime_ns, status.st_size) == find_stamp(f"{top}/{place}")
    assert [place for place, stamp in stamps.items() if stamp is None] == ["a/x/y", "link/b", "d/e/f"]


def test_so_many_entries_are_remembered_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of all folders together, the last ones."""
    monkeypatch.setattr(folders, "SETTLED_NS", -1)
    monkeypatch.setattr(folders, "MAX_REMEMBERED_ENTRIES", 5)
    known = Folders()
    for name in "abc":
        for number in range(2):
            (tmp_path.resolve() / name / str(number)).mkdir(parents=True)
        place = str(tmp_path.resolve() / name)
        known.look_into(place, find_stamp(place), with_magic=False, is_program=lambda descriptor: False)

    assert [Path(place).name for place, _ in known._known] == ["b", "c"]
