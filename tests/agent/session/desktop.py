# SPDX-License-Identifier: Apache-2.0
"""A desktop for tests: Xvfb on a free display, a window manager, a session bus with accessibility, and real keys.

Keys go in through XTEST, as xdotool sends them: for the X server and for everything behind it they were pressed.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.ext import xtest

from agent.session.launch import WatcherProcess, start_watcher
from agent.session.messages import Found, Ready, Report, Setup, State

SYSTEM_PYTHON = "/usr/bin/python3"
WITHIN_S = 20.0
"""For everything that must happen; a slow machine may take long."""
KEY_APART_S = 0.01

_ROWS = {24: "qwertyuiop", 38: "asdfghjkl;'", 52: "zxcvbnm,./", 10: "1234567890-="}
KEYCODES = {letter: first + place for first, row in _ROWS.items() for place, letter in enumerate(row)} | {" ": 65}
"""The keys by what is printed on them in the United States. The numbers are those of Linux, whatever the layout."""
ENTER, BACKSPACE, TAB, LEFT, CAPS, CONTROL, SHIFT, ALT, ALTGR = 36, 22, 23, 113, 66, 37, 50, 64, 108

NOTICE: dict[str, Any] = {
    "notice_version": "2026-1",
    "notice_title": "This computer is watched",
    "notice_text": "Text of the school.",
}


def make_setup(*, is_accepted: bool = True, protected: tuple[str, ...] = ()) -> Setup:
    """Return a setup for a pupil who has read the notice, or has not."""
    return Setup(languages=("en",), is_accepted=is_accepted, protected=protected, **NOTICE)


class Desktop:
    """One display with everything on it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="schoolwarden-desktop-"))
        self._programs: list[subprocess.Popen] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "USER", "LOGNAME")},
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),
            "LC_ALL": "C.UTF-8",
            "GTK_IM_MODULE": "gtk-im-context-simple",
        }
        reading, writing = os.pipe()
        self.start("Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", keep=writing)
        os.close(writing)
        with os.fdopen(reading) as numbers:
            self.environment["DISPLAY"] = self.name = ":" + numbers.readline().strip()
        bus = self.start("dbus-daemon", "--session", "--nofork", "--print-address", stdout=subprocess.PIPE)
        assert bus.stdout is not None
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        self.display = Display(self.name)
        self.set_layout("us")
        self.start("openbox", "--sm-disable")
        check = self.display.intern_atom("_NET_SUPPORTING_WM_CHECK")
        wait_until(lambda: self.display.screen().root.get_full_property(check, X.AnyPropertyType) is not None)

    def start(self, *command: str, keep: int | None = None, **options) -> "subprocess.Popen[str]":
        """Start a program on this desktop; it ends with it."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **options}
        passed = [] if keep is None else [keep]
        program = subprocess.Popen(
            command, env=self.environment, stderr=subprocess.DEVNULL, text=True, pass_fds=passed, **options
        )
        self._programs.append(program)
        return program

    def end_accessibility(self) -> None:
        """End the bus on which programs tell of their fields, as if it had crashed."""
        question = ["--print-reply=literal", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus"]
        question[-1] += ".GetConnectionUnixProcessID"
        command = ["dbus-send", "--session", *question, "string:org.a11y.Bus"]
        answer = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout
        launcher = int(answer.split()[-1])
        children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
        for pid in (launcher, *map(int, children)):
            os.kill(pid, signal.SIGKILL)

    def set_layout(self, layout: str, *options: str) -> None:
        """Change the layout of the keyboard, as a user would."""
        arguments = [argument for option in ("", *options) for argument in ("-option", option)]
        subprocess.run(["setxkbmap", "-layout", layout, *arguments], env=self.environment, check=True)

    def press(self, *keys: int | str, hold: tuple[int, ...] = ()) -> None:
        """Press keys one after the other while others are held; a text stands for its keys on an American keyboard."""
        for key in keys:
            for code in [key] if isinstance(key, int) else [KEYCODES[letter] for letter in key]:
                self.tap(code, hold)
                time.sleep(KEY_APART_S)

    def tap(self, code: int, hold: tuple[int, ...] = ()) -> None:
        """Press and release one key while others are held."""
        for held in hold:
            xtest.fake_input(self.display, X.KeyPress, held)
        xtest.fake_input(self.display, X.KeyPress, code)
        xtest.fake_input(self.display, X.KeyRelease, code)
        for held in reversed(hold):
            xtest.fake_input(self.display, X.KeyRelease, held)
        self.display.sync()

    def type(self, text: str) -> None:
        """Type a text with xdotool, which finds its keys in the layout that is set."""
        subprocess.run(["xdotool", "type", "--delay", "20", text], env=self.environment, check=True)

    def click(self, x: int, y: int) -> None:
        """Click somewhere on the screen."""
        xtest.fake_input(self.display, X.MotionNotify, x=x, y=y)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(self.display, kind, 1)
        self.display.sync()

    def find_window(self, title: str) -> int | None:
        """Return the id of the visible window of that title."""
        command = ["xdotool", "search", "--onlyvisible", "--name", title]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return int(found.stdout.split()[0]) if found.stdout.split() else None

    def find_focus_title(self) -> str:
        """Return the title of the window that has the focus."""
        command = ["xdotool", "getactivewindow", "getwindowname"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout.strip()

    def has_focus(self, title: str) -> bool:
        """Tell whether a window of this title has the focus."""
        return self.find_focus_title() == title

    def close(self) -> None:
        """End everything."""
        self.display.close()
        for program in reversed(self._programs):
            program.terminate()
        for program in reversed(self._programs):
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(5)
            program.kill()
            program.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def session(self) -> SimpleNamespace:
        """Return this desktop as a session of the user who runs the tests."""
        return SimpleNamespace(
            uid=os.getuid(),
            gid=os.getgid(),
            groups=os.getgroups(),
            home=str(self._folder),
            display=self.name,
            kind="x11",
            environment=self.environment,
        )


class Window:
    """A real window with a field, and a field for a password."""

    def __init__(self, desktop: Desktop, title: str, program: str = "Essay") -> None:
        self._program = desktop.start(
            SYSTEM_PYTHON,
            str(Path(__file__).with_name("window.py")),
            title,
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._content: dict[str, str] = {}
        threading.Thread(target=self._read, daemon=True).start()
        wait_until(lambda: desktop.has_focus(title))

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self._content = json.loads(line)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._program.pid

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self._content.get("text", "")

    @property
    def password(self) -> str:
        """What stands in the field for a password."""
        return self._content.get("password", "")

    def tell(self, word: str) -> None:
        """Have it do something: `password` and `text` take the focus, `title ...` renames it, `clear` empties it,
        `hide` and `echo` are what its terminal does with what is typed."""
        assert self._program.stdin is not None
        self._program.stdin.write(word + "\n")
        self._program.stdin.flush()

    def close(self) -> None:
        """End it."""
        self._program.kill()
        self._program.wait()


@dataclass
class Heard:
    """What a watcher has said."""

    reports: list[Report] = field(default_factory=list)
    _new: "queue.Queue[Report]" = field(default_factory=queue.Queue)

    def take(self, report: Report) -> None:
        self.reports.append(report)
        self._new.put(report)

    def wait_for(self, kind: type, within_s: float = WITHIN_S, **values):
        """Return the next report of a kind with these values; what comes before it is passed over."""
        deadline = time.monotonic() + within_s
        while True:
            report = self._new.get(timeout=max(0.01, deadline - time.monotonic()))
            if isinstance(report, kind) and all(getattr(report, name) == value for name, value in values.items()):
                return report

    @property
    def found(self) -> list[Found]:
        return [report for report in self.reports if isinstance(report, Found)]


@contextlib.contextmanager
def watching(desktop: Desktop, setup: Setup | None = None) -> Iterator[tuple[WatcherProcess, Heard]]:
    """Run a watcher on a desktop, as the service would."""
    heard = Heard()
    watcher = start_watcher(desktop.session(), setup or make_setup(), heard.take)
    try:
        heard.wait_for(Ready)
        if setup is None or setup.is_accepted:
            heard.wait_for(State, state="watching")
        yield watcher, heard
    finally:
        watcher.stop()


def wait_until(is_so: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Return when something is so, or fail."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
