# SPDX-License-Identifier: Apache-2.0
"""How many sentences of one account are sealed: so many of each tier by itself, and what is more is counted.

However much is found of what matters less, it takes no room from what matters more. Drills are not limited here: each
was ordered.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator

from proto.events import EventsDropped, FlagRaised, Tier

FOUND_AT_MOST = 60
FOUND_WITHIN_S = 600.0
"""So many sentences of one account and tier in so long are sealed."""
BEFORE_NOTICE = "before_notice"
"""Why a sentence was dropped that came before the notice was accepted."""


def to_flood(tier: Tier) -> str:
    """Return why a sentence was dropped that was one too many; it says the tier, for a call is not a count."""
    return f"flood_{tier.name.lower()}"


class Limit:
    """What each account found lately. Used by one thread."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._recent: dict[tuple[int, Tier], deque[float]] = {}
        self._dropped: Counter[str] = Counter()

    def admit(self, uid: int, tier: Tier) -> bool:
        """Return whether one more sentence may go on; one that may not is counted."""
        recent = self._recent.setdefault((uid, tier), deque())
        now_s = self._clock_s()
        while recent and now_s - recent[0] >= FOUND_WITHIN_S:
            recent.popleft()
        if len(recent) >= FOUND_AT_MOST:
            self._dropped[to_flood(tier)] += 1
            return False
        recent.append(now_s)
        return True

    def count(self, dropped: Counter[str]) -> None:
        """Count what others had to drop, by the reason."""
        self._dropped += dropped

    def take_dropped(self) -> Iterator[EventsDropped]:
        """Return how many sentences were dropped since the last call, for each reason."""
        dropped, self._dropped = self._dropped, Counter()
        for reason, count in sorted(dropped.items()):
            yield EventsDropped(FlagRaised.kind, reason, count)
