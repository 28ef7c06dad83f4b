# SPDX-License-Identifier: Apache-2.0
"""A real window to type into, a program by itself for the system's Python: `window.py TITLE PROGRAM`.

It has a field, a field for a password, and a terminal that nobody sees. What stands in the fields is written to stdout
whenever it changes.
"""

import json
import os
import pty
import sys
import termios

import gi  # type: ignore[import-not-found]

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # type: ignore[import-not-found] # noqa: E402 - the version comes first


def open_terminal() -> int:
    """Run a program in a terminal of this window, as terminals do, and return the window's end of it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("cat", ["cat"])
    return terminal


def set_echo(terminal: int, *, is_on: bool) -> None:
    """Do what sudo does while it asks for a password."""
    modes = termios.tcgetattr(terminal)
    modes[3] = modes[3] | termios.ECHO if is_on else modes[3] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def main() -> None:
    """Show the window until it is killed; each line of input is the name of the field that takes the focus."""
    terminal = open_terminal()
    GLib.set_prgname(sys.argv[2].lower())
    Gdk.set_program_class(sys.argv[2])
    window = Gtk.Window(title=sys.argv[1])
    window.set_default_size(500, 200)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
    window.add(box)
    fields = {"text": Gtk.Entry(), "password": Gtk.Entry(visibility=False, input_purpose=Gtk.InputPurpose.PASSWORD)}

    def tell(*_) -> None:
        print(json.dumps({name: field.get_text() for name, field in fields.items()}), flush=True)  # noqa: T201

    def obey(*_) -> bool:
        for line in os.read(0, 4096).decode().splitlines():
            word, _sep, rest = line.partition(" ")
            if word == "title":
                window.set_title(rest)
            elif word in ("hide", "echo"):
                set_echo(terminal, is_on=word == "echo")
            elif word == "clear":
                for field in fields.values():
                    field.set_text("")
            else:
                fields[word].grab_focus()
        return True

    for field in fields.values():
        field.connect("changed", tell)
        box.add(field)
    GLib.io_add_watch(0, GLib.IO_IN, obey)
    window.show_all()
    window.present()
    fields["text"].grab_focus()
    tell()
    Gtk.main()


main()
