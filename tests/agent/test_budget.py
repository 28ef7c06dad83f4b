# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's limits on itself, over hours that take no time."""

import pytest

from agent.budget import GRACE_S, WINDOW_S, Budget, Level
from agent.system.interface import Usage
from proto.events import AgentThrottled
from tests.fakes import FakeClock, FakeSystem


class Machine:
    """An agent on a machine where a test says what it costs."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.system = FakeSystem()
        self.budget = Budget(self.system, self.clock)
        self.events: list[AgentThrottled] = []

    def run(self, seconds: float, *, cpu_percent: float, memory_mb: float = 40.0, **shares: float) -> list[str]:
        """Let time pass at a steady cost, of which checks have their shares; return the levels that were entered."""
        before = len(self.events)
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            cpu_s = self.system.usage.cpu_s + cpu_percent / 100
            for check, share in shares.items():
                self.budget.charge(check, share * cpu_percent / 100)
            self.system.usage = Usage(cpu_s, int(memory_mb * 10**6))
            self.events += self.budget.sample()
        return [event.level for event in self.events[before:]]


@pytest.fixture
def machine() -> Machine:
    """An agent past its start."""
    machine = Machine()
    machine.run(GRACE_S, cpu_percent=0.1)
    return machine


def test_the_start_may_cost_what_it_costs():
    """Everything is looked at for the first time; that is not held against the agent, then or later."""
    machine = Machine()

    assert machine.run(GRACE_S - 1, cpu_percent=80.0, memory_mb=200.0) == []
    assert machine.run(600, cpu_percent=0.5) == []


def test_an_agent_within_its_limits_is_left_alone(machine: Machine):
    """All day long."""
    assert machine.run(24 * 3600, cpu_percent=0.9, memory_mb=59.0) == []
    assert machine.budget.slowdown_of("software") == 1.0
    assert not machine.budget.is_paused("software")


def test_a_short_burst_is_left_alone(machine: Machine):
    """It is the average over a minute that counts."""
    assert machine.run(2, cpu_percent=20.0) == []
    assert machine.run(600, cpu_percent=0.1) == []


def test_too_much_work_slows_the_agent_and_then_pauses_scans(machine: Machine):
    """A step for each minute over the limit, each with an event that says how much it was."""
    assert machine.run(1.5 * WINDOW_S, cpu_percent=2.0) == ["slow"]
    assert machine.budget.slowdown_of("software") == 4.0
    assert not machine.budget.is_paused("software")
    assert machine.run(1.5 * WINDOW_S, cpu_percent=2.0) == ["paused"]
    assert machine.budget.is_paused("software")
    assert machine.run(600, cpu_percent=2.0) == []
    assert machine.events[0] == AgentThrottled("slow", 2.0, 40.0)


def test_a_calm_agent_goes_back_step_by_step(machine: Machine):
    """Each way back is an event too."""
    machine.run(3 * WINDOW_S, cpu_percent=2.0)

    assert machine.run(3600, cpu_percent=0.2) == ["slow", "normal"]
    assert machine.budget.level is Level.NORMAL


def test_an_agent_just_under_its_limit_stays_slow(machine: Machine):
    """What it costs while it is slow would be too much at the old pace."""
    while machine.budget.level is Level.NORMAL:
        machine.run(1, cpu_percent=2.0)

    assert machine.run(3600, cpu_percent=0.8) == []
    assert machine.budget.level is Level.SLOW


def test_relapses_make_it_wait_longer_each_time(machine: Machine):
    """It does not swing between two levels for ever."""

    def swing() -> int:
        seconds = 0
        while machine.budget.level is Level.NORMAL:
            machine.run(1, cpu_percent=2.0)
        while machine.budget.level is not Level.NORMAL:
            machine.run(1, cpu_percent=0.2)
            seconds += 1
        return seconds

    first, second, third = swing(), swing(), swing()

    assert first < second < third
    machine.run(2 * 3600, cpu_percent=0.2)
    assert swing() == pytest.approx(first, abs=10)


def test_too_much_memory_slows_and_never_pauses(machine: Machine):
    """Looking less often frees no memory, so the agent does not make itself blind for it."""
    assert machine.run(3600, cpu_percent=0.1, memory_mb=61.0) == ["slow"]
    assert machine.run(3600, cpu_percent=0.1, memory_mb=50.0) == ["normal"]


def test_it_measures_itself_now_and_then_only(machine: Machine):
    """To measure costs too, so asking often does not mean to measure often."""
    asked = []
    machine.system.own_usage = lambda: asked.append(1) or Usage(0.0, 0)  # type: ignore[method-assign,func-returns-value]
    machine.run(60, cpu_percent=0.0)

    assert len(asked) <= 13


def test_a_costly_check_is_held_back_alone(machine: Machine):
    """What one check does is no reason to look less often for everything else."""
    assert machine.run(1.5 * WINDOW_S, cpu_percent=2.0, downloads=0.7, software=0.2) == ["slow"]
    assert machine.events[-1] == AgentThrottled("slow", 2.0, 40.0, "downloads")
    assert machine.budget.slowdown_of("downloads") == 4.0
    assert machine.budget.slowdown_of("software") == 1.0

    assert machine.run(WINDOW_S, cpu_percent=2.0, downloads=0.7) == ["paused"]
    assert machine.budget.is_paused("downloads")
    assert not machine.budget.is_paused("software")
    assert machine.budget.level is Level.PAUSED


def test_all_are_held_back_when_no_check_is_to_blame(machine: Machine):
    """So many small things are nobody's alone."""
    machine.run(1.5 * WINDOW_S, cpu_percent=2.0, downloads=0.4, software=0.4)
    assert machine.events[-1].check == ""
    assert machine.budget.slowdown_of("usb_storage") == 4.0


def test_when_pausing_the_culprit_is_not_enough_all_are_slowed(machine: Machine):
    """A check that costs as much while it is paused leaves nothing else to do."""
    machine.run(3.2 * WINDOW_S, cpu_percent=2.0, downloads=0.9)
    assert [(event.level, event.check) for event in machine.events] == [
        ("slow", "downloads"),
        ("paused", "downloads"),
        ("slow", ""),
    ]


def test_what_was_held_back_last_is_let_go_first(machine: Machine):
    """In the end, everything is looked at as before."""
    machine.run(3.2 * WINDOW_S, cpu_percent=2.0, downloads=0.9)
    machine.run(4 * 3600, cpu_percent=0.2, downloads=0.5)
    assert [(event.level, event.check) for event in machine.events[3:]] == [
        ("normal", ""),
        ("slow", "downloads"),
        ("normal", "downloads"),
    ]
    assert machine.budget.level is Level.NORMAL
