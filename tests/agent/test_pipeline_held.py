# SPDX-License-Identifier: Apache-2.0
"""Tests of the data path when the disk takes nothing or the queue is full: what waits, what goes, what is counted."""

from collections import Counter
from pathlib import Path

import pytest

from agent.checks.interface import Answer
from agent.pipeline import DISK_PAUSE_S
from proto.events import (
    AgentStopped,
    ChainRestarted,
    CheckChanged,
    EventsDropped,
    Missing,
    Program,
    ProgramStarted,
    State,
)
from tests.agent.collector import open_as_collector
from tests.agent.piping import IDENTITY, Piping
from tests.agent.spooled import failing_disk, peek_all


def tor(number: int) -> ProgramStarted:
    """Return the start of Tor, severity 4, which is new content for each number."""
    return ProgramStarted(Program("tor", f"/home/pupil/{number}/tor", source="process"))


def game(number: int) -> ProgramStarted:
    """Return the start of a game, severity 2, which is new content for each number."""
    return ProgramStarted(Program("supertux2", f"/home/pupil/{number}/supertux2", source="process"))


HELD = 100


@pytest.fixture(autouse=True)
def _hold_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so few events wait while the disk fails that a test soon has more."""
    monkeypatch.setattr("agent.pipeline.HELD_WHILE_DISK_FAILS", HELD)


@pytest.fixture
def piping(tmp_path: Path) -> Piping:
    """A data path with one check and a policy that names Tor and a game."""
    return Piping(tmp_path)


def test_what_the_disk_did_not_take_waits(piping: Piping) -> None:
    """It is recorded as soon as the disk takes it, once, in order, and the chain has no gap."""
    piping.step(tor(1))
    with failing_disk(piping.spool):
        for number in range(2, 6):
            piping.step(tor(number), advance_s=1)
        assert len(piping.told("program.started")) == 1
    piping.step(tor(6), advance_s=DISK_PAUSE_S)
    assert piping.told("program.started") == [tor(number) for number in range(1, 7)]
    open_as_collector(IDENTITY, peek_all(piping.spool))
    piping.minute()
    assert piping.counts() == {}


def test_a_failing_disk_is_not_tried_at_every_event(piping: Piping) -> None:
    """It is tried every few seconds and at the end, so that neither the log nor the processor is flooded."""
    statements: list[str] = []
    with failing_disk(piping.spool):
        piping.spool._db.set_trace_callback(statements.append)
        for number in range(20):
            piping.step(tor(number), advance_s=1)
    assert statements.count("BEGIN IMMEDIATE") == 20 / DISK_PAUSE_S
    piping.pipeline.stop()
    piping.pipeline.run()
    assert piping.told("program.started") == [tor(number) for number in range(20)]


def test_other_checks_go_on_while_the_disk_fails(tmp_path: Path) -> None:
    """A failing disk crashes no check, and their answers are there for `status`."""
    piping = Piping(tmp_path, names=("one", "two"))
    with failing_disk(piping.spool):
        piping.step(tor(1))
        piping.step(tor(2), advance_s=1)
    assert [check.looks for check in piping.checks] == [2, 2]
    assert set(piping.pipeline.results) == {"one", "two"}


def test_only_so_much_waits_and_the_least_severe_goes_first(piping: Piping) -> None:
    """Whoever fills the disk and then makes noise pushes out the noise, and not what he did before it."""
    noise = HELD + 200
    with failing_disk(piping.spool):
        piping.step(tor(0))
        for number in range(noise):
            # Slow enough to be no flood.
            piping.step(game(number), advance_s=1)
    piping.step(advance_s=DISK_PAUSE_S)
    recorded = piping.told("program.started")
    assert recorded[0] == tor(0)
    assert recorded[1:] == [game(number) for number in range(noise - len(recorded) + 1, noise)]
    piping.minute()
    assert piping.counts()["program.started", "disk"] == noise - len(recorded) + 1
    open_as_collector(IDENTITY, peek_all(piping.spool))


def test_a_full_queue_is_counted(tmp_path: Path) -> None:
    """Events that found no room, and content that had to go for others, are told once there is room again."""
    piping = Piping(tmp_path, max_bytes=20_000)
    for number in range(100):
        piping.step(tor(number), advance_s=1)
    kept = piping.told("program.started")
    waiting = peek_all(piping.spool)
    # Every refused event and every lost content is a start: nothing else is so low in rank but what counts them.
    piping.spool.acknowledge(waiting[-1].seq)
    piping.minute()
    lost = piping.counts()["program.started", "queue_full"]
    assert lost == 100 - len(kept)
    open_as_collector(IDENTITY, peek_all(piping.spool), waiting[-1].hash)


def test_counts_survive_a_queue_that_stays_full(tmp_path: Path) -> None:
    """While there is not even room to say what was dropped, the counts grow, and none is lost."""
    piping = Piping(tmp_path, max_bytes=3_000)
    total = 0
    for number in range(400):
        piping.step(tor(number), tor(number), advance_s=1)
        total += 2
    recorded = len([event for event in peek_all(piping.spool) if event.kind == "program.started"])
    trimmed = sum(
        event.payload.missing is Missing.QUEUE_FULL
        for event in peek_all(piping.spool)
        if event.kind == "program.started"
    )
    piping.spool.acknowledge(piping.spool.head(1).seq)
    piping.minute()
    counts = Counter({reason: count for (kind, reason), count in piping.counts().items() if kind == "program.started"})
    assert counts["repeated"] == 400
    assert counts["queue_full"] + counts["repeated"] == total - recorded + trimmed


def test_of_several_events_the_least_severe_makes_room(tmp_path: Path) -> None:
    """When a batch does not fit, as much of it as fits is recorded, the most severe of it first."""
    piping = Piping(tmp_path, max_bytes=900)
    with failing_disk(piping.spool):
        piping.step(game(1), tor(1), game(2), AgentStopped("x"), tor(2))
    piping.step(advance_s=DISK_PAUSE_S)
    assert piping.told("program.started") == [tor(1), tor(2)]
    piping.spool.acknowledge(piping.spool.head(1).seq)
    piping.minute()
    assert piping.counts()["program.started", "queue_full"] == 2


def test_an_answer_that_found_no_room_is_told_again(tmp_path: Path) -> None:
    """The collector learns how a check stands as soon as there is room."""
    piping = Piping(tmp_path, max_bytes=1)
    piping.check.answer = Answer(State.FAIL, "Tor runs.", {"running": "Tor"})
    piping.step()
    assert piping.told() == []
    piping.spool._max_bytes = 10**6
    piping.step(advance_s=3)
    assert [event.state for event in piping.told(CheckChanged.kind)] == ["fail"]


def test_what_starts_a_chain_is_not_pushed_out_by_counts(piping: Piping) -> None:
    """That the queue was lost stays among what waits, in its place, while less severe events go."""
    piping.pipeline.submit(ChainRestarted("the queue was gone", 1))
    with failing_disk(piping.spool):
        for number in range(HELD + 50):
            piping.step(game(number), advance_s=1)
    piping.step(advance_s=DISK_PAUSE_S)
    assert piping.told()[0] == ChainRestarted("the queue was gone", 1)
    piping.minute()
    assert piping.counts()["program.started", "disk"] >= 50


def test_what_a_chain_leaves_goes_on_in_the_next_one(piping: Piping, tmp_path: Path) -> None:
    """Events that the disk did not take up to the end, what was dropped and what came in last: nothing is uncounted."""
    with failing_disk(piping.spool):
        piping.step(tor(1), tor(1))
        piping.pipeline.stop()
        piping.pipeline.run()
    piping.pipeline.submit(AgentStopped("late"))
    held = piping.pipeline.take_held()
    assert piping.pipeline.take_held() == []
    following = Piping(tmp_path / "next")
    following.pipeline.inherit(held)
    following.step(game(1))
    assert [event for event in following.told() if event.kind != CheckChanged.kind] == [
        tor(1),
        EventsDropped("program.started", "repeated", 1),
        AgentStopped("late"),
        game(1),
    ]


@pytest.mark.parametrize("reasons", [("SIGTERM", ""), ("", "SIGTERM")])
def test_who_ends_it_without_a_word_takes_no_word_away(piping: Piping, reasons: tuple[str, str]) -> None:
    """A chain that breaks while the machine goes down: why it ended is told all the same."""
    for reason in reasons:
        piping.pipeline.stop(reason)
    piping.pipeline.run()
    assert piping.told(AgentStopped.kind) == [AgentStopped("SIGTERM")]
