# SPDX-License-Identifier: Apache-2.0
"""The visible sign while a session is read: an eye in the notification area, or a plate in a corner without one.

A click on it asks for the notice. The server keeps the picture as the window's background and paints it by itself.
When to show it is `watcher`'s part: as long as something is read, and not a moment longer.
"""

from typing import Any

from Xlib import X, Xatom, Xutil, error
from Xlib.display import Display

WORDS = "Schoolwarden reads what is typed here"
SIZE = 24
"""Of the eye on the plate, and of the icon until the tray gives it its own size."""
_MARGIN = 10
_EDGE = 12
"""Between the plate and the edges of the screen."""
_BLUE, _WHITE, _DARK = "#0b4f9e", "#ffffff", "#10243e"
_FONTS = (
    "-*-dejavu sans-bold-r-*-*-18-*-*-*-*-*-iso10646-1",
    "-*-helvetica-bold-r-normal-*-18-*-*-*-*-*-iso8859-1",
    "10x20",
    "fixed",
)
"""The server's own, the best first; every server has the last."""
_FIXED_SCALE = 2
"""`fixed` is too small to be noticed."""
_REQUEST_DOCK = 0
_XEMBED_MAPPED = 1


class Sign:
    """The sign of one display, on a connection that is not shared between threads."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._screen = display.screen()
        self._tray_name = display.intern_atom(f"_NET_SYSTEM_TRAY_S{display.get_default_screen()}")
        self._window: Any = None
        self._tray: Any = None
        self._drawn_size = (0, 0)
        display.set_error_handler(lambda *_: None)

    @property
    def kind(self) -> str:
        """How it shows, or would show: `tray` or `window`."""
        return "tray" if self._find_tray() is not None else "window"

    @property
    def is_shown(self) -> bool:
        """Whether it is on the screen."""
        return self._window is not None

    def show(self) -> None:
        """Show it, in the tray if there is one."""
        if self._window is None:
            self._tray = self._find_tray()
            if self._tray is None:
                self._show_plate()
            else:
                self._show_icon(self._tray)
            self._display.flush()

    def hide(self) -> None:
        """Take it from the screen."""
        if self._window is not None:
            self._window.destroy()
            self._window = self._tray = None
            self._display.flush()

    def look(self) -> bool:
        """Do what is to be done about it and return whether it was clicked. Call it every now and then.

        A tray that came or went, and a sign that somebody took away, are put right here.
        """
        is_clicked = False
        for _ in range(self._display.pending_events()):
            event = self._display.next_event()
            is_clicked |= event.type == X.ButtonPress
        if self._window is None:
            return False
        tray = self._find_tray()
        if (tray and tray.id) != (self._tray and self._tray.id) or not self._is_there():
            self.hide()
            self.show()
        elif self._tray is not None:
            self._fit_icon()
        return is_clicked

    def _is_there(self) -> bool:
        """Tell whether the window is still there; one that somebody put aside is asked back."""
        try:
            if self._window.get_attributes().map_state == X.IsUnmapped and self._tray is None:
                self._window.map()
        except (error.BadWindow, error.BadDrawable):
            return False
        return True

    def _find_tray(self) -> Any:
        owner = self._display.get_selection_owner(self._tray_name)
        return None if isinstance(owner, int) else owner

    def _show_icon(self, tray: Any) -> None:
        self._window = self._make_window(0, 0, SIZE, SIZE)
        self._drawn_size = (0, 0)
        self._fit_icon()
        info = self._display.intern_atom("_XEMBED_INFO")
        self._window.change_property(info, info, 32, [0, _XEMBED_MAPPED])
        # The freedesktop protocol for the notification area: ask the tray to take the window in.
        opcode = self._display.intern_atom("_NET_SYSTEM_TRAY_OPCODE")
        self._send(tray, opcode, [X.CurrentTime, _REQUEST_DOCK, self._window.id, 0, 0])

    def _fit_icon(self) -> None:
        """Draw the eye as large as the tray has made the window."""
        try:
            geometry = self._window.get_geometry()
        except (error.BadWindow, error.BadDrawable):
            return  # the tray has ended and took it along; the next look shows it anew
        size = (geometry.width, geometry.height)
        if size == self._drawn_size:
            return
        self._drawn_size = size
        pixmap = self._window.create_pixmap(*size, self._screen.root_depth)
        side = min(size)
        self._fill(pixmap, _BLUE, 0, 0, *size)
        self._draw_eye(pixmap, (size[0] - side) // 2, (size[1] - side) // 2, side)
        self._paint(pixmap)

    def _show_plate(self) -> None:
        font, scale = self._open_font()
        extents = font.query_text_extents(WORDS.encode())
        text_width, ascent = extents.overall_width, extents.font_ascent
        text_height = ascent + extents.font_descent
        height = max(SIZE, text_height * scale) + _MARGIN
        width = SIZE + text_width * scale + 3 * _MARGIN
        x = self._screen.width_in_pixels - width - _EDGE
        y = self._screen.height_in_pixels - height - _EDGE
        self._window = self._make_window(x, y, width, height)
        pixmap = self._window.create_pixmap(width, height, self._screen.root_depth)
        self._fill(pixmap, _BLUE, 0, 0, width, height)
        self._draw_eye(pixmap, _MARGIN, (height - SIZE) // 2, SIZE)
        top = (height - text_height * scale) // 2
        self._write(pixmap, font, scale, (2 * _MARGIN + SIZE, top, text_width, text_height, ascent))
        self._paint(pixmap)
        self._window.map()

    def _make_window(self, x: int, y: int, width: int, height: int) -> Any:
        window = self._screen.root.create_window(
            x, y, width, height, 0, X.CopyFromParent, X.InputOutput, event_mask=X.ButtonPressMask,
        )  # fmt: skip
        window.set_wm_name(WORDS)
        window.set_wm_class("schoolwarden", "Schoolwarden")
        window.set_wm_hints(flags=Xutil.InputHint, input=0)
        place = Xutil.USPosition | Xutil.USSize | Xutil.PMinSize | Xutil.PMaxSize
        size = {"min_width": width, "max_width": width, "min_height": height, "max_height": height}
        window.set_wm_normal_hints(flags=place, x=x, y=y, **size)

        def state(*names: str) -> list[int]:
            return [self._display.intern_atom(name) for name in names]

        # A dock has no frame and no button to close it, stays above other windows and never takes the focus.
        (type_name, dock, state_name) = state("_NET_WM_WINDOW_TYPE", "_NET_WM_WINDOW_TYPE_DOCK", "_NET_WM_STATE")
        window.change_property(type_name, Xatom.ATOM, 32, [dock])
        above = state("_NET_WM_STATE_ABOVE", "_NET_WM_STATE_STICKY", "_NET_WM_STATE_SKIP_TASKBAR")
        window.change_property(state_name, Xatom.ATOM, 32, above)
        return window

    def _open_font(self) -> tuple[Any, int]:
        for name in _FONTS[:-1]:
            if self._display.list_fonts(name, 1):
                return self._display.open_font(name), 1
        return self._display.open_font(_FONTS[-1]), _FIXED_SCALE

    def _write(self, pixmap: Any, font: Any, scale: int, box: tuple[int, int, int, int, int]) -> None:
        """Write the words, each point of the letters `scale` points large."""
        x, y, width, height, ascent = box
        context = pixmap.create_gc(font=font, foreground=self._color(_WHITE), background=self._color(_BLUE))
        if scale == 1:
            pixmap.draw_text(context, x, y + ascent, WORDS.encode())
            return
        small = pixmap.create_pixmap(width, height, self._screen.root_depth)
        small.image_text(context, 0, ascent, WORDS.encode())
        # The server enlarges it: every column and then every row is copied as often as it is to be seen.
        wide = pixmap.create_pixmap(width * scale, height, self._screen.root_depth)
        for column in range(width * scale):
            wide.copy_area(context, small, column // scale, 0, 1, height, column, 0)
        for row in range(height * scale):
            pixmap.copy_area(context, wide, 0, row // scale, width * scale, 1, x, y + row)
        small.free()
        wide.free()

    def _draw_eye(self, pixmap: Any, x: int, y: int, size: int) -> None:
        """Draw an open eye: a white almond, a dark iris, a spark."""
        unit = size / 24

        def at(*values: float) -> list[int]:
            return [round(value * unit) for value in values]

        white = pixmap.create_gc(foreground=self._color(_WHITE))
        outline = [(1, 12), (4, 8.5), (8, 6), (12, 5.2), (16, 6), (20, 8.5), (23, 12)]
        outline += [(20, 15.5), (16, 18), (12, 18.8), (8, 18), (4, 15.5)]
        points = [(x + at(left)[0], y + at(top)[0]) for left, top in outline]
        pixmap.fill_poly(white, X.Complex, X.CoordModeOrigin, points)
        dark = pixmap.create_gc(foreground=self._color(_DARK))
        left, top, side = at(7.5, 7.5, 9)
        pixmap.fill_arc(dark, x + left, y + top, side, side, 0, 360 * 64)
        left, top, side = at(12.5, 8.8, 3)
        pixmap.fill_arc(white, x + left, y + top, side, side, 0, 360 * 64)

    def _fill(self, pixmap: Any, color: str, x: int, y: int, width: int, height: int) -> None:
        pixmap.fill_rectangle(pixmap.create_gc(foreground=self._color(color)), x, y, width, height)

    def _color(self, name: str) -> int:
        parts = [int(name[place : place + 2], 16) * 257 for place in (1, 3, 5)]
        return int(self._screen.default_colormap.alloc_color(*parts).pixel)

    def _paint(self, pixmap: Any) -> None:
        self._window.change_attributes(background_pixmap=pixmap)
        self._window.clear_area()
        pixmap.free()
        self._display.flush()

    def _send(self, window: Any, kind: int, data: list[int]) -> None:
        # python-xlib loads its event classes slowly and all at once, so only when there is a tray.
        from Xlib.protocol import event

        message = event.ClientMessage(window=window, client_type=kind, data=(32, data))
        window.send_event(message, event_mask=X.NoEventMask)
