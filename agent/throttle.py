# SPDX-License-Identifier: Apache-2.0
"""Cuts repetitions and floods; what it cuts is counted and becomes an event of its own. It has no clock of its own.

Floods are counted for each kind and what it is about, which the caller says: a thousand starts of a game must not
hide the first start of something worse.
"""

from collections import Counter, deque
from collections.abc import Callable

from proto.events import EventsDropped, Kind

REPEATED_WITHIN_S = 2.0
A_MINUTE_OF_ONE_KIND = 120
REMEMBERED = 4096


class Throttle:
    """Decides which events go on."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._seen: dict[int, float] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()

    def admit(self, event: Kind, about: str = "") -> bool:
        """Return whether an event goes on; count it if not. The same content within seconds is a repetition.

        `about` tells floods of one kind apart. It MUST NOT be text that a user can vary, or there is no limit.
        """
        now_s = self._clock_s()
        key = hash((event.kind, repr(event)))
        if now_s - self._seen.get(key, -REPEATED_WITHIN_S) < REPEATED_WITHIN_S:
            self._dropped[event.kind, "repeated"] += 1
            return False
        recent = self._recent.setdefault((event.kind, about), deque())
        while recent and now_s - recent[0] >= 60.0:
            recent.popleft()
        if len(recent) >= A_MINUTE_OF_ONE_KIND:
            self._dropped[event.kind, "flood"] += 1
            return False
        recent.append(now_s)
        if len(self._seen) >= REMEMBERED:
            self._seen = {each: at for each, at in self._seen.items() if now_s - at < REPEATED_WITHIN_S}
        self._seen[key] = now_s
        return True

    def count_dropped(self, kind: str, reason: str, count: int) -> None:
        """Count what others had to drop."""
        self._dropped[kind, reason] += count

    def take_dropped(self) -> list[EventsDropped]:
        """Return what was dropped since the last call, as events."""
        dropped = [EventsDropped(kind, reason, count) for (kind, reason), count in sorted(self._dropped.items())]
        self._dropped.clear()
        return dropped
