# SPDX-License-Identifier: Apache-2.0
"""From the number of a key to the text it makes, as the X server and the programs see it, by libxkbcommon.

pynput tells which key; the text it gives is wrong for AltGr, dead keys, Compose, CapsLock and switched layouts. Each
event of X says which modifiers and which layout were in force, so nothing has to be remembered from key to key but
a dead key or a Compose that has begun. No layout and no event is kept. Hooking the keyboard is `keyboard`'s part.
"""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint16, c_uint32, c_void_p

from agent.errors import NotWatchedError

_COMPOSING, _COMPOSED, _CANCELLED = 1, 2, 3  # enum xkb_compose_status; 0 is nothing
_CORE_KEYBOARD = 0x100  # XCB_XKB_ID_USE_CORE_KBD
_NEW_KEYBOARD, _MAP = 1, 2  # bits of XCB_XKB_EVENT_TYPE
_REAL_MODIFIERS = 0xFF
_GROUP_SHIFT = 13  # the two bits of an event's state that hold the layout's number
ACCENTS = {0xFE50: "`", 0xFE51: "´", 0xFE52: "^", 0xFE53: "~", 0xFE57: "¨"}
"""The dead keys that people also hit by mistake, for an apostrophe."""
FALLBACK_LOCALE = "en_US.UTF-8"
"""Its Compose file holds what the others hold; C has none."""


class _Cookie(ctypes.Structure):
    """xcb_get_input_focus_cookie_t"""

    _fields_ = (("sequence", ctypes.c_uint),)


def _load(name: str, functions: dict[str, tuple[object, tuple[object, ...]]]) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise NotWatchedError(f"this machine lacks the library {name}") from error
    for function, (result, arguments) in functions.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


class _Libraries:
    """The functions of four C libraries that are used here."""

    def __init__(self) -> None:
        self.c = _load("libc.so.6", {"free": (None, (c_void_p,))})
        self.xcb = _load(
            "libxcb.so.1",
            {
                "xcb_connect": (c_void_p, (c_char_p, c_void_p)),
                "xcb_connection_has_error": (c_int, (c_void_p,)),
                "xcb_disconnect": (None, (c_void_p,)),
                "xcb_flush": (c_int, (c_void_p,)),
                "xcb_poll_for_event": (c_void_p, (c_void_p,)),
                "xcb_get_input_focus": (_Cookie, (c_void_p,)),
                "xcb_get_input_focus_reply": (c_void_p, (c_void_p, _Cookie, c_void_p)),
            },
        )
        self.xcb_xkb = _load(
            "libxcb-xkb.so.1",
            {
                "xcb_xkb_select_events": (
                    _Cookie,
                    (c_void_p, c_uint16, c_uint16, c_uint16, c_uint16, c_uint16, c_uint16, c_void_p),
                )
            },
        )
        self.x11 = _load(
            "libxkbcommon-x11.so.0",
            {
                "xkb_x11_setup_xkb_extension": (
                    c_int,
                    (c_void_p, c_uint16, c_uint16, c_uint32, c_void_p, c_void_p, POINTER(c_uint8), c_void_p),
                ),
                "xkb_x11_get_core_keyboard_device_id": (ctypes.c_int32, (c_void_p,)),
                "xkb_x11_keymap_new_from_device": (c_void_p, (c_void_p, c_void_p, ctypes.c_int32, c_uint32)),
            },
        )
        self.xkb = _load(
            "libxkbcommon.so.0",
            {
                "xkb_context_new": (c_void_p, (c_uint32,)),
                "xkb_context_unref": (None, (c_void_p,)),
                "xkb_keymap_unref": (None, (c_void_p,)),
                "xkb_state_new": (c_void_p, (c_void_p,)),
                "xkb_state_unref": (None, (c_void_p,)),
                "xkb_state_update_mask": (c_uint32, (c_void_p, *(c_uint32,) * 6)),
                "xkb_state_key_get_one_sym": (c_uint32, (c_void_p, c_uint32)),
                "xkb_keysym_to_utf8": (c_int, (c_uint32, c_char_p, c_size_t)),
                "xkb_compose_table_new_from_locale": (c_void_p, (c_void_p, c_char_p, c_uint32)),
                "xkb_compose_table_unref": (None, (c_void_p,)),
                "xkb_compose_state_new": (c_void_p, (c_void_p, c_uint32)),
                "xkb_compose_state_unref": (None, (c_void_p,)),
                "xkb_compose_state_feed": (c_uint32, (c_void_p, c_uint32)),
                "xkb_compose_state_get_status": (c_uint32, (c_void_p,)),
                "xkb_compose_state_get_utf8": (c_int, (c_void_p, c_char_p, c_size_t)),
                "xkb_compose_state_reset": (None, (c_void_p,)),
            },
        )


class Layout:
    """The keyboard's layout as it is now, on a connection of its own."""

    def __init__(self, display: str) -> None:
        """Connect and load.

        Raises:
            NotWatchedError: a library is not here, or the display does not answer or has no XKB.
        """
        self._libraries = _Libraries()
        self._accent = ""
        """What the dead key that was just pressed is by itself."""
        self._text = ctypes.create_string_buffer(64)
        self._connection: int | None = self._libraries.xcb.xcb_connect(display.encode(), None)
        self._context = self._libraries.xkb.xkb_context_new(0)
        self._state: int | None = None
        self._compose: int | None = None
        event = c_uint8()
        if self._libraries.xcb.xcb_connection_has_error(self._connection):
            self.close()
            raise NotWatchedError("the display does not answer")
        if not self._libraries.x11.xkb_x11_setup_xkb_extension(
            self._connection, 1, 0, 0, None, None, byref(event), None
        ):
            self.close()
            raise NotWatchedError("the display does not tell its keyboard's layout")
        self._xkb_event = event.value
        self._libraries.xcb_xkb.xcb_xkb_select_events(
            self._connection, _CORE_KEYBOARD, _NEW_KEYBOARD | _MAP, 0, _NEW_KEYBOARD | _MAP, 0xFF, 0xFF, None
        )
        self._load_compose()
        self._load_keymap()

    def read(self, keycode: int, state: int) -> tuple[int, str]:
        """Return the key's symbol and the text that it makes; no symbol for a part of a Compose, no text for none.

        `state` is what the event says of modifiers and layout.
        """
        self._keep_up()
        symbol = self._symbol(keycode, state)
        if self._compose:
            xkb = self._libraries.xkb
            xkb.xkb_compose_state_feed(self._compose, symbol)
            status = xkb.xkb_compose_state_get_status(self._compose)
            if status == _COMPOSED:
                xkb.xkb_compose_state_get_utf8(self._compose, self._text, len(self._text))
            if status in (_COMPOSED, _CANCELLED):
                xkb.xkb_compose_state_reset(self._compose)
            accent, self._accent = self._accent, ""
            if status == _COMPOSED:
                return symbol, self._take_text()
            if status == _COMPOSING:
                self._accent = ACCENTS.get(symbol, "")
                return 0, ""
            if status == _CANCELLED:
                # "don´t": no letter has that accent, so both are typed. A Compose that fits nothing types nothing.
                return (symbol, accent + self._plain_text(symbol)) if accent else (0, "")
        return symbol, self._plain_text(symbol)

    def find_symbol(self, keycode: int, state: int) -> int:
        """Return the key's symbol and leave a Compose that has begun alone."""
        self._keep_up()
        return self._symbol(keycode, state)

    def forget(self) -> None:
        """Forget a dead key or a Compose that has begun."""
        self._accent = ""
        if self._compose:
            self._libraries.xkb.xkb_compose_state_reset(self._compose)

    def close(self) -> None:
        """Give everything back."""
        xkb = self._libraries.xkb
        if self._compose:
            xkb.xkb_compose_state_unref(self._compose)
        if self._state:
            xkb.xkb_state_unref(self._state)
        if self._connection:
            xkb.xkb_context_unref(self._context)
            self._libraries.xcb.xcb_disconnect(self._connection)
        self._state = self._compose = self._connection = None

    def _symbol(self, keycode: int, state: int) -> int:
        xkb = self._libraries.xkb
        xkb.xkb_state_update_mask(self._state, state & _REAL_MODIFIERS, 0, 0, 0, 0, (state >> _GROUP_SHIFT) & 3)
        return int(xkb.xkb_state_key_get_one_sym(self._state, keycode))

    def _plain_text(self, symbol: int) -> str:
        self._libraries.xkb.xkb_keysym_to_utf8(symbol, self._text, len(self._text))
        text = self._take_text()
        return text if text.isprintable() else ""

    def _keep_up(self) -> None:
        """Load the layout anew when it has changed before this key.

        The server tells of it on this connection and of the key on another. It has told of everything before the
        key by the time it answers a question, so one is asked first.
        """
        xcb = self._libraries.xcb
        answer = xcb.xcb_get_input_focus_reply(self._connection, xcb.xcb_get_input_focus(self._connection), None)
        if not answer:
            raise NotWatchedError("the display does not answer any more")
        self._libraries.c.free(answer)
        is_changed = False
        while event := xcb.xcb_poll_for_event(self._connection):
            is_changed |= (ctypes.string_at(event, 1)[0] & 0x7F) == self._xkb_event
            self._libraries.c.free(event)
        if is_changed:
            self._load_keymap()

    def _load_keymap(self) -> None:
        x11, xkb = self._libraries.x11, self._libraries.xkb
        device = x11.xkb_x11_get_core_keyboard_device_id(self._connection)
        keymap = x11.xkb_x11_keymap_new_from_device(self._context, self._connection, device, 0)
        if not keymap:
            raise NotWatchedError("the display does not tell its keyboard's layout")
        if self._state:
            xkb.xkb_state_unref(self._state)
        self._state = xkb.xkb_state_new(keymap)
        xkb.xkb_keymap_unref(keymap)  # the state keeps it

    def _load_compose(self) -> None:
        xkb = self._libraries.xkb
        wanted = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "C")
        is_plain = wanted.split(".")[0] in ("C", "POSIX")
        for locale in (FALLBACK_LOCALE,) if is_plain else (wanted, FALLBACK_LOCALE):
            table = xkb.xkb_compose_table_new_from_locale(self._context, locale.encode(errors="replace"), 0)
            if table:
                self._compose = xkb.xkb_compose_state_new(table, 0)
                xkb.xkb_compose_table_unref(table)
                return

    def _take_text(self) -> str:
        """Return the text in the buffer and overwrite it."""
        text = self._text.value.decode("utf-8", "replace")
        ctypes.memset(self._text, 0, len(self._text))
        return text
