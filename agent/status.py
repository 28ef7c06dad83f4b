# SPDX-License-Identifier: Apache-2.0
"""The file that says how the running agent stands, and its words for people. What is in it is told by the agent."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import SpoolError
from agent.keystore.names import STORES
from proto.files import write_private

log = logging.getLogger(__name__)

CLOCK_IS_OFF_AFTER_S = 60
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


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


def to_lines(status: dict[str, Any], *, age_s: float, state: Path) -> list[str]:
    """Return a status in words, line by line; `age_s` is for how long nothing newer has been written."""
    lines = [f"Device {status['device']} of {status['school']}; its keys live in {STORES[status['keys']]}"]
    if not status["running"]:
        seen = f"last seen running {age_s / 60:.0f} minutes ago" if status["written_at_ns"] else "it never ran"
        if age_s < 0:
            seen = "the clock was set back since it was last seen"
        lines.append(f"Not running ({seen}). Start it: schoolwarden-agent run --state {state}")
    else:
        line = "connected" if status["connected"] else f"not connected: {status['problem']}"
        versions = f"policy {status['policy_version']}; readers of flags {status['recipients_version'] or 'none'}"
        lines.append(f"Running, {line}; {status['waiting_events']} events wait; {versions}")
    ends_at_s = status["certificate_ends_at_s"]
    until = f"; our certificate is good until {datetime.fromtimestamp(ends_at_s, UTC):%Y-%m-%d}" if ends_at_s else ""
    lines.append(f"Collector: {status['collector']}{until}")
    offset_s = status["clock_offset_ns"] / 1e9
    if abs(offset_s) > CLOCK_IS_OFF_AFTER_S:
        lines.append(f"This machine's clock is {_to_words(offset_s)} the collector's")
    if number := status["quarantined_events"]:
        lie = "1 event lies" if number == 1 else f"{number} events lie"
        lines.append(f"{lie} in quarantine: {status['quarantined_why'] or 'the collector could not take it'}")
    if status["happened"]:
        lines.append(f"What happened: {status['happened']}")
    lines += [f"{each['check']}: {each['state']} - {each['summary']}" for each in status["checks"]]
    lines += [f"Paused by the policy: {each}" for each in status.get("paused", ())]
    lines += [f"Not watched: {each}" for each in status["not_watched"]]
    return lines


def _to_words(offset_s: float) -> str:
    """Say how far one clock is from another, in the largest unit of which there are two."""
    size_s, unit = next((each for each in _UNITS if abs(offset_s) >= 2 * each[0]), _UNITS[-1])
    amount = int(abs(offset_s) // size_s)
    return f"{amount} {unit}{'' if amount == 1 else 's'} {'ahead of' if offset_s > 0 else 'behind'}"
