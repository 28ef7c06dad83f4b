# SPDX-License-Identifier: Apache-2.0
"""How things are measured: processor time of process trees, and numbers with their spread."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs of one measurement."""

    median: float
    min: float
    max: float
    runs: int

    def to_json(self) -> dict[str, float]:
        """Return plain JSON values."""
        return asdict(self)


def spread(values: Sequence[float], digits: int = 1) -> Spread:
    """Return median, least, greatest and number of some values."""
    return Spread(
        round(statistics.median(values), digits), round(min(values), digits), round(max(values), digits), len(values)
    )


def tree_cpu_s(pids: Sequence[int]) -> float:
    """Return the processor seconds of processes and of everything they started, dead children included."""
    total = 0.0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            members = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for member in members:
            try:
                times = member.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process in 10^6 bytes; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    for line in lines:
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
