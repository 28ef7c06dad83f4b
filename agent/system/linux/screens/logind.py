# SPDX-License-Identifier: Apache-2.0
"""What logind knows of the sessions at this machine, asked over the system bus.

LockedHint is set by what has locked and is a fact; that somebody asked for a lock (`loginctl lock-session`) is a wish
and not asked for. Which of the two hints a desktop sets at all, and what follows from them, is decided in `screens`. A
bus that does not answer costs one short wait, and is asked again only after a while.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.system.linux.displays import to_display

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

ANSWER_WITHIN_S = 1.0
AGAIN_S = 30.0
"""So long logind is left alone after it did not answer."""
MAX_SESSIONS = 64
MAX_DESKTOP_CHARACTERS = 64

_NAME = "org.freedesktop.login1"
_MANAGER = "/org/freedesktop/login1"
_AT_SCREENS = ("x11", "wayland", "mir", "tty")
_CLOSING = "closing"
_HAS_ENDED = ("org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.login1.NoSuchSession")
# No bus, no answer in time, a bus that goes while it is asked, or an answer that is none.
_BROKEN = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError)


@dataclass(frozen=True, slots=True)
class Login:
    """One session of a person at a screen of this machine, as logind has it."""

    id: str
    uid: int
    kind: str
    """x11, wayland or tty."""
    display: str
    """Of X11; empty when logind was not told."""
    terminal: str
    """As in `tty2`; empty when logind was not told."""
    desktop: str
    is_locked: bool
    """LockedHint."""
    is_idle: bool
    """IdleHint."""
    idle_since_s: float
    """When IdleHint last changed, by the monotonic clock; 0: it was never set. Of a text console, the last input."""
    idle_since_ns: int
    """The same by the clock that people set."""


class Logind:
    """Asks logind. The connection is kept, and made anew when it broke."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.fault = ""
        """Why the last question had no answer."""
        self._clock_s = clock_s
        self._connection: DBusConnection | None = None
        self._again_s = 0.0

    def find_logins(self) -> tuple[Login, ...] | None:
        """Return the sessions at this machine's own screens, or None when logind does not answer."""
        if self._connection is None and self._clock_s() < self._again_s:
            return None
        from jeepney.io.blocking import open_dbus_connection  # 3 MB, so not before somebody asks

        try:
            if self._connection is None:
                self._connection = open_dbus_connection("SYSTEM", auth_timeout=ANSWER_WITHIN_S)
            found = tuple(self._list_logins())
        except _BROKEN as error:
            self._break_off(f"logind does not answer: {type(error).__name__}")
            return None
        self.fault = ""
        return found

    def close(self) -> None:
        """Leave the bus."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _break_off(self, why: str) -> None:
        self.close()
        self.fault, self._again_s = why, self._clock_s() + AGAIN_S

    def _list_logins(self) -> Iterator[Login]:
        for path in self._list_paths():
            answer = self._ask(path, "org.freedesktop.DBus.Properties", "GetAll", "s", (f"{_NAME}.Session",))
            login = to_login({name: value for name, (_, value) in answer[0].items()}) if answer else None
            if login is not None:
                yield login

    def _list_paths(self) -> list[str]:
        (sessions,) = self._ask(_MANAGER, f"{_NAME}.Manager", "ListSessions")
        return [path for _, _, _, _, path in sessions[:MAX_SESSIONS]]

    def _ask(self, path: str, interface: str, method: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        """Return the body of an answer; an empty one for a session that has ended meanwhile."""
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call

        assert self._connection is not None
        address = DBusAddress(path, bus_name=_NAME, interface=interface)
        question = new_method_call(address, method, signature or None, body)
        answer = self._connection.send_and_get_reply(question, timeout=ANSWER_WITHIN_S)
        if answer.header.message_type is MessageType.method_return:
            return answer.body
        if answer.header.fields.get(HeaderFields.error_name) in _HAS_ENDED:
            return ()
        raise ConnectionError("logind refuses")


def to_login(told: dict[str, Any]) -> Login | None:
    """Return a session as its properties say, or None for one that nobody sits at.

    Greeters, lock screens and services are sessions of other classes. A remote one is left at another machine.
    """
    kind = str(told.get("Type", ""))
    terminal = str(told.get("TTY", "")).removeprefix("/dev/")
    if told.get("Class") != "user" or told.get("Remote") is True or told.get("State") == _CLOSING:
        return None
    is_console = terminal.startswith("tty")
    if kind not in _AT_SCREENS or (kind == "tty" and not is_console):
        return None
    return Login(
        id=str(told["Id"]),
        uid=int(told["User"][0]),
        kind="wayland" if kind == "mir" else kind,
        display=to_display(str(told.get("Display", ""))),
        terminal=terminal,
        desktop=_to_line(told.get("Desktop", "")),
        is_locked=told.get("LockedHint") is True,
        is_idle=told.get("IdleHint") is True,
        idle_since_s=int(told.get("IdleSinceHintMonotonic", 0)) / 10**6,
        idle_since_ns=int(told.get("IdleSinceHint", 0)) * 1000,
    )


def _to_line(text: Any) -> str:
    """Return a user's text as one short printable line."""
    return "".join(each for each in str(text)[:MAX_DESKTOP_CHARACTERS] if each.isprintable())
