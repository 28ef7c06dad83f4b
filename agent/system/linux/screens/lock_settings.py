# SPDX-License-Identifier: Apache-2.0
"""How a session is set to lock itself: read from the files of its desktop or locker, never by asking a program.

Whose settings count is decided by what the user runs. Users' files are opened with no link followed and looked into by
the parsing child; an administrator's come before them where he locked a key. Values that stand nowhere are those that
the makers ship. Not read: command lines (of xautolock, swayidle or xss-lock), and what a distribution ships in place of
the makers' values. logind's IdleAction is a wish that needs a locker to hear it, so it is no setting here.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import ParseError
from agent.parsing.interface import Parsing
from agent.system.interface import Session
from agent.system.linux.files import load_bytes, open_file
from agent.system.linux.screens.lock_programs import DESKTOPS, LOCKERS
from agent.system.screens import LockSetting

MAX_PROFILE_BYTES = 64 * 1024
MAX_REMEMBERED = 64
MAX_S = 30 * 86400
MAX_DIGITS = 9
_Value = TypeVar("_Value", bool, int)
_DCONF = ("gnome", "cinnamon", "mate")
_OF_GNOME = (
    "desktop/session/idle-delay",
    "desktop/screensaver/lock-enabled",
    "desktop/screensaver/lock-delay",
    "desktop/lockdown/disable-lock-screen",
)
_OF_MATE = tuple(key.removeprefix("desktop/") for key in _OF_GNOME)
_KEYS = {"gnome": _OF_GNOME, "cinnamon": _OF_GNOME, "mate": _OF_MATE}
_MATE_ACTIVATION = "/org/mate/screensaver/idle-activation-enabled"
_IDLE_DEFAULT = {"gnome": 300, "cinnamon": 900, "mate": 5}
_UNIT_S = {"gnome": 1, "cinnamon": 1, "mate": 60}
_KDE_DEFAULTS = {"Autolock": "true", "Timeout": "5", "LockGrace": "5"}
_BY_NAME = {"gnome": "gnome", "plasma": "kde", "kde": "kde", "cinnamon": "cinnamon", "mate": "mate"}


class LockSettings:
    """Reads them. What cannot be read is not known, and never what the makers ship."""

    def __init__(self, parsing: Parsing, root: Path = Path("/")) -> None:
        self._parsing = parsing
        self._root = root
        self._known: dict[tuple[str, Path], tuple[tuple[int, ...], Mapping[str, Any]]] = {}

    def read(
        self, session: Session, programs: frozenset[str], desktop: str, saver_timeout_s: int | None
    ) -> LockSetting:
        """Return how a session is set to lock itself.

        `programs` are those of `lock_programs`, `desktop` is what the session calls itself, `saver_timeout_s` when the
        X server's own screen saver comes on, which some lockers wait for.
        """
        source = find_source(programs, desktop)
        try:
            if source in _DCONF:
                return self._read_dconf(source, session)
            if source == "kde":
                return self._read_kde(session)
            if source == "xscreensaver":
                return self._read_xscreensaver(session)
        except (OSError, ParseError):
            return LockSetting(source=source)
        if source == "xss-lock" and saver_timeout_s is not None:
            # It may be told to warn first and lock later, so this is the soonest.
            return LockSetting(saver_timeout_s > 0, saver_timeout_s or None, source)
        return LockSetting(source=source)

    def _read_dconf(self, desktop: str, session: Session) -> LockSetting:
        user = Path(session.home) / ".config/dconf/user"
        layers = [self._parse("dconf", path) for path in (user, *self._list_system_databases())]
        values, locked = merge(layers)
        idle, on, delay, lockdown = (f"/org/{desktop}/{key}" for key in _KEYS[desktop])
        after, later = _pick(values, idle, _IDLE_DEFAULT[desktop]), _pick(values, delay, 0)
        is_on = (
            after > 0
            and _pick(values, on, True)
            and (desktop != "mate" or _pick(values, _MATE_ACTIVATION, True))
            and not _pick(values, lockdown, False)
        )
        is_enforced = locked.issuperset((idle, on, delay, lockdown))
        return _to_setting(is_on, (after + later) * _UNIT_S[desktop], desktop, is_enforced=is_enforced)

    def _list_system_databases(self) -> Iterator[Path]:
        """Yield an administrator's databases in the order of the profile; without one there are none."""
        try:
            profile = load_bytes(self._root / "etc/dconf/profile/user", MAX_PROFILE_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        for line in profile.splitlines():
            kind, _, name = line.partition("#")[0].strip().partition(":")
            if kind == "system-db" and name and "/" not in name:
                yield self._root / "etc/dconf/db" / name
            elif kind == "file-db" and name.startswith("/"):
                yield self._root / name[1:]

    def _read_kde(self, session: Session) -> LockSetting:
        user, machine = Path(session.home) / ".config/kscreenlockerrc", self._root / "etc/xdg/kscreenlockerrc"
        values, locked = merge([self._parse("kscreenlocker", path) for path in (user, machine)])
        told = _KDE_DEFAULTS | values
        minutes, grace_s = _to_number(told["Timeout"]), _to_number(told["LockGrace"])
        if minutes is None or grace_s is None:
            return LockSetting(source="kde")
        is_on = str(told["Autolock"]).lower() in ("true", "1", "yes", "on") and minutes > 0
        return _to_setting(is_on, minutes * 60 + grace_s, "kde", is_enforced=locked >= {"Autolock", "Timeout"})

    def _read_xscreensaver(self, session: Session) -> LockSetting:
        values, _ = merge([self._parse("xscreensaver", Path(session.home) / ".xscreensaver")])
        after, later = _to_seconds(values.get("timeout", "0:10:00")), _to_seconds(values.get("lockTimeout", "0:00:00"))
        if after is None or later is None:
            return LockSetting(source="xscreensaver")
        is_on = str(values.get("lock", "False")).lower() in ("true", "on", "yes", "1") and values.get("mode") != "off"
        return _to_setting(is_on, after + later, "xscreensaver", is_enforced=False)

    def _parse(self, what: str, path: Path) -> Mapping[str, Any]:
        """Return what a file says; nothing for one that is not there. It is looked into again when it has changed.

        Raises:
            OSError: it cannot be read.
            ParseError: it is broken.
        """
        try:
            with open_file(path) as descriptor:
                file = os.fstat(descriptor)
                identity = file.st_dev, file.st_ino, file.st_size, file.st_ctime_ns
                known = self._known.get((what, path))
                if known is not None and known[0] == identity:
                    return known[1]
                found = self._parsing.parse(what, descriptor)
        except FileNotFoundError:
            return {}
        if len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[what, path] = identity, found
        return found


def find_source(programs: frozenset[str], desktop: str) -> str:
    """Return whose settings count: the running desktop's that locks by itself, else a running locker's."""
    for each in ("gnome", "cinnamon", "mate", "kde"):
        if each in programs:
            return each
    for each in LOCKERS.values():
        if each in programs:
            return each
    named = desktop.lower()
    if programs.isdisjoint(DESKTOPS.values()):
        return next((source for name, source in _BY_NAME.items() if name in named), "")
    return ""


def merge(layers: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], set[str]]:
    """Return the values that hold, and which of them a user cannot change; the user's own layer comes first.

    A key that a layer locks is not taken from any layer before it.
    """
    values: dict[str, Any] = {}
    locked: set[str] = set()
    for layer in reversed(layers):
        values |= {key: value for key, value in layer.get("values", {}).items() if key not in locked}
        if layer is not layers[0]:
            locked.update(layer.get("locked", ()))
    return values, locked


def _pick(values: Mapping[str, Any], key: str, default: _Value) -> _Value:
    """Return a value, or the default in place of none and of one of another type, as dconf does."""
    value = values.get(key)
    return value if type(value) is type(default) else default


def _to_setting(is_on: bool, after_s: int, source: str, *, is_enforced: bool) -> LockSetting:
    return LockSetting(is_on, min(max(after_s, 0), MAX_S) if is_on else None, source, is_enforced)


def _to_number(text: object) -> int | None:
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    return int(text)


def _to_seconds(text: Any) -> int | None:
    """Return the seconds of a time as `0:10:00`; a single number is minutes."""
    parts = [_to_number(part) for part in str(text).split(":")]
    numbers = [part for part in parts if part is not None]
    if len(numbers) != len(parts) or len(parts) > 3:
        return None
    if len(numbers) == 1:
        return numbers[0] * 60
    seconds = 0
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds
