# SPDX-License-Identifier: Apache-2.0
"""The machine's clocks, and whether the one on its wall was set. It sets none and asks nobody for the time.

The wall clock says what people say; the monotonic clock stands still while the machine sleeps; the running clock goes
on then. Nobody can set the last two, so a wall clock that moves against the running clock was set, or went wrong.
"""

import sys
import time
from collections.abc import Callable

from proto.events import ClockStepped

STEP_NS = 30 * 10**9
"""What is less is left alone: a time server corrects a clock by a little every now and then."""


def read_running_ns(platform: str = sys.platform) -> int:
    """Return the nanoseconds since some moment before we were started, sleep included where the system tells."""
    if platform == "darwin":
        # This one goes on in sleep there; the one behind Python's `monotonic` does not.
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


class Clock:
    """Tells the time, and when the wall clock was set."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
        running_ns: Callable[[], int] = read_running_ns,
    ) -> None:
        self.wall_ns = wall_ns
        self.monotonic_s = monotonic_s
        self._running_ns = running_ns
        self._apart_ns = wall_ns() - running_ns()
        """How far the two were apart when they were last found in step."""

    def find_step(self) -> ClockStepped | None:
        """Return by how much the wall clock was set since it was last asked, or None if it goes as it did."""
        running_ns, found_ns = self._running_ns(), self.wall_ns()
        expected_ns = running_ns + self._apart_ns
        if abs(found_ns - expected_ns) <= STEP_NS:
            # Not taken as the new measure: many small steps in one direction are a large one.
            return None
        self._apart_ns = found_ns - running_ns
        return ClockStepped(expected_ns, found_ns)
