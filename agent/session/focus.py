# SPDX-License-Identifier: Apache-2.0
"""Which window the next key goes to: its title, its program's class, and whether that has changed.

The server's own focus is asked first, for it decides where keys go; when it names no window, what the window manager
calls active (EWMH). Which windows are protected is `protected`'s part.
"""

from dataclasses import dataclass
from typing import Any

from Xlib import X, error
from Xlib.display import Display

from agent.session.messages import MAX_TITLE_CHARACTERS
from agent.session.reading import Place

MAX_DEPTH = 16
"""Windows between the one with the focus and the one that its program gave a name."""
MAX_PROPERTY_WORDS = 256
"""Of four bytes, that are asked of a title: a program may make it as long as it likes."""


@dataclass(frozen=True, slots=True)
class Window:
    """The window that has the focus."""

    id: int
    place: Place
    pid: int = 0
    """Of its program, as that says; 0 when it does not."""


class Focus:
    """The focus of one display, on a connection that is not shared between threads."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._active_name = display.intern_atom("_NET_ACTIVE_WINDOW")
        self._title_names = tuple(display.intern_atom(name) for name in ("_NET_WM_NAME", "WM_NAME"))
        self._class_name = display.intern_atom("WM_CLASS")
        self._pid_name = display.intern_atom("_NET_WM_PID")
        # A window may go while it is asked about; python-xlib would print that.
        display.set_error_handler(lambda *_: None)
        self._focus_id = -1
        self._window: Window | None = None

    def look(self) -> Window | None:
        """Return the window that has the focus, or None when that cannot be told.

        One question to the server as long as nothing changes.

        Raises:
            Xlib.error.ConnectionClosedError: the display has gone.
        """
        focus = self._display.get_input_focus().focus
        focus_id = focus if isinstance(focus, int) else focus.id
        # What the server told before its answer has come with it: also that the title has changed.
        told = [self._display.next_event() for _ in range(self._display.pending_events())]
        is_stale = any(map(self._is_about_name, told))
        if is_stale or focus_id != self._focus_id or self._window is None:
            self._focus_id = focus_id
            try:
                self._window = self._find_window(focus_id)
            except (error.BadWindow, error.BadDrawable, error.BadAtom, error.BadMatch):
                self._window = None
        return self._window

    def _is_about_name(self, event: Any) -> bool:
        return event.type == X.PropertyNotify and event.atom in (
            *self._title_names,
            self._class_name,
            self._active_name,
        )

    def _find_window(self, focus_id: int) -> Window | None:
        if focus_id in (X.NONE, X.PointerRoot, self._root.id):
            active = self._root.get_full_property(self._active_name, X.AnyPropertyType)
            if active is None or not active.value or not active.value[0]:
                return None
            focus_id = int(active.value[0])
        window = self._display.create_resource_object("window", focus_id)
        for _ in range(MAX_DEPTH):
            application = self._find_class(window)
            if application:
                title = self._find_title(window)
                window.change_attributes(event_mask=X.PropertyChangeMask)
                return Window(window.id, Place(application, title), self._find_pid(window))
            parent = window.query_tree().parent
            if not parent or parent.id == self._root.id:
                break
            window = parent
        return None

    def _find_class(self, window: Any) -> str:
        """Return the class of a window; its instance, which may hold a path, only when there is no class."""
        value = window.get_property(self._class_name, X.AnyPropertyType, 0, MAX_PROPERTY_WORDS)
        if value is None:
            return ""
        instance, _, rest = _to_text(value.value).partition("\0")
        return _shorten(rest.strip("\0") or instance)

    def _find_pid(self, window: Any) -> int:
        value = window.get_property(self._pid_name, X.AnyPropertyType, 0, 1)
        is_number = value is not None and value.format == 32 and len(value.value) == 1
        return int(value.value[0]) if is_number else 0

    def _find_title(self, window: Any) -> str:
        for name in self._title_names:
            value = window.get_property(name, X.AnyPropertyType, 0, MAX_PROPERTY_WORDS)
            if value is not None and value.value:
                return _shorten(_to_text(value.value))
        return ""


def _to_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _shorten(text: str) -> str:
    """Return a name without what cannot be seen, as long as a name may be."""
    return "".join(letter for letter in text if letter.isprintable())[:MAX_TITLE_CHARACTERS]
