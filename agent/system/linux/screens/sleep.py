# SPDX-License-Identifier: Apache-2.0
"""How long the machine has slept: to a clock that stands still meanwhile, three hours under a closed lid are nothing.

Idle times are measured by such clocks. Somebody who opens the lid of a machine that sleeps unlocked sits in front of an
open session, so sleep counts as idle time. It does so only when the machine has been awake for a moment: some desktops
lock when they wake up. A clock that is set plays no part anywhere.
"""

import time
from collections.abc import Callable

AWAKE_S = 30.0
"""So long a desktop has time to lock itself after it woke up."""
_JITTER_S = 1.0
_REMEMBERED = 64


def read_slept_s() -> float:
    """Return how long the machine has slept since it started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class Sleeps:
    """The machine's sleeps, as far as somebody looked before and after each."""

    def __init__(self, read_slept: Callable[[], float] = read_slept_s) -> None:
        """`read_slept` returns seconds of sleep since the machine started."""
        self._read_slept_s = read_slept
        self._slept_s = read_slept()
        self._looked_s: float | None = None
        self._sleeps: list[tuple[float, float, float]] = []

    def look(self, now_s: float) -> None:
        """Notice a sleep since the last look; `now_s` is of the clock that stands still in sleep."""
        slept_s = self._read_slept_s()
        if slept_s - self._slept_s > _JITTER_S:
            # It began some time after the last look. What was touched since may have been so after it.
            began_s = self._looked_s if self._looked_s is not None else now_s
            self._sleeps = [*self._sleeps, (began_s, now_s, slept_s - self._slept_s)][-_REMEMBERED:]
            self._slept_s = slept_s
        self._looked_s = now_s

    def find_slept_s(self, *, since_s: float, now_s: float) -> float:
        """Return for how long the machine has slept since a moment, but for a sleep that has only just ended."""
        return sum(
            length_s
            for began_s, noticed_s, length_s in self._sleeps
            if since_s <= began_s and now_s - noticed_s >= AWAKE_S
        )
