# SPDX-License-Identifier: Apache-2.0
"""Real processes that say what a test wants, in place of the one that measures a display."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

from agent.system.interface import Session
from tests.fakes import FakeClock


class FakeDisplay:
    """A display that is touched and locked by a test, and is measured by a process that only says so."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.touched_s = clock()
        self.is_locked = False
        self.saver_on_s: float | None = None
        self.timeout_s = 600
        self.is_idle_known = True
        self.command: list[str] | None = None
        """Run in place of the one that answers."""
        self.measured = 0

    def touch(self) -> None:
        self.touched_s = self.clock()

    def spawn(self, session: Session) -> "subprocess.Popen[bytes]":
        """Stand for `spawn_probe`."""
        self.measured += 1
        command = self.command or ["echo", json.dumps(self._answer())]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def _answer(self) -> dict[str, Any]:
        saver_s = None if self.saver_on_s is None else self.clock() - self.saver_on_s
        return {
            "at_s": self.clock(),
            "idle_ms": int((self.clock() - self.touched_s) * 1000) if self.is_idle_known else None,
            "saver_is_on": saver_s is not None,
            "saver_since_ms": 0 if saver_s is None else int(saver_s * 1000),
            "timeout_s": self.timeout_s,
            "is_locked": self.is_locked,
        }


def settle(look: Callable[[], bool], is_waiting: Callable[[], bool]) -> bool:
    """Look until nothing is being measured any more; return whether a look had news."""
    has_news = look()
    while is_waiting():
        has_news = look() or has_news
    return has_news
