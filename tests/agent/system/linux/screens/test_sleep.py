# SPDX-License-Identifier: Apache-2.0
"""Tests of what a sleep of the machine does to idle times."""

import time

import pytest

from agent.system.linux.screens.sleep import AWAKE_S, Sleeps, read_slept_s


class Machine:
    """A machine that sleeps when it is told to."""

    def __init__(self) -> None:
        self.slept_s = 500.0
        self.sleeps = Sleeps(lambda: self.slept_s)

    def sleep(self, *, looked_s: float, woke_s: float, length_s: float) -> None:
        """Look, sleep, and look again; the times are of the clock that stands still meanwhile."""
        self.sleeps.look(looked_s)
        self.slept_s += length_s
        self.sleeps.look(woke_s)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_sleep_counts_when_the_machine_has_been_awake_for_a_moment(machine: Machine):
    """A desktop that locks when it wakes up has time for it."""
    machine.sleep(looked_s=100, woke_s=105, length_s=3 * 3600)
    assert machine.sleeps.find_slept_s(since_s=40, now_s=105) == 0
    assert machine.sleeps.find_slept_s(since_s=40, now_s=105 + AWAKE_S) == 3 * 3600


def test_a_sleep_before_the_last_touch_does_not_count(machine: Machine):
    """Nor one that may have been before it."""
    machine.sleep(looked_s=100, woke_s=105, length_s=3600)
    assert machine.sleeps.find_slept_s(since_s=104, now_s=500) == 0
    assert machine.sleeps.find_slept_s(since_s=300, now_s=500) == 0


def test_sleeps_add_up(machine: Machine):
    """A lid that is opened for a minute in between is no touch."""
    machine.sleep(looked_s=100, woke_s=105, length_s=600)
    machine.sleep(looked_s=165, woke_s=170, length_s=700)
    assert machine.sleeps.find_slept_s(since_s=40, now_s=500) == 1300


def test_what_was_slept_before_the_agent_started_is_no_news(machine: Machine):
    """And clocks that drift apart by a hair are no sleep."""
    machine.sleep(looked_s=1, woke_s=2, length_s=0.5)
    assert machine.sleeps.find_slept_s(since_s=0, now_s=500) == 0


def test_the_real_clocks():
    """Both stand still or go on together while this runs, whatever the time of day does."""
    before = read_slept_s()
    time.sleep(0.05)
    assert before >= -0.01
    assert abs(read_slept_s() - before) < 0.02
