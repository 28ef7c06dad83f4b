# SPDX-License-Identifier: Apache-2.0
"""The window of the notice, a program by itself: it reads JSON, shows it, and ends with 0 when the button was pressed.

It runs on the system's Python and imports nothing of ours. GTK is first, because screen readers can read it; Tk is the
second choice. Ends with 1 when the window was closed, with 3 when neither toolkit is there. It has no field to type in.
"""

import json
import sys
from typing import Any

READ, CLOSED, CANNOT_SHOW = 0, 1, 3
READING_TIME_MS = 3000
WIDTH = 600
BULLET_WIDTH = 20
TEXT_HEIGHT = 200
LONG_TEXT = 500
"""Characters past which the school's text is scrolled."""
STYLE = b"""
.title { font-size: 20pt; font-weight: bold; }
.text { font-size: 13pt; }
button { font-size: 14pt; padding: 8px 24px; }
"""


def show_with_gtk(content: dict[str, Any]) -> int:
    """Show the notice and return how it ended.

    Raises:
        ImportError: GTK 3 is not here.
        ValueError: another version of it is.
    """
    import gi  # type: ignore[import-not-found]

    gi.require_version("Gtk", "3.0")
    from gi.repository import Gdk, GLib, Gtk  # type: ignore[import-not-found]

    if not Gtk.init_check([])[0]:
        return CANNOT_SHOW
    result = [CLOSED]
    style = Gtk.CssProvider()
    style.load_from_data(STYLE)
    Gtk.StyleContext.add_provider_for_screen(Gdk.Screen.get_default(), style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
    window = Gtk.Window(title=content["title"], window_position=Gtk.WindowPosition.CENTER, border_width=28)
    window.set_type_hint(Gdk.WindowTypeHint.DIALOG)
    window.set_keep_above(True)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=14)
    window.add(box)

    def write(text: str, kind: str, width: int = WIDTH) -> Any:
        label = Gtk.Label(label=text, wrap=True, xalign=0.0, yalign=0.0, width_request=width, max_width_chars=1)
        label.get_style_context().add_class(kind)
        return label

    box.add(write(content["title"], "title"))
    for line in content["in_short"]:
        row = Gtk.Box(spacing=10)
        row.add(write("•", "text", -1))
        row.add(write(line, "text", WIDTH - BULLET_WIDTH))
        box.add(row)
    box.add(Gtk.Separator())
    text = write(content["text"], "text")
    # However long the school's text is, the button stays on the screen.
    box.add(_make_scrolled(Gtk, text) if len(content["text"]) > LONG_TEXT else text)
    button = Gtk.Button(label=content["button"], halign=Gtk.Align.CENTER, margin_top=10)
    button.get_style_context().add_class("suggested-action")

    def accept(_button: Any) -> None:
        result[0] = READ
        Gtk.main_quit()

    button.connect("clicked", accept)
    window.connect("destroy", Gtk.main_quit)
    box.add(button)
    # Somebody who was typing when the window came must not accept it with a blank: it takes a moment and a Tab.
    button.set_sensitive(False)
    GLib.timeout_add(READING_TIME_MS, lambda: button.set_sensitive(True))
    window.show_all()
    Gtk.main()
    return result[0]


def _make_scrolled(gtk: Any, inside: Any) -> Any:
    page = gtk.ScrolledWindow(min_content_height=TEXT_HEIGHT)
    page.set_policy(gtk.PolicyType.NEVER, gtk.PolicyType.AUTOMATIC)
    page.add(inside)
    return page


def show_with_tk(content: dict[str, Any]) -> int:
    """Show the notice and return how it ended.

    Raises:
        ImportError: Tk is not here.
    """
    import tkinter

    result = [CLOSED]
    window = tkinter.Tk()
    window.title(content["title"])
    window.attributes("-topmost", True)
    window.configure(padx=28, pady=28)

    def write(text: str, font: tuple[str, int, str]) -> None:
        tkinter.Label(window, text=text, font=font, justify="left", wraplength=WIDTH).pack(anchor="w", pady=6)

    write(content["title"], ("sans-serif", 20, "bold"))
    for line in content["in_short"]:
        write("•  " + line, ("sans-serif", 13, "normal"))
    write(content["text"], ("sans-serif", 13, "normal"))

    def accept(_event: object = None) -> None:
        result[0] = READ
        window.destroy()

    button = tkinter.Button(window, text=content["button"], font=("sans-serif", 14), command=accept, padx=24, pady=8)
    button.bind("<Return>", accept)
    button.configure(state="disabled")
    window.after(READING_TIME_MS, lambda: button.configure(state="normal"))
    button.pack(pady=(16, 0))
    window.mainloop()
    return result[0]


def main() -> int:
    """Show what comes on standard input."""
    content = json.load(sys.stdin)
    for show in (show_with_gtk, show_with_tk):
        try:
            return show(content)
        except (ImportError, ValueError):
            continue
    return CANNOT_SHOW


if __name__ == "__main__":
    sys.exit(main())
