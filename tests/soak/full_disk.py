# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: the agent's, then the collector's, while it runs and at a start; and there is room again."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.soak.outcome import Outcome
from tests.soak.rig import Rig, running

AGENT_MEGABYTES = 6
COLLECTOR_MEGABYTES = 48
FULL_S = 6.0
BACK_WITHIN_S = 150.0


def find_missing() -> str:
    """Say what is missing to have a small disk; empty when nothing is."""
    return "" if os.geteuid() == 0 else "root, to mount a small file system"


def run(times: int) -> Outcome:
    """Fill each disk so many times, running and at a start."""
    outcome = Outcome("disk")
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (
            _small_disk(place / "agent", AGENT_MEGABYTES),
            _small_disk(place / "collector", COLLECTOR_MEGABYTES),
            running(place, outcome) as rig,
        ):
            rig.start_agent()
            sides: tuple[tuple[str, Path, Callable[[], None]], ...] = (
                ("agent", rig.state, lambda: _start_agent_again(rig)),
                ("collector", rig.collector_folder, lambda: _start_collector_again(rig)),
            )
            for _ in range(times):
                for name, disk, start_again in sides:
                    for is_started in (False, True):
                        what = f"{name}{' at its start' if is_started else ''}"
                        sys.stderr.write(f"disk: {what}\n")
                        refused += _endure(rig, disk, start_again if is_started else None, outcome, what)
                        outcome.tried += 1
    outcome.seen = f"the agent's queue refused {refused} events while its disk was full, and promised nothing of them"
    if not refused:
        outcome.problems.append("the agent's disk was never full, so nothing was shown")
    return outcome


def _endure(rig: Rig, disk: Path, start_again: Callable[[], None] | None, outcome: Outcome, what: str) -> int:
    """Fill a disk, let some time pass, make room; return how many events were refused meanwhile."""
    if not rig.wait_until_answered(BACK_WITHIN_S):
        outcome.problems.append(f"before {what} was full the agent was not answered: {rig.standing()}")
    before = int(rig.standing().get("refused", 0))
    filler = disk / "filler"
    _fill(filler)
    if start_again is not None:
        start_again()
        before = 0
    time.sleep(FULL_S)
    refused = int(rig.standing().get("refused", before)) - before
    filler.unlink()
    _start_what_ended(rig)
    if not rig.wait_until_answered(BACK_WITHIN_S):
        outcome.problems.append(f"after {what} was full the agent did not come back: {rig.standing()}")
    return refused


def _start_agent_again(rig: Rig) -> None:
    rig.kill_agent()
    rig.start_agent()


def _start_collector_again(rig: Rig) -> None:
    rig.kill_collector()
    rig.start_collector()


def _start_what_ended(rig: Rig) -> None:
    """Do what a service manager does: whoever could not start on a full disk is started again."""
    if rig.agent is not None and rig.agent.poll() is not None:
        rig.start_agent()
    if rig.collector is not None and rig.collector.poll() is not None:
        rig.start_collector()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
