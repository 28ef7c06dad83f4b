# SPDX-License-Identifier: Apache-2.0
"""Which program has the focus and whether it is in a field for a password, as programs tell it over AT-SPI on D-Bus.

Programs that speak no AT-SPI (terminals, Tk) tell nothing; `protected` and `terminal` know some of them. Browsers that
do not tell are not read at all: that is `browser`'s part. Of a field only its role is asked, never its text or name.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, MatchRule, Message, MessageType, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

ROLE_PASSWORD_TEXT = 40
_STATE_ACTIVE, _STATE_FOCUSED = 1, 12
ANSWER_TIMEOUT_S = 1.0
STILL_EVERY_S = 0.5
"""How often a password field is asked whether it still has the focus: its window may close without a word."""
MAX_ASKED = 300
"""Things on the screen that are asked at the start. Later on only those that get the focus are."""

QUEUE = 256
"""Events that wait while a program answers. The oldest go when there are more; the newest tell where the focus is."""

_BUS = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
_REGISTRY = DBusAddress("/org/a11y/atspi/registry", "org.a11y.atspi.Registry", "org.a11y.atspi.Registry")
_ROOT = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_FOCUS_EVENT = "object:state-changed:focused"

_Thing = tuple[str, str]
"""The bus name of a program, and the path of one of its things."""


@dataclass(frozen=True, slots=True)
class FieldFocus:
    """What was told last."""

    pid: int = 0
    """The process that says that something of it has the focus; 0 when none does."""
    is_password: bool = False
    """It is a field for a password."""


NOBODY = FieldFocus()

Tell = Callable[[FieldFocus], None]


class PasswordFields:
    """A thread that tells who has the focus, when a password field gets it, and when it was lost."""

    def __init__(self, connection: DBusConnection, tell: Tell) -> None:
        self._connection = connection
        self._tell = tell
        self._focused: _Thing | None = None
        self._told = NOBODY
        self._pids: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="password fields", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still listens."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            # The bus goes with the session, or before it.
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                self._listen()
        finally:
            # Whatever ended this, nothing is known any more.
            self._tell(NOBODY)

    def _listen(self) -> None:
        rule = MatchRule(type="signal", interface="org.a11y.atspi.Event.Object", member="StateChanged")
        rule.add_arg_condition(0, "focused")
        _ask(self._connection, message_bus.AddMatch(rule))
        _ask(self._connection, new_method_call(_REGISTRY, "RegisterEvent", "s", (_FOCUS_EVENT,)))
        with self._connection.filter(rule, bufsize=QUEUE) as events:
            self._note(self._find_focused())
            while True:
                self._wait(events)

    def _wait(self, events: deque[Message]) -> None:
        try:
            timeout_s = STILL_EVERY_S if self._told.is_password else None
            event = self._connection.recv_until_filtered(events, timeout=timeout_s)
        except TimeoutError:
            if self._focused is not None and not self._has_state(self._focused, _STATE_FOCUSED):
                self._note(None)
            return
        thing = (event.header.fields.get(7, ""), event.header.fields.get(1, ""))  # sender, path
        is_gained = len(event.body) > 1 and bool(event.body[1])
        if is_gained:
            self._note(thing)
        elif thing == self._focused:
            self._note(None)

    def _note(self, focused: _Thing | None) -> None:
        """Take what has the focus now, and tell."""
        before, self._focused = self._told, focused
        self._told = NOBODY
        if focused is not None:
            self._told = FieldFocus(self._find_pid(focused[0]), self._is_password(focused))
        # Said again for another field: what was typed between the two is no business of ours either.
        if self._told != before or self._told.is_password:
            self._tell(self._told)

    def _find_pid(self, program: str) -> int:
        """Return the process behind a name on the bus, 0 when the bus does not know. A name is never given twice."""
        if program not in self._pids:
            try:
                answer = _ask(self._connection, message_bus.GetConnectionUnixProcessID(program))
            except TimeoutError:
                return 0
            self._pids[program] = int(answer[0]) if answer else 0
        return self._pids[program]

    def _is_password(self, thing: _Thing) -> bool:
        try:
            answer = self._ask_thing(thing, "GetRole")
        except TimeoutError:
            return True  # the program is busy; better not read than read a password
        return bool(answer == (ROLE_PASSWORD_TEXT,))

    def _has_state(self, thing: _Thing, state: int) -> bool:
        try:
            answer = self._ask_thing(thing, "GetState")
        except TimeoutError:
            return True
        return bool(answer and answer[0] and answer[0][0] >> state & 1)

    def _find_focused(self) -> _Thing | None:
        """Return what has the focus already, a password field before all else, looking only into active windows."""
        focused: _Thing | None = None
        waiting = deque((program, 0) for program in self._children(_ROOT))
        for _ in range(MAX_ASKED):
            if not waiting:
                break
            thing, depth = waiting.popleft()
            if depth == 1 and not self._has_state(thing, _STATE_ACTIVE):
                continue
            if depth > 1 and self._has_state(thing, _STATE_FOCUSED):
                if self._is_password(thing):
                    return thing
                focused = thing
            waiting.extend((child, depth + 1) for child in self._children(thing))
        return focused

    def _children(self, thing: _Thing) -> list[_Thing]:
        try:
            answer = self._ask_thing(thing, "GetChildren")
        except TimeoutError:
            return []
        return [(name, path) for name, path in answer[0]] if answer else []

    def _ask_thing(self, thing: _Thing, method: str) -> Any:
        address = DBusAddress(thing[1], thing[0], "org.a11y.atspi.Accessible")
        return _ask(self._connection, new_method_call(address, method))


def watch_password_fields(tell: Tell) -> PasswordFields | None:
    """Begin to listen, or return None when this session has no accessibility bus."""
    try:
        with open_dbus_connection("SESSION") as session:
            answer = _ask(session, new_method_call(_BUS, "GetAddress"))
        return PasswordFields(open_dbus_connection(answer[0]), tell) if answer else None
    except (OSError, EOFError, KeyError, ValueError, RuntimeError):
        # No session bus, none that can be reached, or nobody on it who knows.
        return None


def _ask(connection: DBusConnection, question: Message) -> Any:
    """Return the body of the answer, None for a refusal.

    Raises:
        TimeoutError: there is none.
    """
    answer = connection.send_and_get_reply(question, timeout=ANSWER_TIMEOUT_S)
    return answer.body if answer.header.message_type is MessageType.method_return else None
