# SPDX-License-Identifier: Apache-2.0
"""What the agent may cost: it measures itself, slows down when it is over its limits, and says so in an event.

Arithmetic over samples. Who asks it slows the checks by `slowdown` and leaves out scans while `is_paused`; the watch
on programs that start is slowed and never stopped.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from agent.system.interface import System
from proto.events import AgentThrottled

CPU_LIMIT_PERCENT = 1.0
"""Of one core, averaged over a window."""
MEMORY_LIMIT_BYTES = 60 * 10**6
WINDOW_S = 60.0
GRACE_S = 60.0
"""After the start, when everything is looked at for the first time."""
SAMPLE_EVERY_S = 5.0
CALM_CPU_SHARE = 0.5
CALM_MEMORY_SHARE = 0.9
"""Below these shares of both limits, for long enough, the agent goes back a level."""
LONGEST_CALM_S = 3600.0
SLOW_FACTOR = 4.0


class Level(StrEnum):
    """How much the agent holds back."""

    NORMAL = "normal"
    SLOW = "slow"
    """It looks a quarter as often."""
    PAUSED = "paused"
    """It also leaves out scans of what is installed."""


_LADDER = (Level.NORMAL, Level.SLOW, Level.PAUSED)


class Budget:
    """Decides the level from samples of the agent's own use."""

    def __init__(
        self,
        system: System,
        clock_s: Callable[[], float] = time.monotonic,
        *,
        cpu_limit_percent: float = CPU_LIMIT_PERCENT,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._system = system
        self._clock_s = clock_s
        self._cpu_limit_percent = cpu_limit_percent
        self._memory_limit_bytes = memory_limit_bytes
        self._counts_from_s = clock_s() + GRACE_S
        self._next_sample_s = self._counts_from_s
        self._samples: deque[tuple[float, float]] = deque()
        self._calm_since_s: float | None = None
        self._calm_needed_s = WINDOW_S
        self.level = Level.NORMAL

    @property
    def slowdown(self) -> float:
        """By how much every interval between two looks is longer now."""
        return 1.0 if self.level is Level.NORMAL else SLOW_FACTOR

    @property
    def is_paused(self) -> bool:
        """Whether scans are left out now."""
        return self.level is Level.PAUSED

    def sample(self) -> list[AgentThrottled]:
        """Measure, if it is time to, and return an event if the level changed. Cheap to call at any time."""
        now_s = self._clock_s()
        if now_s < self._next_sample_s:
            return []
        self._next_sample_s = now_s + SAMPLE_EVERY_S
        usage = self._system.own_usage()
        self._samples.append((now_s, usage.cpu_s))
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - WINDOW_S:
            self._samples.popleft()
        from_s, from_cpu_s = self._samples[0]
        if now_s - from_s < WINDOW_S:
            return []
        cpu_percent = 100.0 * (usage.cpu_s - from_cpu_s) / (now_s - from_s)
        if not self._move(now_s, cpu_percent, usage.pss_bytes):
            return []
        # The next judgement is about the new level alone.
        self._samples.clear()
        self._samples.append((now_s, usage.cpu_s))
        return [AgentThrottled(self.level.value, round(cpu_percent, 2), round(usage.pss_bytes / 10**6, 1))]

    def _move(self, now_s: float, cpu_percent: float, memory_bytes: int) -> bool:
        """Go up a level when over a limit, down when calm for long enough; return whether the level changed."""
        before = _LADDER.index(self.level)
        is_cpu_over = cpu_percent > self._cpu_limit_percent
        is_memory_over = memory_bytes > self._memory_limit_bytes
        step = before
        if is_cpu_over:
            step = min(before + 1, len(_LADDER) - 1)
        elif is_memory_over:
            # Looking less often frees no memory, so for this alone the agent does not make itself blind.
            step = max(before, _LADDER.index(Level.SLOW))
        if step > before:
            # Each relapse makes it wait twice as long, so that it does not swing between two levels.
            self._calm_needed_s = min(self._calm_needed_s * 2, LONGEST_CALM_S)
        is_calm = (
            cpu_percent <= self._cpu_limit_percent * CALM_CPU_SHARE
            and memory_bytes <= self._memory_limit_bytes * CALM_MEMORY_SHARE
        )
        if not is_calm:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = now_s
        calm_s = 0.0 if self._calm_since_s is None else now_s - self._calm_since_s
        if before == 0:
            if calm_s >= LONGEST_CALM_S:
                self._calm_needed_s = WINDOW_S
        elif calm_s >= self._calm_needed_s:
            step = before - 1
            self._calm_since_s = None
        self.level = _LADDER[step]
        return step != before
