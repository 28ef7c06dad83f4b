# SPDX-License-Identifier: Apache-2.0
"""Tests of what the cuts of a queue must notice: a disk that lies would otherwise pass unseen."""

import random
from pathlib import Path

import pytest

from agent.spool import Spool
from tests.agent.spooled import KEY, Chain
from tests.soak.cuts import queue
from tests.soak.cuts.platter import Cut, Platter, lay_down
from tests.soak.outcome import Outcome


def judge(tmp_path: Path, *said: str, spoil: bool = False) -> Outcome:
    """Return what is made of a queue with events 1 to 3, of which something was said."""
    folder = tmp_path / "disk"
    spool = Spool(folder / queue.FILE, KEY, max_bytes=queue.MAX_BYTES)
    chain = Chain(spool)
    spool.append(1, [chain.make(queue._body_of(seq)) for seq in (1, 2, 3)])
    spool.close()
    (state,) = Platter.load(folder).states(random.Random(1))
    if spoil:
        state = {path: b"\xff" * len(content) for path, content in state.items()}
    outcome, place = Outcome("cuts"), tmp_path / "place"
    lay_down(state, folder, place)
    queue._judge(Cut(9, said, state), place, outcome)
    return outcome


def test_queue_that_holds_what_was_said_is_good(tmp_path: Path) -> None:
    """What it was told to forget may be there still; what it was about to append may be there already."""
    assert judge(tmp_path / "all", "appending 3", "appended 3").is_good()
    assert judge(tmp_path / "some", "appending 2", "appended 2", "forgetting 1", "appending 3").is_good()


@pytest.mark.parametrize("promised", ["4", "6"])
def test_promise_that_is_not_kept_is_seen(tmp_path: Path, promised: str) -> None:
    """Events that were said to be on the disk and are not are lost, and the chain ends too early."""
    outcome = judge(tmp_path, f"appending {promised}", f"appended {promised}")
    assert outcome.lost == int(promised) - 3
    assert outcome.problems


def test_queue_that_does_not_open_lost_all_that_was_in_it(tmp_path: Path) -> None:
    """Damage that a cut leaves is no excuse, though the agent would say so in a new epoch."""
    outcome = judge(tmp_path, "appending 3", "appended 3", "forgetting 1", spoil=True)
    assert outcome.lost == 2
    assert "damaged" in outcome.problems[0]


def test_event_out_of_nowhere_is_seen(tmp_path: Path) -> None:
    """Nobody had begun to append the third."""
    assert judge(tmp_path, "appending 2", "appended 2").problems
