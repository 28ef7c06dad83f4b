# SPDX-License-Identifier: Apache-2.0
"""Tests of how repetitions and floods are cut, with a clock that stands still until it is told."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.throttle import A_MINUTE_OF_ONE_KIND, REMEMBERED, REPEATED_WITHIN_S, Throttle
from proto.events import AgentStopped, CheckCrashed, EventsDropped, Program, ProgramStarted
from tests.fakes import FakeClock


def started(name: str) -> ProgramStarted:
    """Return the start of a program."""
    return ProgramStarted(Program(name, source="process"))


@pytest.fixture
def clock() -> FakeClock:
    """A clock."""
    return FakeClock()


def test_the_first_goes_on(clock: FakeClock) -> None:
    """Something new goes on, also when the clock is at its very beginning."""
    assert Throttle(clock).admit(started("tor"))
    assert Throttle(FakeClock(0.0)).admit(started("tor"))


def test_the_same_within_seconds_is_a_repetition(clock: FakeClock) -> None:
    """The same content is cut until two seconds have passed since it last went on."""
    throttle = Throttle(clock)
    assert throttle.admit(started("tor"))
    assert not throttle.admit(started("tor"))
    clock.advance(REPEATED_WITHIN_S - 0.01)
    assert not throttle.admit(started("tor"))
    clock.advance(0.01)
    assert throttle.admit(started("tor"))
    assert throttle.take_dropped() == [EventsDropped("program.started", "repeated", 2)]


def test_what_is_repeated_for_ever_is_told_now_and_then(clock: FakeClock) -> None:
    """A repetition does not keep itself quiet: every two seconds it is told."""
    throttle = Throttle(clock)
    admitted = 0
    for _ in range(100):
        admitted += throttle.admit(started("tor"))
        clock.advance(0.5)
    assert admitted == 25


def test_other_content_is_no_repetition(clock: FakeClock) -> None:
    """Any other field, and any other kind, is something else."""
    throttle = Throttle(clock)
    assert throttle.admit(started("tor"))
    assert throttle.admit(started("nmap"))
    assert throttle.admit(ProgramStarted(Program("tor", source="process"), already_running=True))
    assert throttle.admit(AgentStopped("tor"))
    assert throttle.admit(CheckCrashed("tor", ""))
    assert throttle.take_dropped() == []


def test_a_flood_of_one_kind_is_cut(clock: FakeClock) -> None:
    """No more than so many of one kind go on in any minute; the rest is counted, and other kinds go on."""
    throttle = Throttle(clock)
    admitted = sum(throttle.admit(started(f"game-{number}")) for number in range(1000))
    assert admitted == A_MINUTE_OF_ONE_KIND
    assert throttle.admit(AgentStopped("SIGTERM"))
    assert throttle.take_dropped() == [EventsDropped("program.started", "flood", 1000 - A_MINUTE_OF_ONE_KIND)]
    clock.advance(59.9)
    assert not throttle.admit(started("tor"))
    clock.advance(0.2)
    assert throttle.admit(started("tor"))


def test_the_minute_slides(clock: FakeClock) -> None:
    """In no stretch of sixty seconds do more go on, wherever it begins."""
    throttle = Throttle(clock)
    times = []
    for number in range(2000):
        if throttle.admit(started(f"game-{number}")):
            times.append(clock())
        clock.advance(0.17)
    assert all(later - earlier >= 60.0 for earlier, later in zip(times, times[A_MINUTE_OF_ONE_KIND:], strict=False))
    assert len(times) >= 5 * A_MINUTE_OF_ONE_KIND


def test_counts_are_taken_once(clock: FakeClock) -> None:
    """What was dropped is told once, in order of kind and reason, with what others dropped."""
    throttle = Throttle(clock)
    throttle.admit(started("tor"))
    throttle.admit(started("tor"))
    throttle.count_dropped("program.started", "queue_full", 3)
    throttle.count_dropped("program.started", "queue_full", 4)
    throttle.count_dropped("agent.stopped", "disk", 1)
    assert throttle.take_dropped() == [
        EventsDropped("agent.stopped", "disk", 1),
        EventsDropped("program.started", "queue_full", 7),
        EventsDropped("program.started", "repeated", 1),
    ]
    assert throttle.take_dropped() == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.1, 1.0, 1.99, 2.0, 30.0, 61.0])), max_size=300))
def test_nothing_vanishes(steps: list[tuple[int, float]]) -> None:
    """Whatever comes and however time passes: what went on and what was counted is what came."""
    clock = FakeClock()
    throttle = Throttle(clock)
    admitted = 0
    for number, pause_s in steps:
        admitted += throttle.admit(started(f"program-{number}"))
        clock.advance(pause_s)
    assert admitted + sum(dropped.count for dropped in throttle.take_dropped()) == len(steps)


def test_memory_stays_bounded(clock: FakeClock) -> None:
    """Hours of ever new events of every kind do not make it grow."""
    throttle = Throttle(clock)
    for number in range(20_000):
        throttle.admit(started(f"game-{number}"))
        throttle.admit(AgentStopped(str(number)))
        clock.advance(0.6)
    assert len(throttle._seen) <= REMEMBERED + 1
    assert all(len(recent) <= A_MINUTE_OF_ONE_KIND for recent in throttle._recent.values())
    assert Counter(throttle.take_dropped()).total() <= 2


def test_a_long_sleep_is_no_repetition(clock: FakeClock) -> None:
    """After a night in suspend everything is new."""
    throttle = Throttle(clock)
    throttle.admit(started("tor"))
    clock.advance(12 * 3600)
    assert throttle.admit(started("tor"))


def test_a_flood_of_one_rule_hides_no_other(clock: FakeClock) -> None:
    """A pupil who starts a game a thousand times does not so hide what he starts next."""
    throttle = Throttle(clock)
    for number in range(1000):
        throttle.admit(started(f"game-{number}"), "games-clients/Minecraft")
    assert throttle.admit(started("mimikatz"), "cracking-passwords/Mimikatz")
