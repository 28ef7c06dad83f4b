# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `traffic`, over minutes that take no time. What is counted for real is in `system/linux`."""

import pytest

from agent.checks.traffic.check import NOT_KNOWN, Traffic
from agent.system.traffic import TrafficMeter, TrafficSample, Volume
from proto.events import State, TrafficSustained
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from tests.fakes import FakeClock, FakeSystem

MBIT_BYTES = 125_000


class FakeMeter(TrafficMeter):
    """Says what a test sets."""

    def __init__(self) -> None:
        self.next = TrafficSample({}, Volume(0, 0))
        self.is_closed = False

    def sample(self) -> TrafficSample:
        return self.next

    def close(self) -> None:
        self.is_closed = True


class InForce:
    """The baseline, as the agent holds it."""

    def __init__(self) -> None:
        self.policy = parse_files(load_pack("uk-baseline"))
        self.evaluator = Evaluator(self.policy)


class Machine:
    """A machine whose programs move what a test says."""

    def __init__(self) -> None:
        self.system, self.clock, self.meter = FakeSystem(), FakeClock(), FakeMeter()
        self.system.meter = self.meter
        self.rules: InForce | None = InForce()
        self.check = Traffic(self.system, lambda: self.rules, clock_s=self.clock)
        self.told: list[TrafficSustained] = []

    def run(self, seconds: int, *, rest_mbit_s: float = 0.0, **mbit_s: float) -> list[TrafficSustained]:
        """Let programs receive at a steady rate; return what is told meanwhile."""
        before = len(self.told)
        for _ in range(0, seconds, 10):
            self.clock.advance(10.0)
            programs = {name: Volume(int(rate * MBIT_BYTES * 10), 0) for name, rate in mbit_s.items()}
            total = sum(each.received_bytes for each in programs.values()) + int(rest_mbit_s * MBIT_BYTES * 10)
            self.meter.next = TrafficSample(programs, Volume(total, 0))
            self.told += [event for event in self.check.observe(0) if isinstance(event, TrafficSustained)]
        return self.told[before:]


@pytest.fixture
def machine() -> Machine:
    """A machine that was asked once."""
    machine = Machine()
    machine.run(10)
    return machine


def test_a_long_stretch_is_told_at_one_five_ten_and_twenty_minutes(machine: Machine):
    """So often and no more, with what it was so far."""
    told = machine.run(1800, firefox=25.0)
    assert [event.duration_s for event in told] == [60, 300, 600, 1200]
    assert told[1] == TrafficSustained("firefox", 300 * 25 * MBIT_BYTES, 0, 300, 25.0)


def test_little_traffic_is_told_of_nobody(machine: Machine):
    """Ordinary browsing stays here."""
    assert machine.run(3600, firefox=0.9, rest_mbit_s=0.5) == []


def test_a_pause_begins_a_new_stretch(machine: Machine):
    """Two bursts are not one long one."""
    machine.run(50, curl=30.0)
    machine.run(20, curl=0.1)
    assert machine.run(50, curl=30.0) == []
    assert [event.duration_s for event in machine.run(20, curl=30.0)] == [60]


def test_a_program_that_stops_is_forgotten(machine: Machine):
    """It is no longer there, so its stretch is over."""
    machine.run(50, curl=30.0)
    machine.run(10)
    assert machine.run(50, curl=30.0) == []


def test_what_no_program_is_found_for_has_a_name_of_its_own(machine: Machine):
    """A video over HTTP/3 is traffic all the same."""
    (told,) = machine.run(60, firefox=0.1, rest_mbit_s=40.0)
    assert told.program_name == NOT_KNOWN
    assert told.mean_mbit_s == pytest.approx(40.0)


def test_the_baseline_lets_only_large_and_lasting_traffic_leave(machine: Machine):
    """A rule says how much is too much."""
    told = machine.run(300, ordinary=10.0, streaming=25.0, flooding=300.0)
    leaving = {
        (event.program_name, event.duration_s)
        for event in told
        if machine.rules is not None and machine.rules.evaluator.match(event.kind, event)
    }
    assert leaving == {("streaming", 300), ("flooding", 60), ("flooding", 300)}


def test_without_a_policy_nothing_is_counted():
    """And it is said so."""
    machine = Machine()
    machine.rules = None
    assert machine.run(120, firefox=50.0) == []
    assert machine.check.result().state is State.UNKNOWN


def test_a_kernel_that_does_not_count_makes_it_unknown(machine: Machine):
    """Unknown is never pass."""
    assert machine.check.result().state is State.PASS
    machine.meter.next = TrafficSample({}, Volume(0, 0), ("the kernel does not count connections: no such file",))
    machine.clock.advance(10.0)
    list(machine.check.observe(0))
    assert machine.check.result().state is State.UNKNOWN
    assert "does not count" in machine.check.result().summary


def test_a_system_without_a_meter_is_unknown():
    """A system for which it is not built says so."""
    machine = Machine()
    machine.system.meter = None
    machine.run(20)
    assert machine.check.result().state is State.UNKNOWN


def test_it_gives_the_meter_back(machine: Machine):
    """At the end."""
    machine.check.close()
    assert machine.meter.is_closed


def test_after_a_pause_it_begins_anew(machine: Machine):
    """What was moved before and meanwhile is no part of a stretch."""
    machine.run(50, curl=30.0)
    machine.check.close()
    machine.clock.advance(3600)
    assert machine.run(60, curl=30.0) == []
    assert [event.duration_s for event in machine.run(10, curl=30.0)] == [60]
