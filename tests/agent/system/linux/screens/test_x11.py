# SPDX-License-Identifier: Apache-2.0
"""Tests of when a display is measured and what becomes of the answer; `tests.rigs.idle` measures real ones."""

import json
import os

import pytest

from agent.system.linux.screens import x11
from agent.system.linux.screens.sleep import AWAKE_S, Sleeps
from agent.system.linux.screens.x11 import (
    AGAIN_S,
    MAX_ANSWER_BYTES,
    OVERDUE_S,
    TIMEOUT_S,
    Display,
    Reading,
    follow,
    read_answer,
    spawn_probe,
)
from tests.agent.safeguarding import make_session
from tests.agent.session.desktop import wait_until
from tests.agent.system.linux.probes import FakeDisplay, settle
from tests.agent.traced import COMMAND, hold
from tests.fakes import FakeClock

LIMIT_S = 900.0


class Room:
    """A display that is looked at every five seconds."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shown = FakeDisplay(self.clock)
        self.slept_s = 0.0
        self.sleeps = Sleeps(lambda: self.slept_s)
        self.display = Display(make_session(), self.shown.spawn, self.sleeps)

    def look(self, advance_s: float = 5.0) -> bool:
        self.clock.advance(advance_s)
        self.sleeps.look(self.clock())
        return settle(lambda: self.display.look(self.clock(), LIMIT_S), lambda: self.display.is_waiting)

    def pass_time(self, seconds: float, *, is_touched: bool = False) -> None:
        """Look every five seconds."""
        for _ in range(int(seconds / 5)):
            if is_touched:
                self.shown.touch()
            self.look()

    @property
    def reading(self) -> Reading:
        assert self.display.reading is not None
        return self.display.reading


@pytest.fixture
def room() -> Room:
    return Room()


def test_an_active_desktop_is_measured_once_in_a_limit(room: Room):
    """However often somebody looks."""
    room.pass_time(3600, is_touched=True)
    assert room.shown.measured == 1 + 3600 // LIMIT_S


def test_an_idle_desktop_is_measured_when_it_comes_to_its_limit(room: Room):
    """And seldom before and after."""
    room.look()
    room.pass_time(LIMIT_S - 10)
    assert room.shown.measured == 1
    room.pass_time(5)
    assert room.display.find_idle_s(room.clock()) == LIMIT_S
    before = room.shown.measured
    room.pass_time(3600)
    assert room.shown.measured - before <= len(OVERDUE_S) + 3600 // OVERDUE_S[-1]


def test_between_two_measurings_there_is_no_news(room: Room):
    """What was measured stays what it was."""
    assert room.look() is True
    first = room.reading
    assert room.look() is False
    assert room.reading == first


def test_a_locked_display_is_left_alone_for_a_limit(room: Room):
    """Whoever opens it touches it."""
    room.shown.is_locked = True
    room.pass_time(LIMIT_S * 3)
    assert room.reading.is_locked
    assert room.shown.measured == 3
    room.shown.is_locked = False
    room.pass_time(LIMIT_S)
    assert not room.reading.is_locked


def test_a_sleep_brings_the_measuring_forward(room: Room):
    """The display's own clock stood still meanwhile."""
    room.look()
    room.pass_time(60)
    room.slept_s += 3 * 3600
    room.look()
    assert room.shown.measured == 1, "a desktop that locks when it wakes up has time for it"
    room.pass_time(AWAKE_S)
    assert room.shown.measured == 2
    idle_s = room.display.find_idle_s(room.clock())
    assert idle_s is not None
    assert idle_s > 3 * 3600


def test_a_touch_after_a_sleep_ends_it(room: Room):
    """Somebody is there."""
    room.look()
    room.slept_s += 3 * 3600
    room.look()
    room.shown.touch()
    room.pass_time(AWAKE_S + LIMIT_S + 10)
    idle_s = room.display.find_idle_s(room.clock())
    assert idle_s is not None
    assert idle_s < 3600


def test_a_process_that_hangs_is_ended(room: Room):
    """And tried again after a while; nobody waits for it."""
    room.shown.command = ["sleep", "600"]
    room.clock.advance(5)
    assert room.display.look(room.clock(), LIMIT_S) is False
    assert room.display.is_waiting
    room.clock.advance(TIMEOUT_S)
    assert room.display.look(room.clock(), LIMIT_S) is True
    assert not room.display.is_waiting
    assert room.display.fault == "measuring the display took too long"
    room.shown.command = None
    assert room.look() is False
    room.clock.advance(AGAIN_S)
    assert room.look() is True
    assert room.display.fault == ""


@pytest.mark.parametrize(
    "command",
    [
        ["false"],
        ["echo", "[1]"],
        ["echo", '{"at_s": 1}'],
        ["sh", "-c", f"head -c {MAX_ANSWER_BYTES * 4} /dev/zero | tr '\\0' '['"],
        # It leaves another behind that holds the pipe.
        ["sh", "-c", "sleep 2 & echo no"],
    ],
)
def test_an_answer_that_is_none_is_a_fault(room: Room, command: list[str]):
    """The user can make his process say anything."""
    room.shown.command = command
    assert room.look() is True
    assert room.display.reading is None
    assert room.display.fault == "the display does not answer"


def test_a_program_that_is_not_there_is_a_fault(room: Room):
    """And so is a display of somebody else, for an agent that is not root."""
    room.shown.command = ["/nonexistent"]
    assert room.look() is True
    assert room.display.fault == "the display cannot be measured: FileNotFoundError"


def test_closing_ends_what_is_under_way(room: Room):
    """Twice is no more than once."""
    room.shown.command = ["sleep", "600"]
    room.display.look(room.clock(), LIMIT_S)
    room.display.close()
    room.display.close()
    assert not room.display.is_waiting


def test_a_process_that_its_user_traces_is_not_waited_for(room: Room):
    """Until he lets go of it, his display is not measured, and no other process is started for it."""
    room.shown.command = COMMAND
    room.display.look(room.clock(), LIMIT_S)
    process = room.display._process
    assert process is not None
    with hold(process.pid):
        room.clock.advance(TIMEOUT_S)
        assert room.display.look(room.clock(), LIMIT_S) is True
        assert room.display.fault == "measuring the display took too long"
        room.shown.command = None
        room.clock.advance(AGAIN_S)
        assert room.display.look(room.clock(), LIMIT_S) is False
        assert room.shown.measured == 1
    wait_until(lambda: process.poll() is not None)
    assert room.look() is True
    assert room.display.fault == ""


def test_closing_does_not_wait_for_it_either(room: Room):
    """It is taken off the kernel's list later."""
    room.shown.command = COMMAND
    room.display.look(room.clock(), LIMIT_S)
    process = room.display._process
    assert process is not None
    with hold(process.pid):
        room.display.close()
        assert not room.display.is_waiting
    wait_until(lambda: x11._REAPER.count_left() == 0)
    assert process.returncode is not None


def test_a_saver_that_comes_on_is_no_touch():
    """Some servers begin to count anew then; a touch that brings it on, or just before, is one all the same."""
    last = Reading(at_s=1000, idle_s=50, is_locked=False, timeout_s=600)
    begun = Reading(at_s=1600, idle_s=50, is_locked=False, timeout_s=600, saver_since_s=50)
    assert follow(last, begun).idle_s == 650
    assert follow(None, begun) == begun
    forced = Reading(at_s=1300, idle_s=50, is_locked=False, timeout_s=600, saver_since_s=50)
    assert follow(last, forced) == forced
    touched = Reading(at_s=1600, idle_s=20, is_locked=False, timeout_s=600, saver_since_s=50)
    assert follow(last, touched) == touched
    off = Reading(at_s=1600, idle_s=50, is_locked=False, timeout_s=600)
    assert follow(last, off) == off


GOOD = {
    "at_s": 100.0,
    "idle_ms": 5000,
    "saver_is_on": False,
    "saver_since_ms": 12,
    "timeout_s": 600,
    "is_locked": False,
}


def read(**changes: object) -> Reading | None:
    return read_answer(json.dumps(GOOD | changes).encode(), not_before_s=99, not_after_s=105)


def test_an_answer_is_read_strictly():
    """A time that cannot be is none, and the moment of measuring lies between the start and now."""
    assert read() == Reading(at_s=100, idle_s=5, is_locked=False, timeout_s=600)
    assert read(saver_is_on=True) == Reading(100, 5, False, 600, saver_since_s=0.012)
    assert read(idle_ms=None) == Reading(100, None, False, 600)
    assert read(at_s=1e300) == Reading(105, 5, False, 600)
    wrong: tuple[dict[str, object], ...] = (
        {"idle_ms": -1},
        {"idle_ms": 10**20},
        {"idle_ms": True},
        {"idle_ms": "5"},
        {"is_locked": None},
        {"is_locked": "yes"},
        {"at_s": "nan"},
        {"at_s": []},
        {"timeout_s": 1.5},
        {"saver_is_on": True, "saver_since_ms": None, "timeout_s": -1},
    )
    for changes in wrong:
        assert read(**changes) is None, changes


def test_another_user_s_display_needs_root(monkeypatch: pytest.MonkeyPatch):
    """The process would be the wrong user's."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(PermissionError):
        spawn_probe(make_session())
