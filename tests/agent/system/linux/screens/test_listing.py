# SPDX-License-Identifier: Apache-2.0
"""Tests of what is known of each session: X11, Wayland and text consoles, with and without logind."""

from pathlib import Path

import pytest

from agent.system.interface import Session
from agent.system.linux.machine import LinuxSystem
from agent.system.linux.screens.listing import SETTINGS_EVERY_S, LinuxScreens
from agent.system.linux.screens.logind import Login
from agent.system.linux.screens.sleep import AWAKE_S, Sleeps
from agent.system.screens import LockSetting, Screen, ScreenListing
from tests.agent.parsing.direct import DirectParsing
from tests.agent.safeguarding import make_session
from tests.agent.system.linux.logins import FakeLogind, make_login
from tests.agent.system.linux.probes import FakeDisplay
from tests.fakes import FakeClock

LIMIT_S = 900.0
START_NS = 1_790_000_000 * 10**9


class Room:
    """A machine with one display."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(5000.0)
        self.now_ns = START_NS
        self.slept_s = 0.0
        self.sessions = [make_session(home=str(root / "home"))]
        self.logind = FakeLogind(make_login())
        self.shown = FakeDisplay(self.clock)
        self.limit_s = LIMIT_S
        self.screens = LinuxScreens(
            lambda: list(self.sessions),
            DirectParsing(),
            root=root,
            logind=self.logind,
            sleeps=Sleeps(lambda: self.slept_s),
            spawn=self.shown.spawn,
            clock_s=self.clock,
            clock_ns=lambda: self.now_ns,
        )

    def know(self, *logins: Login, sessions: tuple[Session, ...] = ()) -> None:
        """Have logind know these sessions."""
        self.logind.logins = logins
        self.sessions = list(sessions)

    def list(self, advance_s: float = 5.0) -> ScreenListing:
        """Let time pass on all clocks and look."""
        self.clock.advance(advance_s)
        self.now_ns += int(advance_s * 10**9)
        return self.screens.list_screens(lambda session: self.limit_s)

    def look(self, advance_s: float = 5.0) -> Screen:
        """Return the only screen, once what is being measured is there."""
        (screen,) = self.list(advance_s).screens
        while self.screens.is_waiting:
            (screen,) = self.list(0).screens
        return screen


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path.resolve())


def test_a_display_is_measured(room: Room):
    """Until the answer is there, nothing is known."""
    (first,) = room.list().screens
    assert first.is_awaited
    screen = room.look(0)
    assert (screen.is_locked, screen.idle_s, screen.measured_by, screen.is_fresh) == (False, 5, "x11", True)
    assert room.look().is_fresh is False


def test_either_a_window_or_logind_says_that_it_is_locked(room: Room):
    """What logind says is believed without measuring."""
    room.shown.is_locked = True
    assert room.look().is_locked is True
    room.shown.is_locked = False
    room.know(make_login(is_locked=True), sessions=tuple(room.sessions))
    before = room.shown.measured
    screen = room.look(3600)
    assert (screen.is_locked, screen.measured_by, screen.is_fresh) == (True, "logind", True)
    assert room.shown.measured == before


def test_a_display_that_is_locked_when_it_is_first_seen_is_measured_once(room: Room):
    """It tells when its screen saver comes on, for which some lockers wait."""
    room.know(make_login(is_locked=True), sessions=tuple(room.sessions))
    screens = [room.look() for _ in range(3)]
    assert {each.measured_by for each in screens} == {"logind"}
    assert room.shown.measured == 1


def test_a_session_that_need_not_be_locked_is_not_measured(room: Room):
    """Whoever is asked for nothing is not looked at."""
    room.limit_s = 0
    screen = room.look()
    assert (screen.is_locked, screen.idle_s) == (None, None)
    assert room.shown.measured == 0


def test_a_display_that_cannot_be_measured_is_unknown(room: Room):
    """And not awaited for ever."""
    room.shown.command = ["false"]
    screen = room.look()
    assert (screen.is_locked, screen.idle_s, screen.is_fresh, screen.is_awaited) == (None, None, True, False)
    assert screen.fault == "the display does not answer"
    assert not room.look().is_awaited


def test_wayland_is_idle_for_as_long_as_logind_says(room: Room):
    """At least: the desktop says so some time after the last input."""
    room.know(make_login(kind="wayland", desktop="GNOME", is_idle=True, idle_since_s=room.clock() - 600))
    screen = room.look()
    assert (screen.is_locked, screen.idle_s, screen.measured_by) == (False, 605, "logind")
    assert (screen.desktop, screen.setting) == ("GNOME", LockSetting(True, 300, "gnome"))
    room.know(make_login(kind="wayland", desktop="GNOME", idle_since_s=room.clock() - 600))
    assert room.look().idle_s == 0


def test_a_desktop_is_confirmed_by_logind_and_not_by_the_name_of_a_program(room: Room, monkeypatch: pytest.MonkeyPatch):
    """Anybody can run something that is called as a desktop is."""
    monkeypatch.setattr(
        "agent.system.linux.screens.listing.find_programs", lambda uids: dict.fromkeys(uids, frozenset({"gnome"}))
    )
    for desktop, is_confirmed in (("GNOME", True), ("LXDE", False), ("", False)):
        room.know(make_login(id=f"2{desktop}", kind="wayland", desktop=desktop))
        screen = room.look()
        assert (screen.setting.source, screen.is_desktop_confirmed) == ("gnome", is_confirmed)


def test_wayland_that_never_told_is_unknown(room: Room):
    """Neither that it is idle nor that it is not locked is a fact of a desktop that says neither."""
    room.know(make_login(kind="wayland", desktop="sway"))
    screen = room.look()
    assert (screen.is_locked, screen.idle_s, screen.measured_by, screen.is_fresh) == (None, None, "", True)
    room.know(make_login(kind="wayland", desktop="sway", is_locked=True))
    assert room.look().is_locked is True
    room.know(make_login(kind="wayland", desktop="sway"))
    assert room.look().is_locked is False, "it has told once, so it tells"


def test_a_text_console_is_idle_since_its_last_input(room: Room):
    """Whatever becomes of the time of day meanwhile: a clock that jumps is no idle time."""
    touched_ns = START_NS - 60 * 10**9
    room.know(make_login(kind="tty", display="", idle_since_ns=touched_ns))
    screen = room.look()
    assert (screen.is_locked, screen.idle_s, screen.measured_by) == (False, 65, "logind")
    assert (screen.session.kind, screen.session.display, screen.setting) == ("tty", "tty2", LockSetting())

    room.now_ns += 3 * 3600 * 10**9
    assert room.look(10).idle_s == 75
    room.know(make_login(kind="tty", display="", idle_since_ns=room.now_ns))
    assert room.look(10).idle_s == 0
    room.now_ns -= 30 * 86400 * 10**9
    assert room.look(10).idle_s == 10


def test_a_console_that_was_touched_before_the_machine_started_is_as_old_as_the_machine(room: Room):
    """The clock was set since."""
    room.know(make_login(kind="tty", display="", idle_since_ns=1))
    assert room.look().idle_s == room.clock()


def test_a_sleep_is_idle_time_everywhere(room: Room):
    """Three hours under a closed lid, unlocked."""
    room.know(make_login(kind="tty", display="", idle_since_ns=START_NS))
    room.look(60)
    room.slept_s += 3 * 3600
    room.look()
    idle_s = room.look(AWAKE_S).idle_s
    assert idle_s is not None
    assert idle_s >= 3 * 3600


def test_two_people_have_a_screen_each(room: Room):
    """One of them left his in the background."""
    second = make_session(uid=1008, display=":1")
    room.know(make_login(), make_login(uid=1008, id="7", display=":1"), sessions=(room.sessions[0], second))
    screens = room.list().screens
    assert {(each.session.uid, each.key) for each in screens} == {(1007, "login 2"), (1008, "login 7")}


def test_when_logind_falls_silent_nothing_is_known_to_change(room: Room):
    """And that is said."""
    room.look()
    room.logind.logins = None
    listing = room.list()
    assert listing.unread == ("logind does not answer: a test",)
    assert [each.is_fresh for each in listing.screens] == [False]
    room.logind.logins = (make_login(),)
    assert room.list().unread == ()


def test_without_logind_displays_are_measured_all_the_same(room: Room):
    """But that sessions on text consoles are not seen is said."""
    room.logind.logins = None
    assert room.look().idle_s == 5
    assert room.list().unread != ()


def test_a_setting_is_read_again_after_a_while(room: Room, tmp_path: Path):
    """Once a minute, however often somebody looks."""
    room.know(make_login(desktop="KDE"), sessions=tuple(room.sessions))
    assert room.look().setting.after_s == 305
    room.look()
    file = tmp_path.resolve() / "home/.config/kscreenlockerrc"
    file.parent.mkdir(parents=True)
    file.write_text("[Daemon]\nTimeout=20\n")
    room.look()
    assert room.look().setting.after_s == 305
    assert room.look(SETTINGS_EVERY_S).setting.after_s == 1205


def test_this_machine_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever runs on it."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    screens = LinuxSystem(tmp_path).screens()
    listing = screens.list_screens(lambda session: 0)
    assert listing.unread[0].startswith("logind does not answer")
    assert not screens.is_waiting
    screens.close()


def test_a_session_that_ends_is_forgotten(room: Room):
    """With the process that measures it."""
    room.shown.command = ["sleep", "600"]
    room.list()
    assert room.screens.is_waiting
    room.know()
    assert room.list().screens == ()
    assert not room.screens.is_waiting
    room.screens.close()
    room.screens.close()
