# SPDX-License-Identifier: Apache-2.0
"""The check `keywords`: every session of a watched group is watched for safeguarding keywords, and says so.

It starts a watcher where every precondition holds (`agent.preconditions`) and ends it where one does not any more. What
the watchers find goes to the seal; the check's own answer counts sessions and names nobody.
"""

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.checks.keywords.drafts import Drafts, list_current
from agent.checks.keywords.drills import Drills
from agent.checks.keywords.limit import Limit
from agent.checks.keywords.remembered import AcceptedNotices
from agent.checks.keywords.watch import Starter, Wanted, Watch, WatcherProcess
from agent.checks.keywords.watchers import Key, Watchers, count_each, to_key
from agent.hit import Hit
from agent.preconditions import (
    GROUPS_UNKNOWN,
    NO_GROUP,
    ROOT,
    STAFF_WITHOUT_REFERENCE,
    find_kind,
    list_unmet_now,
    list_unmet_of_machine,
    list_unmet_of_session,
)
from agent.readers import ReaderStore
from agent.session.messages import Found, Report, Setup
from agent.system.interface import Session, System
from proto.events import Kind, NoticeAccepted, State
from proto.sealed import make_subject_ref
from rules.model import Keywords as KeywordsPolicy

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
"""So often sessions are looked for; what a watcher says is heard at once."""
DROPPED_EVERY_S = 60.0
_OF_OTHERS = frozenset({NO_GROUP, ROOT, STAFF_WITHOUT_REFERENCE})
"""Somebody is not to be watched at all; everything else keeps somebody from being watched who should be."""

MAKE_BROWSERS_TELL = (
    "for Chrome, Chromium and Edge set ACCESSIBILITY_ENABLED=1 for the session and start them with "
    "--force-renderer-accessibility; for Firefox set GNOME_ACCESSIBILITY=1; then restart the browser"
)


def _start_watcher(session: Session, setup: Setup, on_message: Callable[[Report], None]) -> WatcherProcess:
    from agent.session.launch import start_watcher  # not before there is a session to watch

    return start_watcher(session, setup, on_message)


class Keywords(Check):
    """Watches keyboards, in the open and under conditions."""

    name = "keywords"
    poll_interval_s = 1.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        start: Starter = _start_watcher,
        clock_s: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """As for every check; `start` makes watchers."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self.readers: ReaderStore | None = None
        """Who reads what is found; without them nobody is watched. A running agent has them set, a single look not."""
        self._clock_s = clock_s
        self._clock_ns = clock_ns
        self._watchers = Watchers(start, self._wake, system.memory_of, clock_s, clock_ns)
        self._limit = Limit(clock_s)
        self._accepted = AcceptedNotices(state_folder)
        self._drills = Drills(state_folder, clock_ns)
        self._drafts = Drafts(clock_ns)
        self._ordered: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._look_due_s = self._dropped_due_s = clock_s()
        self._policy: KeywordsPolicy | None = None
        self._policy_made_at_ns = 0
        self._unmet: tuple[str, ...] = ()
        self._unmet_now: tuple[str, ...] = ()
        self._obstacles: Counter[str] = Counter()
        self._sessions = 0

    def order_drill(self, nonce: bytes) -> None:
        """Take an order to drill that was verified; from any thread."""
        self._ordered.put(nonce)
        self._wake()

    def close(self) -> None:
        """End all watchers."""
        self._watchers.close()

    def _observe(self) -> Iterator[Kind | Hit]:
        readers = self.readers
        if readers is None:
            return
        now_s = self._clock_s()
        rules = self._find_rules()
        self._policy = rules.policy.keywords if rules else None
        self._policy_made_at_ns = rules.policy.made_at_ns if rules else 0
        if now_s >= self._look_due_s:
            self._look_due_s = now_s + LOOK_EVERY_S
            yield from self._watchers.keep(self._list_wanted(readers))
        yield from self._take_accepted(readers)
        yield from self._take_drills()
        yield from self._take_hits(readers)
        yield from self._take_counts()
        if now_s >= self._dropped_due_s:
            self._dropped_due_s = now_s + DROPPED_EVERY_S
            yield from self._limit.take_dropped()

    def _finish(self) -> Iterator[Kind | Hit]:
        self._watchers.close()
        if self.readers is not None:
            yield from self._take_hits(self.readers)
            yield from self._take_counts(is_end=True)
        yield from self._limit.take_dropped()

    def _take_hits(self, readers: ReaderStore) -> Iterator[Hit]:
        for watch, at_ns, found in self._watchers.take_found():
            drill = self._drills.find_answer(watch, at_ns, found)
            if drill is not None:
                yield drill
            elif self._limit.admit(watch.wanted.session.uid, found.tier):
                yield _to_hit(watch, at_ns, found, readers)
        self._limit.count(self._watchers.take_dropped())

    def _take_counts(self, *, is_end: bool = False) -> Iterator[Hit]:
        self._drafts.count(self._watchers.take_counted())
        yield from self._drafts.take(self._policy or KeywordsPolicy(), is_end=is_end)

    def _list_wanted(self, readers: ReaderStore) -> dict[Key, Wanted]:
        """Return the sessions that are to be watched now, and note why others are not."""
        self._obstacles, self._sessions = Counter(), 0
        keywords = self._policy or KeywordsPolicy()
        now = datetime.fromtimestamp(self._clock_ns() / 1e9, UTC).astimezone()
        self._unmet = list_unmet_of_machine(readers, keywords, now.date(), policy_made_at_ns=self._policy_made_at_ns)
        self._unmet_now = () if self._unmet else list_unmet_now(keywords, now, self._list_addresses(keywords))
        if self._unmet or self._unmet_now:
            return {}
        wanted = {}
        for session in self._system.list_sessions():
            unmet = list_unmet_of_session(keywords, session)
            if _OF_OTHERS & set(unmet):
                continue
            self._sessions += 1
            self._obstacles.update(unmet[:1])
            key, setup = to_key(session), self._to_setup(keywords, session)
            running = self._watchers.find_wanted(key)
            if not unmet:
                wanted[key] = Wanted(session, find_kind(keywords, session), setup)
            elif unmet == (GROUPS_UNKNOWN,) and running is not None:
                # As it was, until it is known that the session is not to be watched any more.
                wanted[key] = replace(running, setup=setup, session=replace(running.session, began=session.began))
        return wanted

    def _list_addresses(self, keywords: KeywordsPolicy) -> tuple[str, ...]:
        return self._system.list_addresses() if keywords.networks and not keywords.away_reference else ()

    def _to_setup(self, keywords: KeywordsPolicy, session: Session) -> Setup:
        return Setup(
            languages=keywords.languages,
            notice_version=keywords.notice_version,
            notice_title=keywords.notice_title,
            notice_text=keywords.notice_text,
            is_accepted=self._accepted.has(self._to_sitting(session), keywords.notice_version),
            protected=keywords.protected,
            drafts=list_current(keywords, datetime.fromtimestamp(self._clock_ns() / 1e9, UTC).astimezone().date()),
        )

    def _take_accepted(self, readers: ReaderStore) -> Iterator[NoticeAccepted]:
        in_force = readers.in_force
        for watch in self._watchers.watches:
            if in_force is None or not watch.take_accepted():
                continue
            session, version = watch.wanted.session, watch.wanted.setup.notice_version
            reference = make_subject_ref(in_force.subject_key, session.to_account(readers.device_id))
            sitting = self._to_sitting(session)
            if not self._accepted.has(sitting, version):
                yield NoticeAccepted(reference, version)
                if session.began:
                    self._accepted.note(sitting, version)

    def _to_sitting(self, session: Session) -> str:
        """Return what tells this sitting at this machine from all others."""
        return f"{self._system.boot_id().hex()} {session.uid} {session.display} {session.began}"

    def _take_drills(self) -> Iterator[Hit]:
        while not self._ordered.empty():
            nonce = self._ordered.get()
            if self._policy is None or self._unmet:
                # Not answered: a drill that came back would say that flags come through.
                log.warning("an order to drill is not answered: the keyboard is not watched")
            else:
                yield from self._drills.begin(
                    nonce, self._watchers.watches, self._policy, should_be_watched=self._sessions
                )

    def _answer(self) -> Answer:
        if self.readers is None:
            return Answer(State.NOT_APPLICABLE, "Only a running agent watches keyboards.")
        if self._policy is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so nobody is watched.")
        if not self._policy.enabled:
            return Answer(State.NOT_APPLICABLE, "The policy does not switch keywords on, so nobody is watched.")
        if self._unmet:
            missing = "; ".join(self._unmet)
            return Answer(State.FAIL, f"Nobody is watched: {missing}.", {"missing": missing})
        if self._unmet_now:
            return Answer(State.NOT_APPLICABLE, f"Nobody is watched now: {'; '.join(self._unmet_now)}.")
        return self._answer_by_sessions()

    def _answer_by_sessions(self) -> Answer:
        watching, waiting = self._watchers.watching, self._watchers.waiting
        unread = self._watchers.list_windows_not_read()
        in_force = self.readers.in_force if self.readers else None
        reasons = [*self._watchers.list_obstacles(), *self._obstacles.elements(), *unread]
        why = count_each(reasons)
        facts = {
            "sessions": str(self._sessions),
            "watching": str(watching),
            "waiting_for_notice": str(waiting),
            "not_watched": why,
            "without_password_fields": str(self._watchers.without_password_fields),
            "readers_absent": str(len(in_force.absent) if in_force else 0),
        }
        if unread:
            facts |= {"windows_not_read": count_each(unread), "what_to_do": MAKE_BROWSERS_TELL}
        if set(reasons) == {GROUPS_UNKNOWN}:
            return Answer(State.UNKNOWN, f"It is not known who should be watched: {why}.", facts)
        if why:
            return Answer(State.FAIL, f"Not every session that should be watched is: {why}.", facts)
        told = f"{watching} of {self._sessions} sessions that should be watched are"
        if watching < self._sessions:
            told += f"; in {waiting} the notice is not accepted yet"
            # Somebody who signs in is no news, or the technician would be told of each time that somebody does.
            has_passed = self.result().state is State.PASS and watching + self._watchers.starting >= self._sessions
            return Answer(State.PASS if has_passed else State.UNKNOWN, f"{told}.", facts)
        return Answer(State.PASS, f"{told}.", facts)


def _to_hit(watch: Watch, at_ns: int, found: Found, readers: ReaderStore) -> Hit:
    session = watch.wanted.session
    return Hit(
        found=found,
        found_at_ns=at_ns,
        account=session.to_account(readers.device_id),
        account_name=session.account_name,
        account_kind=watch.wanted.account_kind,
        notice_version=watch.wanted.setup.notice_version,
        around=found.around,
    )
