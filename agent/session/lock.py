# SPDX-License-Identifier: Apache-2.0
"""Whether the screen is locked: as the desktop tells it on the session bus, or by the locker's own window.

A locker for X (i3lock, xscreensaver and their like) covers the whole screen with a window that no window manager may
touch. It is found by that shape, without trying to grab the keyboard, which programs would notice.
"""

import threading
from collections.abc import Callable
from typing import Any

from jeepney import MatchRule
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from Xlib import X, error
from Xlib.display import Display

QUEUE = 16

Tell = Callable[[bool], None]


def is_covered(display: Display) -> bool:
    """Tell whether the topmost window is one of a locker."""
    root = display.screen().root
    try:
        for window in reversed(root.query_tree().children):
            attributes = window.get_attributes()
            if attributes.map_state != X.IsViewable or attributes.win_class != X.InputOutput:
                continue
            if not attributes.override_redirect:
                return False
            if _covers(root.get_geometry(), window.get_geometry()):
                return True
    except (error.BadWindow, error.BadDrawable):
        # It went while it was asked about; the next look is soon.
        return False
    return False


def _covers(screen: Any, window: Any) -> bool:
    right, bottom = window.x + window.width, window.y + window.height
    return bool(window.x <= 0 and window.y <= 0 and right >= screen.width and bottom >= screen.height)


class LockSignal:
    """A thread that tells when the desktop says that it has locked, or that it is open again."""

    def __init__(self, connection: DBusConnection, tell: Tell) -> None:
        self._connection = connection
        self._tell = tell
        threading.Thread(target=self._run, name="screen lock", daemon=True).start()

    def _run(self) -> None:
        # GNOME, KDE, Cinnamon, MATE and Xfce each have an interface of their own, and this signal in common.
        rule = MatchRule(type="signal", member="ActiveChanged")
        try:
            self._connection.send_and_get_reply(message_bus.AddMatch(rule))
            with self._connection.filter(rule, bufsize=QUEUE) as signals:
                while True:
                    signal = self._connection.recv_until_filtered(signals)
                    if signal.body and isinstance(signal.body[0], bool):
                        self._tell(signal.body[0])
        except (OSError, EOFError):
            # The session bus has gone: the session ends. Until then a locker is known by its window.
            return


def watch_lock_signal(tell: Tell) -> LockSignal | None:
    """Begin to listen, or return None when there is no session bus."""
    try:
        return LockSignal(open_dbus_connection("SESSION"), tell)
    except (OSError, EOFError, KeyError, ValueError, RuntimeError):
        return None
