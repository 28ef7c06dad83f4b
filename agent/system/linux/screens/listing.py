# SPDX-License-Identifier: Apache-2.0
"""Idle and locked sessions on Linux: `seats` says who sits where, here is what is known of each.

- X11: measured on the display (`x11`). It is locked if logind or a locker's window says so.
- Wayland: only logind speaks. Its IdleHint is set by some desktops, some time after the last input: the idle time is
  then at least the time since. One that never set it leaves the idle time unknown. That it is not locked is a fact only
  of a desktop that would say so.
- Text console: idle since its last input, as logind has it. It cannot be locked but by a program that tells nobody.

How a desktop is set to lock is read by `lock_settings`, once a minute.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.parsing.interface import Parsing
from agent.system.interface import Session
from agent.system.linux.accounts import AccountReader
from agent.system.linux.screens.lock_programs import find_programs
from agent.system.linux.screens.lock_settings import LockSettings, find_source
from agent.system.linux.screens.logind import Login, Logind
from agent.system.linux.screens.seats import Seat, list_seats
from agent.system.linux.screens.sleep import Sleeps
from agent.system.linux.screens.x11 import Display, Spawn, spawn_probe
from agent.system.screens import LockSetting, Screen, ScreenListing, Screens

SETTINGS_EVERY_S = 60.0
_TELL_LOCKS = frozenset({"gnome", "kde", "cinnamon"})
"""Desktops for Wayland that set LockedHint, so that it is a fact also while it is not set."""


class LinuxScreens(Screens):
    """The screens of this machine."""

    def __init__(
        self,
        list_sessions: Callable[[], list[Session]],
        parsing: Parsing,
        *,
        root: Path = Path("/"),
        logind: Logind | None = None,
        sleeps: Sleeps | None = None,
        spawn: Spawn = spawn_probe,
        clock_s: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Settings are read below `root`; `spawn` has a display measured; `clock_s` stands still in sleep."""
        self._list_sessions = list_sessions
        self._settings_read = LockSettings(parsing, root)
        self._clock_s, self._clock_ns = clock_s, clock_ns
        self._logind = logind or Logind(clock_s)
        self._sleeps = sleeps or Sleeps()
        self._spawn = spawn
        self._accounts = AccountReader(clock_s)
        self._displays: dict[str, Display] = {}
        self._touched: dict[str, tuple[int, float]] = {}
        self._have_locked: set[str] = set()
        self._settings: dict[str, LockSetting] = {}
        self._programs: dict[int, frozenset[str]] = {}
        self._settings_due_s = 0.0
        self._last: tuple[Screen, ...] | None = None

    def list_screens(self, find_limit_s: Callable[[Session], float]) -> ScreenListing:
        """Return all sessions and how idle they are."""
        now_s = self._clock_s()
        self._sleeps.look(now_s)
        logins = self._logind.find_logins()
        unread = () if logins is not None else (self._logind.fault,)
        if logins is None and self._last is not None:
            # It will be back. Until then nothing is known to have changed, and that this is not known is said.
            return ScreenListing(tuple(replace(each, is_fresh=False) for each in self._last), unread)
        seats = list_seats(self._list_sessions(), logins, self._make_session)
        self._forget_others({seat.key for seat in seats})
        self._read_settings(seats, now_s)
        screens = tuple(self._look(seat, find_limit_s(seat.session), now_s) for seat in seats)
        self._last = screens if logins is not None else None
        return ScreenListing(screens, unread)

    @property
    def is_waiting(self) -> bool:
        """Whether a display is being measured."""
        return any(display.is_waiting for display in self._displays.values())

    def close(self) -> None:
        """End what is being measured and leave the bus."""
        self._forget_others(set())
        self._logind.close()

    def _look(self, seat: Seat, limit_s: float, now_s: float) -> Screen:
        login, source = seat.login, find_source(self._programs.get(seat.session.uid, frozenset()), _to_desktop(seat))
        setting = self._settings.get(seat.key, LockSetting(source=source))
        screen = Screen(
            key=seat.key,
            session=seat.session,
            is_locked=None,
            idle_s=None,
            desktop=_to_desktop(seat) or source,
            setting=setting,
            # Anybody can call a program as a desktop is called.
            is_desktop_confirmed=setting.source != "" and find_source(frozenset(), _to_desktop(seat)) == setting.source,
        )
        if limit_s <= 0:
            return screen
        is_locked = login is not None and login.is_locked
        measured = screen
        if seat.session.kind == "x11" and not (is_locked and self._has_reading(seat.key)):
            # A locked one once, because the display also tells how it is set.
            measured = self._look_at_display(screen, limit_s, now_s)
        if is_locked:
            self._have_locked.add(seat.key)
            return replace(screen, is_locked=True, measured_by="logind")
        if seat.session.kind == "x11":
            return measured
        if login is None:
            return screen
        if seat.session.kind == "tty":
            return self._look_at_console(screen, login, now_s)
        return self._look_at_wayland(screen, login, source, now_s)

    def _look_at_wayland(self, screen: Screen, login: Login, source: str, now_s: float) -> Screen:
        does_tell = source in _TELL_LOCKS or screen.key in self._have_locked
        idle_s = self._find_hinted_idle_s(login, now_s)
        by = "" if idle_s is None else "logind"
        return replace(screen, is_locked=False if does_tell else None, idle_s=idle_s, measured_by=by)

    def _look_at_console(self, screen: Screen, login: Login, now_s: float) -> Screen:
        may_be_locked = "vlock" in self._programs.get(screen.session.uid, frozenset())
        idle_s = self._find_console_idle_s(screen.key, login, now_s)
        return replace(screen, is_locked=None if may_be_locked else False, idle_s=idle_s, measured_by="logind")

    def _has_reading(self, key: str) -> bool:
        display = self._displays.get(key)
        return display is not None and display.reading is not None

    def _look_at_display(self, screen: Screen, limit_s: float, now_s: float) -> Screen:
        display = self._displays.get(screen.key)
        if display is None:
            display = self._displays[screen.key] = Display(screen.session, self._spawn, self._sleeps)
        display.session = screen.session
        is_first = display.reading is None
        is_fresh = display.look(now_s, limit_s)
        if display.reading is None:
            # Without a fault, the first answer is on its way.
            return replace(screen, is_fresh=is_fresh or bool(display.fault), fault=display.fault)
        if is_first:
            # What the display tells of its screen saver belongs to the settings.
            self._settings_due_s = 0.0
        return replace(
            screen,
            is_locked=display.reading.is_locked,
            idle_s=display.find_idle_s(now_s),
            measured_by="x11",
            is_fresh=is_fresh,
        )

    def _find_hinted_idle_s(self, login: Login, now_s: float) -> float | None:
        """Return for how long a desktop under Wayland has said that it is idle; 0 while it says that it is not."""
        if login.kind == "tty" or login.idle_since_s <= 0:
            return None
        if not login.is_idle:
            return 0.0
        slept_s = self._sleeps.find_slept_s(since_s=login.idle_since_s, now_s=now_s)
        return max(0.0, now_s - login.idle_since_s) + slept_s

    def _find_console_idle_s(self, key: str, login: Login, now_s: float) -> float | None:
        """Return for how long nothing was typed on a text console.

        logind tells when, by a clock that people set. So that time tells only one touch from the next, but at the first
        sight, and what has passed since is measured.
        """
        if login.kind != "tty" or login.idle_since_ns <= 0:
            return None
        known = self._touched.get(key)
        if known is None:
            ago_s = max(0.0, (self._clock_ns() - login.idle_since_ns) / 10**9)
            known = login.idle_since_ns, now_s - min(ago_s, now_s)
        elif known[0] != login.idle_since_ns:
            known = login.idle_since_ns, now_s
        self._touched[key] = known
        return now_s - known[1] + self._sleeps.find_slept_s(since_s=known[1], now_s=now_s)

    def _read_settings(self, seats: tuple[Seat, ...], now_s: float) -> None:
        if now_s < self._settings_due_s and all(seat.key in self._settings for seat in seats):
            return
        self._settings_due_s = now_s + SETTINGS_EVERY_S
        self._programs = find_programs({seat.session.uid for seat in seats})
        for seat in seats:
            display = self._displays.get(seat.key)
            timeout_s = display.reading.timeout_s if display is not None and display.reading is not None else None
            programs = self._programs[seat.session.uid]
            if seat.session.kind == "tty":
                self._settings[seat.key] = LockSetting()
            else:
                self._settings[seat.key] = self._settings_read.read(
                    seat.session, programs, _to_desktop(seat), timeout_s
                )

    def _forget_others(self, keys: set[str]) -> None:
        for key in self._displays.keys() - keys:
            self._displays.pop(key).close()
        for kept in (self._touched, self._settings):
            for key in kept.keys() - keys:
                del kept[key]
        self._have_locked &= keys

    def _make_session(self, login: Login) -> Session:
        """Return the session of a login of which no process shows a display."""
        account = self._accounts.read(login.uid)
        return Session(
            uid=login.uid,
            gid=account.gid,
            groups=account.groups,
            group_names=account.group_names,
            are_groups_known=account.are_groups_known,
            account_name=account.name,
            is_local=account.is_local,
            home=account.home,
            display=login.terminal if login.kind == "tty" else login.display,
            kind=login.kind,
            began=login.id,
            environment={},
        )


def _to_desktop(seat: Seat) -> str:
    return seat.login.desktop if seat.login is not None else ""
