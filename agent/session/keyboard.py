# SPDX-License-Identifier: Apache-2.0
"""The hook: which keys are pressed and that the mouse is clicked, from pynput's listener.

pynput's own idea of the text is left aside, because it is wrong too often; `layout` knows. For that this module holds
on to private parts of pynput, `_handle_message`, `_EVENTS` and a few more: the version is pinned and a test holds them.
Releases of keys are not passed on, nor when anything was pressed.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from Xlib import X
from Xlib.error import ConnectionClosedError

from agent.errors import NotWatchedError

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True, repr=False)
class KeyPress:
    """A key went down. It has no `repr`, so that no error text can show it."""

    keycode: int
    state: int
    """Modifiers and layout, as the event says."""


@dataclass(frozen=True, slots=True)
class Click:
    """A button of the mouse went down."""


Tell = Callable[[KeyPress | Click], None]


class Keyboard:
    """The running hook. It tells from a thread of its own."""

    def __init__(self, tell: Tell) -> None:
        """Begin to listen.

        Raises:
            NotWatchedError: the display does not let us listen.
        """
        self._listener = _make_listener(tell)
        self._listener.start()
        give_up_s = time.monotonic() + START_TIMEOUT_S
        # Not its own `wait`, which waits for ever when the listener's thread has failed.
        while not (is_ready := bool(self._listener._ready)) and time.monotonic() < give_up_s:  # noqa: SLF001
            time.sleep(0.01)
        if not is_ready:
            raise NotWatchedError("the display does not let us listen to the keyboard")

    @property
    def is_alive(self) -> bool:
        """Whether it still listens."""
        return bool(self._listener.is_alive())

    def stop(self) -> None:
        """Listen no more: the server ends the hook, and with it the listener's thread.

        pynput's own `stop` is left aside: its request would lie in a buffer until the next key has been heard.
        """
        if self._listener.is_alive():
            # The display may end at this very moment; python-xlib says so in either of these ways.
            with contextlib.suppress(ConnectionClosedError, TypeError):
                self._listener._display_stop.record_disable_context(self._listener._context)  # noqa: SLF001
                self._listener._display_stop.flush()  # noqa: SLF001
            threading.Thread.join(self._listener, STOP_TIMEOUT_S)


def _make_listener(tell: Tell) -> Any:
    try:
        # Only here: it connects to the display while it is imported.
        from pynput import keyboard
    except ImportError as error:
        raise NotWatchedError("the display does not answer") from error

    class RawListener(keyboard.Listener):  # type: ignore[misc] # pynput publishes no types
        """pynput's listener, asked for the number of the key instead of its name, and for clicks."""

        # The first and the last kind of event that X is asked for: KeyPress, KeyRelease, ButtonPress.
        _EVENTS = (X.KeyPress, X.ButtonPress)

        def _handle_message(self, _display: Any, event: Any, _injected: bool) -> None:
            if event.type == X.KeyPress:
                tell(KeyPress(event.detail, event.state))
            elif event.type == X.ButtonPress and event.detail <= 3:  # the others are the wheel
                tell(Click())

    return RawListener()
