# SPDX-License-Identifier: Apache-2.0
"""Tests of the machine's clocks: a wall clock that was set is noticed, and nothing else is."""

import time

import pytest

from agent.clock import Clock, read_running_ns
from proto.events import ClockStepped

S = 10**9
TEN_YEARS_S = 10 * 365 * 86400


class Clocks:
    """Clocks that a test moves."""

    def __init__(self) -> None:
        self.wall_s, self.running_s = 1_788_000_000, 500
        self.clock = Clock(lambda: self.wall_s * S, lambda: float(self.running_s), lambda: self.running_s * S)

    def go_on(self, seconds: int) -> None:
        """Let time pass."""
        self.wall_s += seconds
        self.running_s += seconds


@pytest.mark.parametrize("step_s", [31, -31, 3600, TEN_YEARS_S, -TEN_YEARS_S])
def test_step_is_told_once_with_both_times(step_s: int) -> None:
    """What the clock should have said, and what it says; then it goes on from there."""
    clocks = Clocks()
    clocks.go_on(100)
    expected_ns = clocks.wall_s * S
    clocks.wall_s += step_s
    assert clocks.clock.find_step() == ClockStepped(expected_ns, expected_ns + step_s * S)
    clocks.go_on(86400)
    assert clocks.clock.find_step() is None


@pytest.mark.parametrize("step_s", [0, 5, -30, 30])
def test_small_correction_is_no_step(step_s: int) -> None:
    """A time server may set a clock right by seconds."""
    clocks = Clocks()
    clocks.wall_s += step_s
    assert clocks.clock.find_step() is None


def test_many_small_steps_are_one_large_one() -> None:
    """Whoever moves the clock a little at a time is found when it comes to more than may be."""
    clocks = Clocks()
    found = []
    for _ in range(8):
        clocks.go_on(1)
        clocks.wall_s -= 10
        found.append(clocks.clock.find_step())
    assert [each is not None for each in found] == [False, False, False, True] * 2


def test_sleep_is_no_step() -> None:
    """A laptop that was closed for a weekend: the running clock went on with the one on the wall."""
    clocks = Clocks()
    clocks.go_on(3 * 86400)
    assert clocks.clock.find_step() is None


@pytest.mark.parametrize(("platform", "clock"), [("darwin", "CLOCK_MONOTONIC"), ("linux", "CLOCK_BOOTTIME")])
def test_the_running_clock_goes_on_in_sleep(monkeypatch: pytest.MonkeyPatch, platform: str, clock: str) -> None:
    """Each system has one that does, under another name; Python's own monotonic clock does not everywhere."""
    read = {getattr(time, clock): 42}
    if platform == "darwin":
        monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    monkeypatch.setattr(time, "clock_gettime_ns", read.__getitem__)
    assert read_running_ns(platform) == 42


def test_the_real_clocks_are_in_step() -> None:
    """On this machine, just now."""
    assert Clock().find_step() is None
    assert read_running_ns() >= time.monotonic_ns() - S
