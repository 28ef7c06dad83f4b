# SPDX-License-Identifier: Apache-2.0
"""Tests of how a prompt for a password is known in a terminal, with real ones: this process is their window."""

import contextlib
import os
import pty
import signal
import subprocess
import termios
import tty
from collections.abc import Iterator

import pytest

from agent.session.terminal import asks_for_password


@pytest.fixture
def terminal() -> Iterator[int]:
    """A terminal in which a program waits for input; the descriptor is the window's end."""
    child, master = pty.fork()
    if child == 0:
        os.execvp("cat", ["cat"])
    # What comes back twice, from the echo and from cat, says that the child has its terminal by now.
    os.write(master, b"x\n")
    text = b""
    while text.count(b"x") < 2:
        text += os.read(master, 100)
    yield master
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.close(master)
    os.waitpid(child, 0)


def hide(terminal: int) -> None:
    """Do what sudo does."""
    modes = termios.tcgetattr(terminal)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def test_a_prompt_is_known(terminal: int) -> None:
    """Echo off and whole lines: a password; before and after it everything is as ever."""
    before = termios.tcgetattr(terminal)
    assert not asks_for_password(os.getpid())
    hide(terminal)
    assert asks_for_password(os.getpid())
    termios.tcsetattr(terminal, termios.TCSANOW, before)
    assert not asks_for_password(os.getpid())


def test_a_shell_that_edits_its_line_is_no_prompt(terminal: int) -> None:
    """It turns the echo off as well, but reads key by key."""
    tty.setraw(terminal)
    assert not asks_for_password(os.getpid())


def test_getpass_is_known(terminal: int) -> None:
    """The real thing: what asks without echo, as a grandchild of the window."""
    child, master = pty.fork()
    if child == 0:
        os.execvp("sh", ["sh", "-c", "python3 -c 'import getpass; getpass.getpass()'; true"])
    text = b""
    while b"Password" not in text:
        text += os.read(master, 100)
    assert asks_for_password(os.getpid())
    os.kill(child, signal.SIGKILL)
    os.close(master)
    os.waitpid(child, 0)
    assert not asks_for_password(os.getpid())


def test_other_processes_ask_nothing(terminal: int) -> None:
    """A process without children, one that has ended, and none at all."""
    hide(terminal)
    with subprocess.Popen(["sleep", "60"]) as other:
        assert not asks_for_password(other.pid)
        other.kill()
    assert not asks_for_password(other.pid)
    assert not asks_for_password(0)
