# SPDX-License-Identifier: Apache-2.0
"""The file that says how the running agent stands, for `status` and for people. What is in it is told by the agent."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import SpoolError
from proto.files import write_private

log = logging.getLogger(__name__)


class StatusFile:
    """Writes the status every few seconds and when it is due, in a thread of its own."""

    def __init__(self, path: Path, every_s: float, look: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._every_s = every_s
        self._look = look
        self._due = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write_soon(self) -> None:
        """Something changed that somebody may wait for."""
        self._due.set()

    def end(self) -> None:
        """Write a last time, that nobody runs any more."""
        self._ended.set()
        self._due.set()
        self._thread.join(timeout=5)
        self.write(is_running=False)

    def write(self, *, is_running: bool) -> None:
        """Write it now. What cannot be written is logged: it is for people, and the agent goes on without."""
        try:
            status = {"running": is_running, "pid": os.getpid(), "written_at_ns": time.time_ns()} | self._look()
            # It is of use only while we run: the disk need not turn for it day and night.
            write_private(self._path, json.dumps(status).encode(), durable=False)
        except (OSError, SpoolError) as error:
            log.error("the status cannot be written: %s", error)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._due.clear()
            self.write(is_running=True)
            self._due.wait(self._every_s)
