# SPDX-License-Identifier: Apache-2.0
"""What the agent may cost: it measures itself, slows down when it is over its limits, and says so in an event.

Arithmetic over samples. One check that costs more than all others together is held back alone; otherwise all of them
are. Who asks it slows checks by `slowdown_of` and leaves out costly work while `is_paused`; the watch on programs that
start is slowed and never stopped.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
CULPRIT_SHARE = 0.5
"""A check that had more than this share of what the agent used in the window is held back alone."""


class Level(StrEnum):
    """How much the agent holds back."""

    NORMAL = "normal"
    SLOW = "slow"
    """It looks a quarter as often."""
    PAUSED = "paused"
    """It also leaves out what is costly and can wait, such as scans of what is installed."""


_LADDER = (Level.NORMAL, Level.SLOW, Level.PAUSED)
ALL = ""
"""Stands for all checks together, where a check's name could stand."""


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
        self._charges: deque[tuple[float, str, float]] = deque()
        self._calm_since_s: float | None = None
        self._calm_needed_s = WINDOW_S
        self._levels: dict[str, Level] = {}
        self._raised: list[str] = []

    @property
    def level(self) -> Level:
        """How far the most restrained part of the agent holds back."""
        return max(self._levels.values(), key=_LADDER.index, default=Level.NORMAL)

    def slowdown_of(self, check: str) -> float:
        """By how much every interval between two looks of a check is longer now."""
        return 1.0 if self._level_of(check) is Level.NORMAL else SLOW_FACTOR

    def is_paused(self, check: str) -> bool:
        """Whether a check leaves out what is costly now."""
        return self._level_of(check) is Level.PAUSED

    def charge(self, check: str, cpu_s: float) -> None:
        """Note what a look of a check cost, in processor time."""
        self._charges.append((self._clock_s(), check, cpu_s))

    @contextmanager
    def charging(self, check: str) -> Iterator[None]:
        """Charge a check with what is used meanwhile: by this thread, and by the children that look into files."""
        before_s = self._find_used_s()
        try:
            yield
        finally:
            self.charge(check, max(0.0, self._find_used_s() - before_s))

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
        used_s = usage.cpu_s - from_cpu_s
        cpu_percent = 100.0 * used_s / (now_s - from_s)
        moved = self._move(now_s, cpu_percent, usage.pss_bytes, self._find_culprit(now_s, used_s))
        if moved is None:
            return []
        # The next judgement is about the new level alone.
        self._samples.clear()
        self._samples.append((now_s, usage.cpu_s))
        level = self._levels.get(moved, Level.NORMAL)
        return [AgentThrottled(level.value, round(cpu_percent, 2), round(usage.pss_bytes / 10**6, 1), moved)]

    def _find_used_s(self) -> float:
        return time.thread_time() + self._system.children_cpu_s()

    def _level_of(self, check: str) -> Level:
        levels = (self._levels.get(ALL, Level.NORMAL), self._levels.get(check, Level.NORMAL))
        return max(levels, key=_LADDER.index)

    def _find_culprit(self, now_s: float, used_s: float) -> str:
        """Return the check that used most of the processor in the window, or ALL if no one did."""
        while self._charges and self._charges[0][0] <= now_s - WINDOW_S:
            self._charges.popleft()
        costs: dict[str, float] = defaultdict(float)
        for _, check, cpu_s in self._charges:
            costs[check] += cpu_s
        check, cost_s = max(costs.items(), key=lambda each: each[1], default=(ALL, 0.0))
        # One that is paused already and costs as much all the same cannot be held back further alone.
        is_culprit = cost_s > CULPRIT_SHARE * used_s and not self.is_paused(check)
        return check if is_culprit else ALL

    def _move(self, now_s: float, cpu_percent: float, memory_bytes: int, culprit: str) -> str | None:
        """Hold back more when over a limit, less when calm for long enough; return whose level changed, if one did."""
        if cpu_percent > self._cpu_limit_percent:
            raised = self._raise(culprit, Level.PAUSED)
        elif memory_bytes > self._memory_limit_bytes:
            # Looking less often frees no memory, so for this alone the agent does not make itself blind.
            raised = self._raise(ALL, Level.SLOW)
        else:
            raised = None
        if raised is not None:
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
        if not self._raised:
            if calm_s >= LONGEST_CALM_S:
                self._calm_needed_s = WINDOW_S
            return None
        if raised is None and calm_s >= self._calm_needed_s:
            self._calm_since_s = None
            return self._lower()
        return raised

    def _raise(self, check: str, highest: Level) -> str | None:
        """Hold a check back by one level more; return it, or None if it is held back that far already."""
        level = self._levels.get(check, Level.NORMAL)
        if _LADDER.index(level) >= _LADDER.index(highest):
            return None
        self._levels[check] = _LADDER[_LADDER.index(level) + 1]
        self._raised.append(check)
        return check

    def _lower(self) -> str:
        """Take the last step back."""
        check = self._raised.pop()
        self._levels[check] = _LADDER[_LADDER.index(self._levels[check]) - 1]
        return check
