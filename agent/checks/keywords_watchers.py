# SPDX-License-Identifier: Apache-2.0
"""Keeps a watcher in every session that is to be watched: starts it, ends it, and starts it again when it died.

Which sessions those are is decided by `keywords`.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agent.checks.keywords_watch import STARTING_S, Starter, Wanted, Watch
from agent.errors import NotWatchedError, SessionError
from agent.session.messages import Found
from agent.system.interface import Session
from proto.events import CheckCrashed, EventsDropped, FlagRaised

FIRST_PAUSE_S = 5.0
"""After a death. A watcher ends with its session too, and by then the session is gone."""
LONGEST_PAUSE_S = 300.0
FOUND_AT_MOST = 60
FOUND_WITHIN_S = 600.0
"""So many sentences of one account in so long are sealed; what is more is counted."""

Key = tuple[int, str, str]
"""User, kind and display of a session."""


@dataclass(slots=True)
class _Kept:
    """A session that is to be watched, with its watcher if it has one."""

    watch: Watch | None = None
    failures: int = 0
    due_s: float = 0.0
    has_died: bool = False
    obstacle: str = ""


def to_key(session: Session) -> Key:
    """Return what tells one session from another."""
    return session.uid, session.kind, session.display


class Watchers:
    """The watchers of this machine. Used by one thread."""

    def __init__(self, start: Starter, wake: Callable[[], None], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._wake = wake
        self._clock_s = clock_s
        self._kept: dict[Key, _Kept] = {}
        self._left: list[tuple[Watch, int, Found]] = []
        self._surplus = 0
        self._recent: dict[int, deque[float]] = {}

    @property
    def watches(self) -> list[Watch]:
        """Those that were started and not ended."""
        return [kept.watch for kept in self._kept.values() if kept.watch is not None]

    @property
    def watching(self) -> int:
        """How many sessions are watched."""
        return sum(watch.is_watching for watch in self.watches)

    @property
    def waiting(self) -> int:
        """In how many sessions the notice waits for somebody."""
        return sum(watch.is_waiting for watch in self.watches)

    @property
    def starting(self) -> int:
        """How many have just begun and have not said yet how it stands, or show the notice for the first time."""
        return sum(
            kept.watch is not None
            and not kept.watch.is_watching
            and kept.watch.ran_s < STARTING_S
            and not _find_obstacle(kept)
            for kept in self._kept.values()
        )

    def list_obstacles(self) -> list[str]:
        """Return why a session that is to be watched is not, for each of these, in words of our own."""
        return [reason for reason in map(_find_obstacle, self._kept.values()) if reason]

    def list_windows_not_read(self) -> list[str]:
        """Return why watchers that watch do not read every window, for each of these, in words of our own."""
        return [reason for watch in self.watches if (reason := watch.windows_not_read)]

    def keep(self, wanted: Mapping[Key, Wanted]) -> Iterator[CheckCrashed]:
        """End what is not wanted any more, start what is; yield what tells of a watcher that died in its session."""
        now_s = self._clock_s()
        for key in [key for key in self._kept if key not in wanted]:
            self._end(self._kept.pop(key))
        for key, want in wanted.items():
            kept = self._kept.setdefault(key, _Kept())
            if kept.watch is not None and not kept.watch.wanted.is_like(want):
                self._end(kept)
            if kept.watch is not None and not kept.watch.process.is_alive:
                self._note_death(kept, now_s)
            if kept.watch is None and now_s >= kept.due_s:
                if kept.has_died:
                    kept.has_died = False
                    yield CheckCrashed("keywords", "WatcherEnded")
                self._begin(kept, want, now_s)

    def take_found(self) -> Iterator[tuple[Watch, int, Found]]:
        """Return the sentences found since the last call, within the limit of each account, with their time."""
        for watch in self.watches:
            self._collect(watch)
        found, self._left = self._left, []
        for watch, at_ns, each in found:
            if self._admit(watch.wanted.session.uid):
                yield watch, at_ns, each
            else:
                self._surplus += 1

    def take_dropped(self) -> Iterator[EventsDropped]:
        """Return, at most once, how many sentences were more than the limit."""
        surplus, self._surplus = self._surplus, 0
        if surplus:
            yield EventsDropped(FlagRaised.kind, "flood", surplus)

    def close(self) -> None:
        """End all of them."""
        for kept in self._kept.values():
            self._end(kept)
        self._kept.clear()

    def _begin(self, kept: _Kept, want: Wanted, now_s: float) -> None:
        try:
            kept.watch = Watch(want, self._start, self._wake, self._clock_s)
        except NotWatchedError as error:
            kept.obstacle = error.message
            self._put_off(kept, now_s)
        except (SessionError, OSError) as error:
            kept.obstacle = f"its watcher could not be started: {type(error).__name__}"
            self._put_off(kept, now_s)

    def _note_death(self, kept: _Kept, now_s: float) -> None:
        assert kept.watch is not None
        if kept.watch.ran_s >= LONGEST_PAUSE_S:
            kept.failures = 0
        kept.obstacle = kept.watch.why_not
        # Where it says that it cannot watch, to end is no crash.
        kept.has_died = not kept.watch.cannot_watch
        self._end(kept)
        self._put_off(kept, now_s)

    def _put_off(self, kept: _Kept, now_s: float) -> None:
        kept.failures += 1
        kept.due_s = now_s + min(FIRST_PAUSE_S * 2 ** min(kept.failures - 1, 10), LONGEST_PAUSE_S)

    def _end(self, kept: _Kept) -> None:
        """End a watcher; what it had found still counts."""
        if kept.watch is not None:
            kept.watch.process.stop()
            self._collect(kept.watch)
            kept.watch = None

    def _collect(self, watch: Watch) -> None:
        found, surplus = watch.take_found()
        self._left += ((watch, at_ns, each) for at_ns, each in found)
        self._surplus += surplus

    def _admit(self, uid: int) -> bool:
        recent = self._recent.setdefault(uid, deque())
        now_s = self._clock_s()
        while recent and now_s - recent[0] >= FOUND_WITHIN_S:
            recent.popleft()
        if len(recent) >= FOUND_AT_MOST:
            return False
        recent.append(now_s)
        return True


def _find_obstacle(kept: _Kept) -> str:
    watch = kept.watch
    if watch is None or not (watch.is_watching or watch.is_waiting):
        # One that starts again has not shown yet that the old obstacle is gone.
        return (watch.why_not if watch else "") or kept.obstacle
    kept.obstacle = ""
    return ""


def count_each(reasons: list[str]) -> str:
    """Return reasons in one line, each with how often it is there, always in the same order."""
    return "; ".join(f"{reason} ({count})" for reason, count in sorted(Counter(reasons).items()))
