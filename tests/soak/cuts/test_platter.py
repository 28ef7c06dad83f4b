# SPDX-License-Identifier: Apache-2.0
"""Tests of what a disk may hold after a power cut."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.soak.cuts.platter import Platter, State, make_cuts
from tests.soak.cuts.trace import Create, Remove, Rename, Say, Step, Sync, Truncate, Write

FOLDER = Path("/folder")
FILE = FOLDER / "file"
OTHER = FOLDER / "other"


def play(*steps: Step, files: Sequence[Path] = (FILE,)) -> list[State]:
    """Return what a disk may hold after steps that begin with empty files."""
    platter = Platter()
    for path in files:
        platter.take(Create(path))
    platter.take(Sync(FOLDER))
    for step in steps:
        platter.take(step)
    return list(platter.states(random.Random(1)))


def test_synced_write_is_there_whatever_happens() -> None:
    """A write before a sync is in every state, one after it only in some."""
    states = play(Write(FILE, 0, b"first"), Sync(FILE), Write(FILE, 5, b"second"))
    assert {state[FILE] for state in states} == {b"first", b"firstsecond"}


def test_writes_reach_the_disk_in_any_order() -> None:
    """Each of two writes may be there without the other; where nothing came, there are zeros."""
    states = play(Write(FILE, 0, b"ab"), Write(FILE, 2, b"cd"))
    assert {state[FILE] for state in states} == {b"", b"ab", b"\0\0cd", b"abcd"}


def test_last_write_is_torn_at_each_sector() -> None:
    """Only whole sectors reach the disk, and they begin where the disk's do, not where the write does."""
    states = play(Write(FILE, 0, bytes(500)), Sync(FILE), Write(FILE, 500, b"x" * 1100))
    assert {len(state[FILE]) for state in states} == {500, 512, 1024, 1536, 1600}


def test_sync_brings_one_file_and_no_other() -> None:
    """What was written elsewhere may still be lost."""
    states = play(Write(FILE, 0, b"a"), Write(OTHER, 0, b"b"), Sync(OTHER), files=(FILE, OTHER))
    assert {(state[FILE], state[OTHER]) for state in states} == {(b"", b"b"), (b"a", b"b")}


def test_name_is_sure_once_its_folder_is_synced() -> None:
    """Before that a file may be gone though its content was synced, and a renamed one may be where it was."""
    made: list[Step] = [Create(OTHER), Write(OTHER, 0, b"b"), Sync(OTHER)]
    assert {frozenset(state) for state in play(*made)} == {frozenset({FILE}), frozenset({FILE, OTHER})}
    assert {frozenset(state) for state in play(*made, Sync(FOLDER))} == {frozenset({FILE, OTHER})}
    renamed = play(*made, Sync(FOLDER), Rename(OTHER, FILE))
    assert {tuple(sorted(state.items())) for state in renamed} == {
        ((FILE, b"b"),),
        ((FILE, b""), (OTHER, b"b")),
    }


def test_folder_takes_its_files_along() -> None:
    """A folder that gets another name has it for sure once the one above is synced."""
    inside = FOLDER / "old" / "key"
    made: list[Step] = [Create(inside), Write(inside, 0, b"k"), Sync(inside), Sync(inside.parent)]
    rename = Rename(FOLDER / "old", FOLDER / "new")
    moved = FOLDER / "new" / "key"
    assert {path for state in play(*made, rename) for path in state} == {FILE, inside, moved}
    assert {path for state in play(*made, rename, Sync(FOLDER)) for path in state} == {FILE, moved}


def test_removed_and_truncated_files_may_be_as_they_were() -> None:
    """Until the sync that makes it sure."""
    begun: list[Step] = [Write(FILE, 0, b"content"), Sync(FILE)]
    assert {state[FILE] for state in play(*begun, Truncate(FILE, 0))} == {b"", b"content"}
    assert {state.get(FILE) for state in play(*begun, Remove(FILE))} == {None, b"content"}


def test_every_cut_knows_what_was_said_before_it() -> None:
    """The same disk is tried again once more was promised."""
    steps: list[Step] = [Create(FILE), Write(FILE, 0, b"a"), Sync(FILE), Say("kept"), Sync(FOLDER)]
    cuts = list(make_cuts(FOLDER, Platter(), steps, seed=1, drops_each=True))
    assert {cut.state.get(FILE) for cut in cuts if not cut.said} == {None, b"", b"a"}
    assert {cut.state.get(FILE) for cut in cuts if cut.said} == {None, b"a"}
    assert {cut.state.get(FILE) for cut in cuts if cut.after == 5} <= {b"a"}
