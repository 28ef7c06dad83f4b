# SPDX-License-Identifier: Apache-2.0
"""One watcher of one session, as the service sees it: what it was told, what it last said, what it found.

The watcher runs as the person who is watched, so another program of the same person can say all this in its place. No
text of it but a found sentence goes further than here, and how many it may find is limited by `keywords_watchers`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from agent.checks.keywords.limit import BEFORE_NOTICE, to_flood
from agent.session.messages import MUTE_BROWSER, Accepted, Counted, Found, Order, Ready, Report, Setup, State
from agent.system.interface import Session
from proto.events import Tier

LIVE_S = 180.0
"""A watcher says something every minute; one that was not heard for so long hangs, or was stopped by somebody."""
STARTING_S = 90.0
"""After so long it has said what it can see here, or it hangs."""
BROWSER_NOT_READ = "browser does not tell of password fields"
MAX_WAITING = 60
"""Sentences of one tier that one watcher may have waiting here, and as many answers to drills."""


class WatcherProcess(Protocol):
    """A running watcher; `agent.session.launch` makes real ones."""

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the process runs and its channel is open."""
        ...

    def send(self, order: Order) -> None:
        """Tell it something.

        Raises:
            ChannelError: it does not listen any more.
        """
        ...

    def begin_stop(self) -> None:
        """Tell it to end, and go on. A second call does nothing."""
        ...

    def stop(self) -> None:
        """End it; all that it still says comes before this returns. A second call does nothing."""
        ...


Starter = Callable[[Session, Setup, Callable[[Report], None]], WatcherProcess]
"""Starts a watcher in a session; the last argument is called in another thread for everything that it says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session that is to be watched, and how."""

    session: Session
    account_kind: str
    setup: Setup

    def is_like(self, other: "Wanted") -> bool:
        """Return whether a watcher of the one does for the other.

        It learns by itself that the notice was accepted, in this sitting and for no other. What the environment says
        now is not asked: whoever starts programs in the session can change that, and must not be able to end the
        watcher by it.
        """
        mine, others = (
            (replace(each.setup, is_accepted=False), each.account_kind, each.session.began) for each in (self, other)
        )
        return mine == others


class Watch:
    """One watcher, from its start to its end."""

    def __init__(
        self,
        wanted: Wanted,
        start: Starter,
        wake: Callable[[], None],
        clock_s: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Start it.

        Raises:
            SessionError: this session cannot be watched.
            OSError: likewise.
        """
        self.wanted = wanted
        self._wake = wake
        self._clock_s = clock_s
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._found: list[tuple[int, Found]] = []
        self._waiting: Counter[Tier | None] = Counter()
        self._dropped: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        self._state = self._reason = ""
        self.has_password_fields = True
        """Programs tell there which of their fields are for passwords; until it says that they do not."""
        self._began_s = self._heard_s = clock_s()
        self._is_accepted = wanted.setup.is_accepted
        self._is_newly_accepted = False
        self.process = start(wanted.session, wanted.setup, self._take)

    @property
    def ran_s(self) -> float:
        """How long ago it was started."""
        return self._clock_s() - self._began_s

    @property
    def is_watching(self) -> bool:
        """Whether it says that it watches, and said something lately. Protected windows do not end that."""
        return self.process.is_alive and self._state == "watching" and not self._is_silent

    @property
    def is_waiting(self) -> bool:
        """Whether the notice is shown and nobody has accepted it yet. So long it has nothing more to say."""
        return self.process.is_alive and self._state == "waiting"

    @property
    def cannot_watch(self) -> bool:
        """Whether it says that this session cannot be watched; it ends then by itself."""
        return self._state == "not_watched"

    @property
    def why_not(self) -> str:
        """Why it does not watch, in words of our own; empty while it starts, waits or watches."""
        if self.is_watching or self.is_waiting:
            return ""
        if self.cannot_watch:
            return "its watcher cannot see the keyboard"
        if not self.process.is_alive:
            return "its watcher ended"
        return "its watcher says nothing" if self.hangs else ""

    @property
    def hangs(self) -> bool:
        """Whether it runs and should have said something: a program of the same person can stop it without ending it.

        One that waits for the notice has nothing to say.
        """
        if self.is_waiting or not self.process.is_alive:
            return False
        return self._is_silent or (not self._state and self.ran_s >= STARTING_S)

    @property
    def windows_not_read(self) -> str:
        """Why it does not read every window that it should, in words of our own; empty if it does."""
        return BROWSER_NOT_READ if self.is_watching and self._reason == MUTE_BROWSER else ""

    def take_accepted(self) -> bool:
        """Return whether the notice was accepted since the last call."""
        with self._lock:
            newly, self._is_newly_accepted = self._is_newly_accepted, False
        return newly

    def take_found(self) -> tuple[list[tuple[int, Found]], Counter[str]]:
        """Return what was found since the last call, each with its time, and what was dropped, by the reason."""
        with self._lock:
            found, dropped = self._found, self._dropped
            self._found, self._waiting, self._dropped = [], Counter(), Counter()
        return found, dropped

    def take_counted(self) -> Counter[str]:
        """Return how often each draft fitted since the last call, by its id."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        return counted

    @property
    def _is_silent(self) -> bool:
        return self._clock_s() - self._heard_s >= LIVE_S

    def _take(self, report: Report) -> None:
        """Note what the watcher says; in its thread."""
        with self._lock:
            self._heard_s = self._clock_s()
            if isinstance(report, State):
                self._state, self._reason = report.state, report.reason
            elif isinstance(report, Ready):
                self._state = self._state or "waiting"
                self.has_password_fields = report.password_fields
            elif isinstance(report, Accepted):
                self._take_accepted(report)
            elif isinstance(report, Found):
                self._take_found(report)
            elif isinstance(report, Counted):
                self._take_counted(report)
                return
            else:
                return
        self._wake()

    def _take_accepted(self, accepted: Accepted) -> None:
        if accepted.notice_version == self.wanted.setup.notice_version and not self._is_accepted:
            self._is_accepted = self._is_newly_accepted = True

    def _take_counted(self, counted: Counted) -> None:
        # Only what it was told to count: its words are those of whoever sits there.
        if self._is_accepted and any(each.startswith(f"{counted.draft}:") for each in self.wanted.setup.drafts):
            self._counted[counted.draft] += 1

    def _take_found(self, found: Found) -> None:
        # Whoever invents answers to drills has room for them alone; that they are none is found out later.
        room = None if found.nonce else found.tier
        if not self._is_accepted:
            # Nothing is read before the notice was accepted, whoever says that it was.
            self._dropped[BEFORE_NOTICE] += 1
        elif self._waiting[room] >= MAX_WAITING:
            self._dropped[to_flood(found.tier)] += 1
        else:
            self._waiting[room] += 1
            self._found.append((self._clock_ns(), found))
