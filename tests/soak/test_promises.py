# SPDX-License-Identifier: Apache-2.0
"""Tests of how a soak counts: what it must notice, since all of its numbers are to be 0."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.soak.outcome import Outcome
from tests.soak.promises import FORBIDDEN_EVERY, FORGED, Held, Marks, compare, read_journal


def judge(promised: list[str], waiting: int = 0, **held: Any) -> Outcome:
    """Return what a soak makes of a ledger."""
    outcome = Outcome("kills", tried=1)
    compare(promised, waiting, Held(**held), outcome)
    return outcome


def test_ledger_that_holds_every_promise_once_is_good() -> None:
    """An event that came without a promise, because its maker died in between, is no fault."""
    outcome = judge(["a", "b"], marks=Counter("abc"))
    assert outcome.is_good()
    assert (outcome.produced, outcome.acknowledged) == (2, 2)


def test_lost_doubled_and_forged_events_are_seen() -> None:
    """One of each is enough, whatever else is right."""
    assert judge(["a", "b"], marks=Counter("a")).lost == 1
    assert judge(["a"], marks=Counter("aa")).duplicated == 1
    assert judge(["a"], marks=Counter(["a", f"{FORGED}-1"])).forged_accepted == 1


def test_event_that_waits_is_not_lost_and_not_acknowledged() -> None:
    """But no more of them may be away from the ledger than the queue holds."""
    outcome = judge(["a", "b", "c"], waiting=1, marks=Counter("ab"))
    assert (outcome.lost, outcome.acknowledged) == (0, 2)
    assert judge(["a", "b", "c"], waiting=1, marks=Counter("a")).lost == 1


def test_anything_else_amiss_is_a_problem() -> None:
    """Evidence that does not verify, incidents that count wrong, a chain that began anew, content that is gone."""
    faults: list[dict[str, Any]] = [
        {"problems": ["a signature is wrong"]},
        {"forbidden": 2, "counted": 1},
        {"restarts": 1},
        {"without_content": 1},
    ]
    for fault in faults:
        assert len(judge(["a"], marks=Counter("a"), **fault).problems) == 1
    assert judge(["a", "a"], marks=Counter("a")).problems


def test_line_of_the_journal_that_was_cut_promised_nothing(tmp_path: Path) -> None:
    """The producer may be killed while it writes one."""
    journal = tmp_path / "journal"
    assert read_journal(journal) == []
    journal.write_text("mark-1\nmark-2\nmar")
    assert read_journal(journal) == ["mark-1", "mark-2"]


def test_marks_are_never_used_twice() -> None:
    """Neither by one producer nor by the next; every 50th event is of a forbidden program."""
    made = [Marks().next_event() for _ in range(3)]
    marks = Marks()
    more = [marks.next_event() for _ in range(FORBIDDEN_EVERY)]
    assert len({mark for mark, _ in made + more}) == len(made) + FORBIDDEN_EVERY
    assert [event.program.name for _, event in more].count("tor") == 1
