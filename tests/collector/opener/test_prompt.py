# SPDX-License-Identifier: Apache-2.0
"""Tests of what a person at a terminal is asked, on a terminal of the test's own."""

import json
import os
import pty
import re
import select
import time
from contextlib import suppress
from pathlib import Path

from tests.collector.opener.staff import Staff
from tests.path import DEADLINE_S, PROGRAMS


class Terminal:
    """The command on a terminal; what it shows is kept."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [str(PROGRAMS / "schoolwarden-open"), *map(str, arguments)]
        self.shown = ""
        self._pid, self._descriptor = pty.fork()
        if not self._pid:
            os.execv(command[0], command)

    def wait_for(self, pattern: str) -> str:
        """Return what matches once it is shown; what was shown before it is let go."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.shown, re.DOTALL)):
            assert time.monotonic() < deadline, self.shown
            if select.select([self._descriptor], [], [], 1)[0]:
                self.shown += os.read(self._descriptor, 4096).decode()
        self.shown = self.shown[found.end() :]
        return found[found.lastindex or 0]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._descriptor, f"{text}\n".encode())

    def end(self) -> tuple[int, str]:
        """Return how it ended, and what it showed since it was last looked at."""
        with suppress(OSError):  # How Linux says that nobody is at the other end any more.
            while more := os.read(self._descriptor, 4096):
                self.shown += more.decode()
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1]), self.shown


def test_new_words_are_kept_only_once_they_stand_on_paper(tmp_path: Path) -> None:
    """They are shown in a frame, asked back without being shown, and a mistake is told."""
    terminal = Terminal("identity", "make", "--folder", tmp_path / "anna")
    words = terminal.wait_for(r"WRITE THIS DOWN.*?\r\n *((?:[a-z]+ ){5}[a-z]+)\r\n.*?Type the six words[^\n]*: ")
    assert not (tmp_path / "anna" / "identity.json").exists()
    terminal.type("other words than these")
    terminal.wait_for("These are other words.*?: ")
    terminal.type(words)
    code, shown = terminal.end()
    assert code == 0
    assert words not in shown
    assert json.loads((tmp_path / "anna" / "identity.json").read_text())["age_key"] in shown


def test_words_that_nobody_wrote_down_make_no_key(tmp_path: Path) -> None:
    """Three times others: exit 2, and nothing is kept."""
    terminal = Terminal("identity", "make", "--folder", tmp_path / "anna")
    for _ in range(3):
        terminal.wait_for("Type the six words[^\n]*: ")
        terminal.type("no idea")
    code, shown = terminal.end()
    assert (code, "nothing was kept" in shown) == (2, True)
    assert list((tmp_path / "anna").iterdir()) == []


def test_passphrase_is_asked_for_unseen_and_no_is_no(staff: Staff) -> None:
    """A question takes yes or no and nothing else; after a no the root is as it was."""
    anna = staff["anna"]
    before = (anna.folder / "root.json").read_bytes()
    terminal = Terminal("root", "rotate", "--folder", anna.folder)
    terminal.wait_for("Passphrase of your identity[^\n]*: ")
    terminal.type(anna.passphrase)
    terminal.wait_for(r"Have all devices .*?\[yes/no\] ")
    assert anna.passphrase not in terminal.shown
    terminal.type("perhaps")
    terminal.wait_for(r"\[yes/no\] ")
    terminal.type("no")
    code, shown = terminal.end()
    assert (code, "the root was not changed" in shown) == (2, True)
    assert (anna.folder / "root.json").read_bytes() == before
