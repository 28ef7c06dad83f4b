# SPDX-License-Identifier: Apache-2.0
"""Whether the next key may be read: what is known of its window, of password fields and of the lock, in one place.

What is not known is closed. It asks `focus` and `lock` and is told of the rest; it never sees a key.
"""

from enum import Enum

from Xlib.display import Display

from agent.session.focus import Focus, Window
from agent.session.lock import is_covered
from agent.session.protected import Protected
from agent.session.reading import NOWHERE, Place

COVERED_EVERY_S = 0.25
"""How often, while keys come, the screen is looked at for a locker."""


class Change(Enum):
    """What is different since the last look."""

    NOTHING = "nothing"
    TITLE = "the window is called something else"
    WINDOW = "another window has the focus"


class Gate:
    """Open or closed, key by key."""

    def __init__(self, display: Display, protected: Protected) -> None:
        self.has_password_focus = False
        """A program says that one of its password fields has the focus."""
        self.is_locked = False
        """The desktop says that it has locked the screen."""
        self.is_protected = True
        """The window is of the floor, or of those the school added, or cannot be told."""
        self.is_covered = False
        """A locker covers the screen."""
        self.place: Place = NOWHERE
        self._display = display
        self._focus = Focus(display)
        self._protected = protected
        self._window: Window | None = None
        self._covered_look_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a key that is pressed now may be read."""
        return not (self.is_protected or self.has_password_focus or self.is_locked or self.is_covered)

    def look(self, now_s: float) -> Change:
        """Look at the window that has the focus and, not at every call, for a locker.

        Raises:
            Xlib.error.ConnectionClosedError: the display has gone.
        """
        if now_s - self._covered_look_s >= COVERED_EVERY_S:
            self._covered_look_s = now_s
            self.is_covered = is_covered(self._display)
        before, self._window = self._window, self._focus.look()
        if self._window is None:
            self.place, self.is_protected = NOWHERE, True
            return Change.NOTHING if before is None else Change.WINDOW
        if self._window == before:
            return Change.NOTHING
        self.place = self._window.place
        self.is_protected = self._protected.is_protected(self.place.application, self.place.window)
        return Change.TITLE if before is not None and before.id == self._window.id else Change.WINDOW
