# SPDX-License-Identifier: Apache-2.0
"""Whether the next key may be read: what is known of its window, of password fields and of the lock, in one place.

What is not known is closed. It asks `focus`, `lock`, `browser` and `terminal`, and is told of the rest; it never sees a
key.
"""

from enum import Enum

from Xlib.display import Display

from agent.session.browser import is_browser
from agent.session.focus import Focus, Window
from agent.session.lock import is_covered
from agent.session.password import NOBODY, FieldFocus
from agent.session.protected import Protected
from agent.session.reading import NOWHERE, Place
from agent.session.terminal import asks_for_password

ECHO_EVERY_S = 0.05
"""How often, while keys come, the window's terminals are looked at."""
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
        self.field_focus: FieldFocus = NOBODY
        """What programs say of their focus."""
        self.is_locked = False
        """The desktop says that it has locked the screen."""
        self.is_protected = True
        """The window is of the floor, or of those the school added, or cannot be told."""
        self.is_covered = False
        """A locker covers the screen."""
        self.is_browser = False
        """The window belongs to a program that must tell where its focus is."""
        self.is_prompting = False
        """A terminal of the window asks for a password."""
        self.place: Place = NOWHERE
        self._display = display
        self._focus = Focus(display)
        self._protected = protected
        self._window: Window | None = None
        self._covered_look_s = self._echo_look_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a key that is pressed now may be read."""
        return not (self.is_protected or self.is_secret or self.is_locked or self.is_covered)

    @property
    def is_secret(self) -> bool:
        """What is typed now is a password, or may be one."""
        return self.field_focus.is_password or self.is_mute or self.is_prompting

    @property
    def is_mute(self) -> bool:
        """The window is a browser's, and the last that was told of a focus was not told by its process."""
        pid = self._window.pid if self._window is not None else 0
        return self.is_browser and (pid <= 0 or pid != self.field_focus.pid)

    def look(self, now_s: float) -> Change:
        """Look at the window that has the focus and, not at every call, for a locker.

        Raises:
            Xlib.error.ConnectionClosedError: the display has gone.
        """
        if now_s - self._covered_look_s >= COVERED_EVERY_S:
            self._covered_look_s = now_s
            self.is_covered = is_covered(self._display)
        before, self._window = self._window, self._focus.look()
        if self._window != before or now_s - self._echo_look_s >= ECHO_EVERY_S:
            self._echo_look_s = now_s
            self.is_prompting = self._window is not None and asks_for_password(self._window.pid)
        if self._window is None:
            self.place, self.is_protected, self.is_browser = NOWHERE, True, False
            return Change.NOTHING if before is None else Change.WINDOW
        if self._window == before:
            return Change.NOTHING
        self.place = self._window.place
        self.is_protected = self._protected.is_protected(self.place.application, self.place.window)
        self.is_browser = is_browser(self.place.application, self._window.pid)
        return Change.TITLE if before is not None and before.id == self._window.id else Change.WINDOW
