# SPDX-License-Identifier: Apache-2.0
"""Drills: a fixed phrase goes through a real matcher and comes back as a hit that is marked as a drill.

Only an order that this device verified makes a drill. What a watcher says of itself does not: with a number that was
not given to it, or with other words than the drill's, it is an ordinary hit. Where somebody should be watched, a
watcher has to answer: a drill that the service answered itself would pass with every watcher dead.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.checks.keywords.remembered import AnsweredDrills
from agent.checks.keywords.watch import Watch
from agent.errors import SessionError
from agent.hit import DRILL, Hit
from agent.session.messages import DrillOrder, Found
from rules.keywords.drill import DRILL_PHRASE, DRILL_RULE, add_drill
from rules.model import Keywords

log = logging.getLogger(__name__)

MAX_OPEN = 32
"""Orders that were given to a watcher and are not answered."""


class Drills:
    """The orders that were taken. Used by one thread."""

    def __init__(self, state_folder: Path | None, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._taken = AnsweredDrills(state_folder)
        self._open: dict[str, Watch] = {}

    def begin(
        self, nonce: bytes, watches: Sequence[Watch], keywords: Keywords, *, should_be_watched: int
    ) -> Iterator[Hit]:
        """Take an order, once: a watcher answers it later; if no session should be watched, it is answered here.

        One that no watcher takes is not answered, and may be ordered again.

        Raises:
            RulesError: there is no lexicon to match with.
        """
        if self._taken.has(nonce):
            log.warning("an order to drill came twice")
        elif not should_be_watched:
            self._taken.note(nonce)
            yield from self._answer_here(nonce, keywords)
        elif not any(self._give(nonce, watch) for watch in watches if watch.is_watching):
            log.warning("an order to drill is not answered: no session is watched that should be")

    def find_answer(self, watch: Watch, at_ns: int, found: Found) -> Hit | None:
        """Return the drill that a finding answers, or None if it is an ordinary finding."""
        is_ours = self._open.get(found.nonce) is watch
        if not is_ours or found.rule != DRILL_RULE or found.sentence.strip() != DRILL_PHRASE:
            return None
        del self._open[found.nonce]
        return _to_hit(found, at_ns, bytes.fromhex(found.nonce), watch.wanted.setup.notice_version)

    def _give(self, nonce: bytes, watch: Watch) -> bool:
        try:
            watch.process.send(DrillOrder(nonce.hex()))
        except SessionError:
            return False
        self._taken.note(nonce)
        self._open[nonce.hex()] = watch
        while len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]
        return True

    def _answer_here(self, nonce: bytes, keywords: Keywords) -> Iterator[Hit]:
        # The lexicon costs memory that an agent without sessions does not spend; it is let go right after.
        from rules.keywords.lexicon import load_lexicon
        from rules.keywords.match import Matcher
        from rules.keywords.sentence import find_sentence

        for hit in Matcher(add_drill(load_lexicon(keywords.languages))).find(DRILL_PHRASE):
            if hit.rule == DRILL_RULE:
                start, end = find_sentence(DRILL_PHRASE, hit.start, hit.end)
                found = Found(
                    category=hit.category,
                    tier=hit.tier,
                    severity=hit.severity,
                    rule=hit.rule,
                    why=hit.why,
                    sentence=DRILL_PHRASE[start:end],
                    start=hit.start - start,
                    end=hit.end - start,
                    application="",
                    window="",
                )
                yield _to_hit(found, self._clock_ns(), nonce, keywords.notice_version)


def _to_hit(found: Found, at_ns: int, nonce: bytes, notice_version: str) -> Hit:
    # Nobody typed it, so it is nobody's, also when somebody's watcher answered.
    return Hit(
        found=found,
        found_at_ns=at_ns,
        account=DRILL,
        account_name="",
        account_kind=DRILL,
        notice_version=notice_version,
        drill_nonce=nonce,
    )
