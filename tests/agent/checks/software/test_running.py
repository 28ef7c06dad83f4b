# SPDX-License-Identifier: Apache-2.0
"""Tests of the running half of the software check, on a machine in memory."""

import hashlib
from collections.abc import Set
from typing import Any

import pytest

from agent.checks.software import running as running_module
from agent.checks.software.running import (
    READ_AT_MOST_S,
    RECHECK_EVERY_S,
    RETRY_EVERY_S,
    YOUNG_S,
    RunningPrograms,
)
from agent.system.content import Content
from agent.system.interface import RunningProgram, Unreadable
from proto.events import EventsDropped, Program, ProgramStarted
from tests.agent.checks.policies import NMAP, TOR, InForce, knows_hash, make_rules
from tests.fakes import FakeClock, FakeSystem

RULES = make_rules(TOR, NMAP)


class Machine:
    """A machine that is looked at every second."""

    def __init__(self, *, can_watch_starts: bool = False) -> None:
        self.clock = FakeClock()
        self.system = FakeSystem(can_watch_starts=can_watch_starts)
        self.woken = 0
        self.running = RunningPrograms(self.system, self._wake, self.clock)

    def look(self, rules: InForce | None = RULES, *, after_s: float = 1.0) -> list[Any]:
        self.clock.advance(after_s)
        self.system.processes_read.clear()
        return list(self.running.observe(rules.evaluator if rules else None))

    @property
    def names(self) -> list[str]:
        return [finding.name for finding in self.running.findings]

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def watched() -> Machine:
    """A machine that tells of each start."""
    machine = Machine(can_watch_starts=True)
    machine.look()
    return machine


def started(path: str, content: bytes = b"", *, already_running: bool = False) -> ProgramStarted:
    sha256 = hashlib.sha256(content).hexdigest()
    program = Program(path.rpartition("/")[2], path=path, sha256=sha256, source="process")
    return ProgramStarted(program, already_running)


def test_what_runs_before_the_agent_is_told_as_such(machine: Machine):
    """It was not started now; programs that no rule names are not told at all."""
    machine.system.start("/usr/bin/tor", content=b"onion")
    machine.system.start("/usr/bin/firefox")

    assert machine.look() == [started("/usr/bin/tor", b"onion", already_running=True)]
    assert machine.look() == []


def test_a_new_process_is_told_once_with_its_hash(machine: Machine):
    """At the next look, and not again while it runs."""
    machine.look()
    machine.system.start("/usr/bin/tor", content=b"onion")

    assert machine.look() == [started("/usr/bin/tor", b"onion")]
    assert [event for _ in range(30) for event in machine.look()] == []
    assert machine.names == ["Tor"]


def test_each_start_counts(machine: Machine):
    """A second process of the same program is a second start; the finding ends with the last of them."""
    machine.look()
    first, second = machine.system.start("/usr/bin/tor"), machine.system.start("/usr/bin/tor")

    assert machine.look() == [started("/usr/bin/tor")] * 2
    machine.system.end(first.pid)
    machine.look()
    assert machine.names == ["Tor"]
    machine.system.end(second.pid)
    machine.look()
    assert machine.names == []


def test_only_new_processes_are_read(machine: Machine):
    """A machine where nothing happens costs a listing."""
    for _ in range(50):
        machine.system.start("/usr/bin/editor")
    machine.look()
    machine.look(after_s=YOUNG_S + 1)
    new = machine.system.start("/usr/bin/editor")
    machine.look()

    assert machine.system.processes_read == [new.pid]


def test_a_listed_hash_is_found_under_any_name(machine: Machine):
    """A renamed program is known by its content."""
    machine.look()
    machine.system.start("/home/alice/homework", content=b"miner")

    assert machine.look(make_rules(knows_hash(b"miner"))) == [started("/home/alice/homework", b"miner")]


def test_a_program_that_cannot_be_hashed_is_counted(machine: Machine):
    """If a rule asks for content; then it may be the one that the rule means."""
    machine.system.start("/usr/bin/editor", content=None)

    machine.look(RULES)
    assert machine.running.unhashed == 0
    machine.look(make_rules(knows_hash(b"miner")))
    assert machine.running.unhashed == 1


def test_what_could_not_be_read_is_tried_again(machine: Machine):
    """What looks into files may have had other things to do; each retry costs, so they are far apart."""
    rules = make_rules(knows_hash(b"miner"))
    running = machine.system.start("/home/alice/homework", content=None)
    machine.look(rules)
    machine.system.set_content(running, b"miner")

    assert machine.look(rules) == []
    assert machine.look(rules, after_s=RETRY_EVERY_S) == [started("/home/alice/homework", b"miner")]
    assert machine.running.unhashed == 0
    assert machine.look(rules, after_s=RETRY_EVERY_S) == []


def test_a_named_program_is_told_even_if_it_cannot_be_hashed(machine: Machine):
    """Its name is enough for the rule."""
    machine.system.start("/usr/bin/tor", content=None)

    (event,) = machine.look()
    assert event == ProgramStarted(Program("tor", path="/usr/bin/tor", source="process"), already_running=True)


def test_a_process_id_given_again_is_a_new_start(machine: Machine):
    """Also if nobody saw the first process end."""
    first = machine.system.start("/usr/bin/tor")
    machine.look()
    machine.system.start("/usr/bin/tor", pid=first.pid)

    assert machine.look() == [started("/usr/bin/tor")]


def test_a_process_id_given_to_something_else_ends_the_finding(machine: Machine):
    """What does not run any more is not found any more."""
    first = machine.system.start("/usr/bin/tor")
    machine.look()
    machine.system.start("/usr/bin/editor", pid=first.pid)
    machine.look()

    assert machine.names == []


def test_a_shell_that_turns_into_a_program_is_told(machine: Machine):
    """At the next look while it is young, and within seconds when it is old."""
    young, old = machine.system.start("/bin/sh"), machine.system.start("/bin/sh")
    machine.look()
    machine.system.turn_into(young, "/usr/bin/tor")
    assert machine.look() == [started("/usr/bin/tor")]

    machine.look(after_s=YOUNG_S + 1)
    machine.system.turn_into(old, "/usr/bin/nmap")
    assert machine.look(after_s=RECHECK_EVERY_S) == [started("/usr/bin/nmap")]


def test_processes_that_may_not_be_looked_at_are_counted(machine: Machine):
    """Until they end; parts of the kernel are not among them."""
    denied = machine.system.start_unreadable(Unreadable.DENIED)
    machine.system.start_unreadable(Unreadable.DENIED)
    machine.system.start_unreadable(Unreadable.NO_PROGRAM)
    machine.look()
    assert machine.running.unseen == 2

    machine.system.end(denied)
    machine.look()
    assert machine.running.unseen == 1


def test_hidden_processes_are_noticed(machine: Machine):
    """A system that lists only our own processes is not one where nothing runs."""
    machine.system.are_processes_hidden = True
    machine.look()

    assert machine.running.are_some_hidden


def test_a_new_policy_finds_what_runs_already(machine: Machine):
    """Only what it names and the one before did not."""
    machine.system.start("/usr/bin/tor")
    machine.system.start("/usr/bin/nmap")
    machine.look(make_rules(TOR))

    assert machine.look(make_rules(TOR, NMAP)) == [started("/usr/bin/nmap", already_running=True)]
    assert machine.look(make_rules(NMAP)) == []
    assert machine.names == ["Nmap"]


def test_the_first_policy_finds_what_was_started_before_it(machine: Machine):
    """Without one nothing is told, and nothing is forgotten."""
    machine.look(None)
    machine.system.start("/usr/bin/tor")

    assert machine.look(None) == []
    assert machine.look(RULES) == [started("/usr/bin/tor", already_running=True)]


def test_a_program_that_has_ended_before_the_look_is_told(watched: Machine):
    """Where the system tells of each start, and wakes us for it."""
    watched.system.end(watched.system.start("/usr/bin/tor").pid)

    assert watched.woken == 1
    assert watched.look() == [started("/usr/bin/tor")]
    assert watched.names == []


def test_a_start_that_is_told_and_listed_counts_once(watched: Machine):
    """Both ways see the same start."""
    watched.system.start("/usr/bin/tor")

    assert watched.look() == [started("/usr/bin/tor")]
    assert watched.look() == []


def test_a_process_that_runs_one_program_after_the_other_is_told_for_each(watched: Machine):
    """Both were started, if only one of them still runs."""
    watched.system.turn_into(watched.system.start("/usr/bin/tor"), "/usr/bin/nmap")

    assert watched.look() == [started("/usr/bin/tor"), started("/usr/bin/nmap")]
    assert watched.names == ["Nmap"]


def test_an_overrun_is_an_event_and_brings_a_full_look(watched: Machine):
    """What was missed is looked for among what runs, and that some may be missing is said."""
    shell = watched.system.start("/bin/sh")
    watched.look(after_s=YOUNG_S + 1)
    assert watched.system.watch
    watched.look(after_s=YOUNG_S + 1)
    watched.system.turn_into(shell, "/usr/bin/tor")
    watched.system.watch.waiting.clear()
    watched.system.watch.is_complete = False

    assert watched.look() == [EventsDropped("program.started", "flood", 1), started("/usr/bin/tor")]
    assert watched.look() == []


def test_a_watch_that_breaks_is_an_event_and_begins_anew(watched: Machine):
    """Listing goes on meanwhile."""
    broken = watched.system.watch
    assert broken
    broken.is_broken = True
    watched.system.start("/usr/bin/tor")

    assert watched.look() == [EventsDropped("program.started", "flood", 1), started("/usr/bin/tor")]
    assert broken.is_closed
    assert watched.look() == []
    watched.look(after_s=RECHECK_EVERY_S)
    assert watched.system.watch is not broken


def test_closing_ends_the_watch(watched: Machine):
    """A check that is not asked any more holds nothing."""
    watched.running.close()

    assert watched.system.watch
    assert watched.system.watch.is_closed


class SlowMachine(Machine):
    """A machine where to read the content of one program takes all the time of a look."""

    def __init__(self) -> None:
        super().__init__(can_watch_starts=True)
        read = self.system.identify_running

        def read_slowly(program: RunningProgram, wanted: Set[str]) -> Content:
            self.clock.advance(READ_AT_MOST_S + 0.1 if wanted else 0.0)
            return read(program, wanted)

        self.system.identify_running = read_slowly  # type: ignore[method-assign]
        self.look()


def test_content_is_read_within_a_time_at_each_look():
    """What is over waits for the next look and counts as unhashed until then; none is forgotten."""
    machine, rules = SlowMachine(), make_rules(knows_hash(b"miner"))
    machine.look(rules)
    for number in range(4):
        machine.system.start(f"/home/alice/{number}", content=b"miner")

    found = [[event.program.path[-1] for event in machine.look(rules)] for _ in range(5)]
    assert found == [["0"], ["1"], ["2"], ["3"], []]
    assert (machine.running.unhashed, len(machine.names)) == (0, 4)


def test_a_name_does_not_wait_for_content():
    """A named program is found at once, and told once, while the content of others is read."""
    machine, rules = SlowMachine(), make_rules(TOR, knows_hash(b"miner"))
    machine.look(rules)
    machine.system.start("/home/alice/large", content=b"large")
    machine.system.start("/usr/bin/tor", content=b"onion")

    assert [event.program.name for event in machine.look(rules)] == ["tor"]
    assert machine.running.unhashed == 1
    assert machine.look(rules) == machine.look(rules) == []
    assert machine.running.unhashed == 0


def test_what_ended_while_it_waited_is_told():
    """It ran, and its file is there still; it is no finding, for it does not run now."""
    machine, rules = SlowMachine(), make_rules(knows_hash(b"miner"))
    machine.look(rules)
    machine.system.start("/home/alice/large", content=b"large")
    short = machine.system.start("/home/alice/short", content=b"miner")
    machine.look(rules)
    machine.system.end(short.pid)

    assert [event.program.name for event in machine.look(rules)] == ["short"]
    assert (machine.names, machine.running.unhashed) == ([], 0)


def test_what_does_not_fit_the_queue_is_tried_again_later(monkeypatch: pytest.MonkeyPatch):
    """A flood of starts makes it unhashed for some minutes, not for good."""
    monkeypatch.setattr(running_module, "WAITING_AT_MOST", 1)
    machine, rules = SlowMachine(), make_rules(knows_hash(b"miner"))
    machine.look(rules)
    for number in range(4):
        machine.system.start(f"/home/alice/{number}", content=b"miner")

    assert sum(len(machine.look(rules)) for _ in range(5)) == 2
    assert machine.running.unhashed == 2
    assert sum(len(machine.look(rules, after_s=RETRY_EVERY_S)) for _ in range(3)) == 2
    assert machine.running.unhashed == 0


def test_after_a_pause_it_looks_anew(watched: Machine):
    """What was started meanwhile and runs still was not started now; the next start is seen at once again."""
    watched.running.close()
    watched.system.start("/usr/bin/tor", content=b"onion")
    assert watched.look() == [started("/usr/bin/tor", b"onion", already_running=True)]
    woken = watched.woken
    watched.system.start("/usr/bin/tor", content=b"onion")
    assert watched.woken > woken
    assert watched.look() == [started("/usr/bin/tor", b"onion")]
