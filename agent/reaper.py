# SPDX-License-Identifier: Apache-2.0
"""Ends child processes without ever waiting long for one.

A killed process may stay on the kernel's list: a program of its own user traces it and does not let go, or a file
system of that user's does not answer. Such a child is kept here and asked after later. Whether another may be started
meanwhile is for who starts them.
"""

import subprocess
import threading

PATIENCE_S = 0.5
"""A process that nothing holds is gone within milliseconds."""


class Reaper:
    """Children that were killed and are not gone yet. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[subprocess.Popen[bytes]] = []

    def end(self, process: "subprocess.Popen[bytes]", *, patience_s: float = PATIENCE_S) -> bool:
        """Kill a child, take it off the kernel's list and return True; where that takes too long, keep it for later."""
        self.count_left()
        process.kill()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            with self._lock:
                self._left.append(process)
            return False
        return True

    def count_left(self) -> int:
        """Take those off the kernel's list that can be now, and return how many are left."""
        with self._lock:
            self._left = [each for each in self._left if each.poll() is None]
            return len(self._left)
