# SPDX-License-Identifier: Apache-2.0
"""A pupil's desk: an X11 screen with a window manager and a window, of a user who is not root.

    with Desk() as desk:
        desk.open_window()
        desk.accept_notice()
        desk.type("de", "text")

Run as root, the session is that of a user whom only the agent's mount namespace knows (`DeskAgent`), and there our
Python can be run by everybody: on some machines it lies in root's own folder. Nothing on the machine is changed. Run as
anybody else, the session is his own.
"""

import grp
import os
import pwd
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.path import PROGRAMS, RunningAgent, wait_for

IS_ROOT = os.geteuid() == 0
_ME = pwd.getpwuid(os.geteuid())
USER, UID, GID = ("quentin.zedd", 64123, 64123) if IS_ROOT else (_ME.pw_name, _ME.pw_uid, _ME.pw_gid)
GROUP = "pupils-of-zedd" if IS_ROOT else grp.getgrgid(GID).gr_name
PYTHON_HOME = Path(os.path.realpath(sys.executable)).parent.parent
CLOSED = Path("/root")

WINDOW = """
import sys, tkinter
window = tkinter.Tk()
window.title("Essay")
text = tkinter.Text(window, width=80, height=12)
text.pack()
text.focus_force()
def keep():
    open(sys.argv[1], "w").write(text.get("1.0", "end-1c"))
    window.after(50, keep)
keep()
window.mainloop()
"""


def as_user() -> list[str]:
    """Return what to put before a command that is to run as the session's user."""
    return ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", "--inh-caps=-all"] if IS_ROOT else []


def in_namespace(folder: Path) -> list[str]:
    """Return what to put before a command of root's, so that it knows the user, and the user finds our Python."""
    if not IS_ROOT:
        return []
    known = {"passwd": f"{USER}:x:{UID}:{GID}::/nonexistent:/bin/sh\n", "group": f"{GROUP}:x:{GID}:\n"}
    steps = []
    for name, line in known.items():
        (folder / name).write_text(Path("/etc", name).read_text() + line)
        steps.append(f"mount --bind {shlex.quote(str(folder / name))} /etc/{name}")
    if PYTHON_HOME.is_relative_to(CLOSED):
        place, aside = shlex.quote(str(PYTHON_HOME)), "/mnt"
        steps += [f"mount --bind {place} {aside}", f"mount -t tmpfs -o mode=755 tmpfs {CLOSED}"]
        steps += [f"mkdir -p {place}", f"mount --move {aside} {place}"]
    script = " && ".join([*steps, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


class DeskAgent(RunningAgent):
    """An agent that can start watchers at a desk."""

    def _command(self) -> list[str]:
        return [*in_namespace(self.folder.parent), str(PROGRAMS / self.name)]


class Desk:
    """A screen of its own, closed at the end."""

    def __init__(self) -> None:
        # Not in a test's own folder, which is closed to other users.
        self._temporary = tempfile.TemporaryDirectory(prefix="desk-")
        self.folder = Path(self._temporary.name)
        if IS_ROOT:
            os.chown(self.folder, UID, GID)
        self.display = ""
        self.written = self.folder / "written.txt"
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"]
        self._start(command, pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as said:
            self.display = f":{int(said.readline())}"
        self._start([*as_user(), "openbox"])
        wait_for(lambda: "_NET_SUPPORTING_WM_CHECK" in self._x("xprop", "-root"), "the window manager")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self._children):
            child.kill()
            child.wait()
        self._temporary.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What programs of the session have in their environment."""
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        return {**kept, "DISPLAY": self.display, "LANG": "C.UTF-8", "HOME": str(self.folder), "NO_AT_BRIDGE": "1"}

    def open_window(self) -> None:
        """Open a window to write in, and give it the focus."""
        self._start([*as_user(), "/usr/bin/python3", "-c", WINDOW, str(self.written)])
        wait_for(lambda: self.find_window("Essay"), "the window")
        self._focus("Essay")

    def accept_notice(self, title: str = "This computer is watched") -> None:
        """Press the button of the notice once it is there, as a pupil does."""
        wait_for(lambda: self.find_window(title), "the notice")

        def press() -> bool:
            # It may not be ready for keys when it is shown first, as for a person who presses once more.
            if self.find_window(title):
                self._focus(title)
                self._x("xdotool", "key", "--clearmodifiers", "Tab", "Return")
                time.sleep(0.5)
            return not self.find_window(title)

        wait_for(press, "the notice to close")
        self._focus("Essay")

    def accept_notice_if_asked(self, title: str = "This computer is watched") -> None:
        """Press the button if the notice comes within a few seconds: who accepted it once is not asked again."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.find_window(title):
                self.accept_notice(title)
                return
            time.sleep(0.2)

    def find_window(self, title: str) -> str:
        """Return the id of a window that is shown, or nothing."""
        return self._x("xdotool", "search", "--onlyvisible", "--name", f"^{title}$").split("\n")[0]

    def set_layout(self, *options: str) -> None:
        """Choose the layout of the keyboard: `de`, `us,ru`."""
        self._x("setxkbmap", *options)
        # Every program is told of it, and takes it in when it comes to it: on a busy machine not at once.
        time.sleep(1.0)

    def type(self, text: str, *, delay_ms: int = 20) -> None:
        """Type a text with real key events."""
        self._x("xdotool", "type", "--delay", str(delay_ms), text)

    def press(self, *keys: str) -> None:
        """Press keys by their names, one after the other; `dead_acute`, `BackSpace`, `ISO_Level3_Shift+q`."""
        self._x("xdotool", "key", "--delay", "30", *keys)

    def wait_for_text(self, is_there: Callable[[str], bool]) -> str:
        """Return what stands in the window once it is so."""

        return wait_for(lambda: text if is_there(text := self.text()) else "", "the text in the window")

    def text(self) -> str:
        """Return what stands in the window."""
        return self.written.read_text() if self.written.exists() else ""

    def _focus(self, title: str) -> None:
        window = self.find_window(title)
        self._x("xdotool", "windowactivate", "--sync", window)
        self._x("xdotool", "mousemove", "--window", window, "60", "60")

    def _x(self, *command: str) -> str:
        done = subprocess.run(
            [*as_user(), *command], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout.strip()

    def _start(self, command: list[str], *, pass_fds: tuple[int, ...] | list[int] = ()) -> None:
        with (self.folder / "desk.log").open("ab") as log:
            child = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds
            )
        self._children.append(child)
