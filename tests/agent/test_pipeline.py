# SPDX-License-Identifier: Apache-2.0
"""Tests of the data path on the device: order, gate, and that one broken part does not stop the others. What it does
when the disk or the queue takes nothing is in `test_pipeline_held`."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.budget import ALL, Level
from agent.checks.interface import Answer
from agent.pipeline import CRASHED_PAUSE_S, DROPPED_EVERY_S, WOKEN_EVERY_S
from proto.events import (
    AgentStopped,
    CheckChanged,
    CheckCrashed,
    ClockStepped,
    EventsDropped,
    Kind,
    PolicyApplied,
    Program,
    ProgramFound,
    ProgramStarted,
    State,
)
from proto.wire import decode_header
from tests.agent.collector import open_as_collector, rule_files
from tests.agent.piping import COLLECTOR, IDENTITY, Piping
from tests.agent.spooled import peek_all

TOR = ProgramStarted(Program("tor", source="process"))
BASH = ProgramStarted(Program("bash", source="process"))


@pytest.fixture
def piping(tmp_path: Path) -> Iterator[Piping]:
    """A data path with one check and a policy that names Tor."""
    piping = Piping(tmp_path)
    yield piping
    piping.spool.close()


def started(name: str) -> ProgramStarted:
    """Return the start of Tor from some folder, which is new content each time."""
    return ProgramStarted(Program("tor", f"/home/pupil/{name}/tor", source="process"))


def test_what_a_rule_names_is_recorded(piping: Piping) -> None:
    """It lies in the queue with the rule's severity and the policy's version, and the collector can open it."""
    piping.step(TOR)
    waiting = peek_all(piping.spool)
    assert piping.told("program.started") == [TOR]
    header = decode_header(waiting[0].header)
    assert (header.kind, header.severity, header.bundle_version) == ("program.started", 4, 7)
    open_as_collector(IDENTITY, waiting)


def test_what_no_rule_names_ends_here(piping: Piping) -> None:
    """Nothing of it lies in the queue, in no form."""
    piping.step(BASH, ProgramFound(Program("secret-diary", "/home/pupil/secret-diary", source="file")))
    assert piping.told("program.started", "program.found") == []
    assert b"secret-diary" not in b"".join(event.payload.body for event in peek_all(piping.spool))


def test_without_a_policy_only_the_agent_itself_is_told(tmp_path: Path) -> None:
    """Before the first policy no event about a program is recorded."""
    piping = Piping(tmp_path, policy=False)
    piping.pipeline.submit(AgentStopped("SIGTERM"))
    piping.step(TOR)
    assert piping.told() == [AgentStopped("SIGTERM"), CheckChanged("one", "pass", "All is well.")]
    piping.policy.accept(COLLECTOR.publish(8, rule_files()))
    piping.step(TOR, advance_s=3)
    assert piping.told("program.started") == [TOR]


def test_the_order_is_that_of_what_happened(tmp_path: Path) -> None:
    """What others submitted comes first, then each check's events in its order, each followed by its answer."""
    piping = Piping(tmp_path, names=("one", "two"))
    piping.checks[1].events = [started("c")]
    piping.pipeline.submit(PolicyApplied(7, "00"))
    piping.pipeline.submit(AgentStopped("SIGTERM"))
    piping.step(started("a"), started("b"))
    assert [event.kind for event in piping.told()] == [
        *("policy.applied", "agent.stopped", "program.started", "program.started"),
        *("check.changed", "program.started", "check.changed"),
    ]
    assert [event.program.path[12] for event in piping.told("program.started")] == ["a", "b", "c"]


def test_an_event_is_on_the_disk_before_the_check_is_asked_for_the_next(piping: Piping) -> None:
    """Killed at any moment, a check never took for told what was not stored."""
    on_disk: list[int] = []
    piping.check.on_told = lambda event: on_disk.append(len(piping.told("program.started")))
    piping.step(started("a"), started("b"), started("c"))
    assert on_disk == [1, 2, 3]


@pytest.mark.parametrize("error", [ValueError("secret"), OSError("secret"), RecursionError("secret"), MemoryError()])
def test_a_check_that_crashes_stops_nobody(tmp_path: Path, error: Exception) -> None:
    """It is told with the type of the error alone; what it saw before and what others see is recorded."""
    piping = Piping(tmp_path, names=("one", "two"))
    piping.check.error = error
    piping.checks[1].events = [started("other")]
    piping.step(started("before"))
    assert piping.told("check.crashed") == [CheckCrashed("one", type(error).__name__)]
    assert [event.program.path[12:17] for event in piping.told("program.started")] == ["befor", "other"]
    answers = {event.check: event.state for event in piping.told("check.changed")}
    assert answers == {"one": "unknown", "two": "pass"}
    assert b"secret" not in b"".join(event.payload.body for event in peek_all(piping.spool))


def test_a_crashed_check_pauses_and_comes_back(tmp_path: Path) -> None:
    """It is asked again after half a minute, while others go on every second, and its recovery is told."""
    piping = Piping(tmp_path, names=("one", "two"))
    piping.check.error = ValueError()
    piping.step()
    for _ in range(int(CRASHED_PAUSE_S) - 1):
        piping.step(advance_s=1.0)
    assert (piping.checks[0].looks, piping.checks[1].looks) == (1, 30)
    piping.check.error = None
    piping.step(advance_s=1.0)
    assert piping.check.looks == 2
    assert [event.state for event in piping.told("check.changed") if event.check == "one"] == ["unknown", "pass"]


def test_who_stops_the_program_is_not_caught(piping: Piping) -> None:
    """An interrupt inside a check is no crash of the check."""
    piping.check.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        piping.step()


def test_the_same_answer_is_told_once(piping: Piping) -> None:
    """An answer is told when it changes; that its summary counts otherwise is no change."""
    for number in range(5):
        piping.check.answer = Answer(State.PASS, f"{number} processes looked at.")
        piping.step(advance_s=5)
    assert [event.state for event in piping.told("check.changed")] == ["pass"]
    assert piping.pipeline.results["one"].summary == "4 processes looked at."


def test_another_answer_is_told(piping: Piping) -> None:
    """Each change is told with its facts; since when it fails stays the same while it fails."""
    facts = [{"running": "Tor"}, {"running": "Tor"}, {"running": "Nmap"}]
    piping.step()
    for each in facts:
        piping.check.answer = Answer(State.FAIL, "Something runs.", each)
        piping.step(advance_s=5)
    piping.check.answer = Answer(State.PASS, "All is well.")
    piping.step(advance_s=5)
    told = piping.told("check.changed")
    assert [(event.state, event.facts) for event in told] == [
        ("pass", {}),
        ("fail", {"running": "Tor"}),
        ("fail", {"running": "Nmap"}),
        ("pass", {}),
    ]
    assert told[1].first_failed_at_ns == told[2].first_failed_at_ns == 1005 * 10**9
    assert told[3].first_failed_at_ns == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(list(State)), st.sampled_from([0.1, 1.0, 1.9, 2.5])), max_size=40))
@example([(State.PASS, 0.1), (State.UNKNOWN, 0.1), (State.PASS, 0.1)])
def test_the_last_answer_told_is_the_true_one(
    tmp_path_factory: pytest.TempPathFactory, flaps: list[tuple[State, float]]
) -> None:
    """However fast an answer changes, after a while the collector knows how it stands."""
    piping = Piping(tmp_path_factory.mktemp("state"))
    for state, pause_s in flaps:
        piping.check.answer = Answer(state, "So it is.")
        piping.pipeline.wake()
        piping.step(advance_s=pause_s)
    for _ in range(4):
        piping.step(advance_s=1.0)
    assert piping.told("check.changed")[-1].state == piping.check.answer.state
    piping.spool.close()


def test_repetitions_and_floods_are_counted(piping: Piping) -> None:
    """What was cut is told once a minute, by kind and reason."""
    piping.step(TOR, TOR, TOR, *(started(str(number)) for number in range(200)))
    assert len(piping.told("program.started")) == 120
    assert piping.counts() == {}
    piping.minute()
    assert piping.counts() == {("program.started", "repeated"): 2, ("program.started", "flood"): 81}
    piping.minute()
    assert len(piping.told(EventsDropped.kind)) == 2


def test_a_check_is_asked_when_it_is_due(tmp_path: Path) -> None:
    """Not before, and sooner when it is woken; others are left alone."""
    piping = Piping(tmp_path, names=("one", "two"))
    piping.step()
    piping.step(advance_s=0.5)
    assert [check.looks for check in piping.checks] == [1, 1]
    piping.pipeline.wake("two")
    piping.step()
    assert [check.looks for check in piping.checks] == [1, 2]
    piping.pipeline.wake()
    piping.step()
    assert [check.looks for check in piping.checks] == [2, 2]
    piping.step(advance_s=WOKEN_EVERY_S)
    assert [check.looks for check in piping.checks] == [2, 3]
    piping.step(advance_s=1.0)
    assert [check.looks for check in piping.checks] == [3, 4]


@pytest.mark.parametrize(("level", "looks"), [(Level.NORMAL, 10), (Level.SLOW, 3)])
def test_who_wakes_a_check_all_the_time_does_not_get_past_the_budget(piping: Piping, level: Level, looks: int) -> None:
    """It looks every so often, and less often in an agent that is over its limits."""
    piping.budget._levels[ALL] = level
    for _ in range(200):
        piping.pipeline.wake("one")
        piping.step()
        piping.clock.advance(WOKEN_EVERY_S / 20)
    assert piping.check.looks == looks


def test_a_check_that_is_woken_while_it_looks_looks_again(piping: Piping) -> None:
    """What happened during a look is not lost."""
    piping.check.on_told = lambda event: piping.pipeline.wake("one")
    piping.step(TOR)
    piping.step(advance_s=WOKEN_EVERY_S)
    piping.step(advance_s=WOKEN_EVERY_S)
    assert piping.check.looks == 2


def test_what_children_cost_is_charged_to_the_check_that_asked(tmp_path: Path) -> None:
    """With that of others on top, it is that check which is held back."""
    piping = Piping(tmp_path, names=("one", "two"))

    def spend(event: object) -> None:
        piping.system.children_s += 3.0

    piping.check.on_told = spend
    piping.step(TOR)
    charged = {check: cpu_s for _, check, cpu_s in piping.budget._charges}
    assert charged["one"] >= 3.0 > charged["two"]


@pytest.mark.parametrize(
    ("level", "is_paused", "looks"), [(Level.NORMAL, False, 5), (Level.SLOW, False, 2), (Level.PAUSED, True, 2)]
)
def test_an_agent_over_its_limits_looks_less(piping: Piping, level: Level, is_paused: bool, looks: int) -> None:
    """The budget makes intervals longer, and lets scans be left out; nothing is left out for good."""
    piping.budget._levels[ALL] = level
    for _ in range(5):
        piping.step()
        piping.clock.advance(1.0)
    assert piping.check.looks == looks
    assert piping.check.scans_paused is is_paused


def test_what_was_dropped_is_told_before_the_end(piping: Piping) -> None:
    """An agent that is stopped does not take its counts with it, and closes its checks."""
    piping.step(TOR, TOR)
    piping.pipeline.stop()
    piping.pipeline.run()
    assert piping.counts() == {("program.started", "repeated"): 1}
    assert piping.check.is_closed


def test_a_reason_to_stop_is_the_last_that_is_told(piping: Piping) -> None:
    """It comes after what others handed over before; without a reason nothing is told."""
    piping.pipeline.submit(PolicyApplied(7, "00"))
    piping.pipeline.stop("SIGTERM")
    piping.pipeline.run()
    assert piping.told("policy.applied", "agent.stopped") == [PolicyApplied(7, "00"), AgentStopped("SIGTERM")]


def test_a_signal_stops_it_wherever_it_is(piping: Piping) -> None:
    """Also where it holds the lock of its own waking: the handler waits for nothing."""
    with piping.pipeline._wake._cond:  # type: ignore[attr-defined]
        handler = threading.Thread(target=piping.pipeline.stop, args=("SIGTERM",), daemon=True)
        handler.start()
        handler.join(timeout=60)
        assert not handler.is_alive()
    piping.pipeline.run()
    assert piping.told("agent.stopped") == [AgentStopped("SIGTERM")]


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    """Threads that submit and wake are served; all that was submitted before the stop is recorded, each once."""
    piping = Piping(tmp_path)
    runner = threading.Thread(target=piping.pipeline.run)
    runner.start()

    def submit(thread: int) -> None:
        for number in range(25):
            piping.pipeline.submit(AgentStopped(f"{thread}-{number}"))
            piping.pipeline.wake()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    piping.pipeline.stop()
    runner.join(timeout=60)
    assert not runner.is_alive()
    reasons = [event.reason for event in piping.told("agent.stopped")]
    assert sorted(reasons) == sorted(f"{thread}-{number}" for thread in range(4) for number in range(25))
    for name in range(4):
        assert [each for each in reasons if each.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(25)]
    open_as_collector(IDENTITY, peek_all(piping.spool))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([TOR, BASH, AgentStopped("x"), started("a")]), st.floats(0, 3)), max_size=60))
def test_nothing_vanishes_on_the_way(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Kind, float]]) -> None:
    """Each event that may leave is recorded or counted, and none is both."""
    piping = Piping(tmp_path_factory.mktemp("state"))
    for event, pause_s in steps:
        piping.step(event, advance_s=pause_s + 1)
    piping.step(advance_s=DROPPED_EVERY_S + 1)
    recorded = len(piping.told("program.started", "agent.stopped"))
    cut = sum(count for (kind, _), count in piping.counts().items() if kind != "check.changed")
    ended_at_the_gate = len(steps) - recorded - cut
    assert 0 <= ended_at_the_gate <= sum(event is BASH for event, _ in steps)
    piping.spool.close()


def test_clock_that_was_set_is_told(piping: Piping) -> None:
    """By how much: whoever reads times of this machine then knows which ones to trust."""
    piping.step(advance_s=60.0)
    assert piping.told(ClockStepped.kind) == []
    piping.set_by_ns = -3600 * 10**9
    piping.step()
    piping.step(advance_s=60.0)
    (stepped,) = piping.told(ClockStepped.kind)
    assert stepped.found_ns - stepped.expected_ns == -3600 * 10**9
