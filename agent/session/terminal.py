# SPDX-License-Identifier: Apache-2.0
"""Whether a terminal asks for a password: a program in it has turned the echo off and still reads whole lines.

That is how sudo, su and ssh ask. A shell's own editing turns the echo off too, but reads key by key. Not seen are
prompts that show stars (sudo's pwfeedback), those of another machine behind ssh, and those inside tmux or screen.
"""

import os
import termios
from pathlib import Path

_PTS_MAJORS = range(136, 144)
"""The device numbers of Linux's pseudo terminals, 256 of them each."""
_TTY_FIELD = 4
"""Of /proc/PID/stat, counted after the name in brackets, which may hold anything."""
_LOCAL_MODES = 3


def asks_for_password(pid: int) -> bool:
    """Tell whether one of the terminals that this process, a window's, has opened for its children hides what is typed.

    A program with several windows or tabs hides all of them while one does: which is in front is not known.
    """
    terminals = {_find_terminal(child) for child in _list_children(pid)}
    return any(_is_hiding(terminal) for terminal in terminals if terminal)


def _list_children(pid: int) -> set[str]:
    children: set[str] = set()
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children.update((task / "children").read_text().split())
    except OSError:
        return children  # the process has ended
    return children


def _find_terminal(child: str) -> str | None:
    try:
        stat = Path(f"/proc/{child}/stat").read_bytes()
    except OSError:
        return None
    number = int(stat.rpartition(b")")[2].split()[_TTY_FIELD])
    if os.major(number) not in _PTS_MAJORS:
        return None
    return f"/dev/pts/{os.minor(number) + 256 * (os.major(number) - _PTS_MAJORS[0])}"


def _is_hiding(terminal: str) -> bool:
    try:
        descriptor = os.open(terminal, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # it was closed just now
    except OSError:
        return True  # nobody knows what happens there
    try:
        modes = termios.tcgetattr(descriptor)[_LOCAL_MODES]
    except termios.error:
        return False
    finally:
        os.close(descriptor)
    return bool(modes & termios.ICANON and not modes & termios.ECHO)
