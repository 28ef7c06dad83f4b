# SPDX-License-Identifier: Apache-2.0
"""Counts of drafts: how often each fitted on this machine, told once a day to those who read flags, and to nobody else.

A count says neither who wrote nor what: it holds no text, no account and no window, and it is sealed like a flag. What
was counted since the last time is told when the agent ends in order; a power cut loses it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime

from agent.hit import DRAFT, Hit
from agent.session.messages import Found
from proto.events import Tier
from rules.keywords.draft import DRAFT_CATEGORY
from rules.model import KeywordDraft, Keywords

MAX_COUNTED = 10_000
"""Of one draft on one day; more says no more."""


def list_current(keywords: Keywords, today: date) -> tuple[str, ...]:
    """Return the drafts that are tried today, as a watcher is told them."""
    return tuple(
        f"{draft.id}:{text}" for draft in keywords.drafts if draft.first <= today <= draft.last for text in draft.texts
    )


class Drafts:
    """What was counted since it was last told. Used by one thread."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._counted: Counter[str] = Counter()
        self._since = self._today()

    def count(self, counted: Mapping[str, int]) -> None:
        """Add to the counts."""
        for id_, number in counted.items():
            self._counted[id_] = min(self._counted[id_] + number, MAX_COUNTED)

    def take(self, keywords: Keywords, *, is_end: bool = False) -> Iterator[Hit]:
        """Return a count for each draft of the day before, or at the end; none for one that never fitted."""
        today = self._today()
        if today == self._since and not is_end:
            return
        counted, self._counted = self._counted, Counter()
        since, self._since = self._since, today
        drafts = {draft.id: draft for draft in keywords.drafts}
        for id_ in sorted(counted.keys() & drafts.keys()):
            yield self._to_hit(drafts[id_], counted[id_], since, keywords.notice_version)

    def _to_hit(self, draft: KeywordDraft, number: int, since: date, notice_version: str) -> Hit:
        times = "once" if number == 1 else f"{number} times"
        found = Found(
            category=DRAFT_CATEGORY,
            tier=Tier.COUNT,
            severity=1,
            rule=f"draft.{draft.id}",
            why=f"A draft that is tried until {draft.last}: {draft.why}",
            sentence=f"{times} on this machine on {since}. A draft is counted; what was written is not kept.",
            start=0,
            end=len(times),
            application="",
            window="",
        )
        return Hit(
            found=found,
            found_at_ns=self._clock_ns(),
            account=DRAFT,
            account_name="",
            account_kind=DRAFT,
            notice_version=notice_version,
        )

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock_ns() / 1e9, UTC).astimezone().date()
