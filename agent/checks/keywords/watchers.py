# SPDX-License-Identifier: Apache-2.0
"""Keeps a watcher in every session that is to be watched: starts it, ends it, and does so again when it died or hangs.

Which sessions those are is decided by `keywords`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.checks.keywords.watch import STARTING_S, Starter, Wanted, Watch
from agent.errors import NotWatchedError, SessionError
from agent.session.messages import Found
from agent.system.interface import Session
from proto.events import CheckCrashed

FIRST_PAUSE_S = 5.0
"""After a death. A watcher ends with its session too, and by then the session is gone."""
LONGEST_PAUSE_S = 300.0
MEMORY_LIMIT_BYTES = 40 * 10**6
"""Of one watcher, as `Usage` counts it. One that holds more is ended and another begun."""
WEIGHED_EVERY_S = 60.0
ENDED, SILENT, HEAVY = "WatcherEnded", "WatcherSilent", "WatcherHeavy"
"""What is told of a watcher that died in its session, of one that hung, and of one that held too much memory."""

Key = tuple[int, str, str]
"""User, kind and display of a session."""


@dataclass(slots=True)
class _Kept:
    """A session that is to be watched, with its watcher if it has one."""

    watch: Watch | None = None
    failures: int = 0
    due_s: float = 0.0
    died_of: str = ""
    obstacle: str = ""
    weighed_s: float = 0.0


def to_key(session: Session) -> Key:
    """Return what tells one session from another."""
    return session.uid, session.kind, session.display


class Watchers:
    """The watchers of this machine. Used by one thread."""

    def __init__(
        self,
        start: Starter,
        wake: Callable[[], None],
        memory_of: Callable[[int], int | None],
        clock_s: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._start = start
        self._wake = wake
        self._memory_of = memory_of
        self._clock_s = clock_s
        self._clock_ns = clock_ns
        self._kept: dict[Key, _Kept] = {}
        self._left: list[tuple[Watch, int, Found]] = []
        self._counted: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    @property
    def watches(self) -> list[Watch]:
        """Those that were started and not ended."""
        return [kept.watch for kept in self._kept.values() if kept.watch is not None]

    def find_wanted(self, key: Key) -> Wanted | None:
        """Return for what a session's watcher was started, or None if it has none."""
        kept = self._kept.get(key)
        return kept.watch.wanted if kept is not None and kept.watch is not None else None

    @property
    def watching(self) -> int:
        """How many sessions are watched."""
        return sum(watch.is_watching for watch in self.watches)

    @property
    def waiting(self) -> int:
        """In how many sessions the notice waits for somebody."""
        return sum(watch.is_waiting for watch in self.watches)

    @property
    def without_password_fields(self) -> int:
        """In how many sessions programs do not tell which fields are for passwords."""
        return sum(watch.is_watching and not watch.has_password_fields for watch in self.watches)

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
        ended = [self._kept.pop(key) for key in list(self._kept) if key not in wanted]
        ended += [kept for key, kept in self._kept.items() if kept.watch and not kept.watch.wanted.is_like(wanted[key])]
        self._end(ended)
        for key, want in wanted.items():
            kept = self._kept.setdefault(key, _Kept())
            if kept.watch is not None and (kept.watch.hangs or not kept.watch.process.is_alive):
                self._note_death(kept, now_s)
            if kept.watch is not None and self._is_heavy(kept, kept.watch, now_s):
                kept.died_of = HEAVY
                self._end([kept])
                self._put_off(kept, now_s)
            if kept.watch is None and now_s >= kept.due_s:
                if kept.died_of:
                    yield CheckCrashed("keywords", kept.died_of)
                    kept.died_of = ""
                self._begin(kept, want, now_s)

    def take_found(self) -> list[tuple[Watch, int, Found]]:
        """Return the sentences found since the last call, with their time."""
        for watch in self.watches:
            self._collect(watch)
        found, self._left = self._left, []
        return found

    def take_dropped(self) -> Counter[str]:
        """Return how many sentences were dropped since the last call, by the reason."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped

    def take_counted(self) -> Counter[str]:
        """Return how often each draft fitted since the last call, in all sessions together."""
        for watch in self.watches:
            self._counted += watch.take_counted()
        counted, self._counted = self._counted, Counter()
        return counted

    def close(self) -> None:
        """End all of them. What they had found is there for `take_found`."""
        self._end(list(self._kept.values()))
        self._kept.clear()

    def _begin(self, kept: _Kept, want: Wanted, now_s: float) -> None:
        try:
            kept.watch = Watch(want, self._start, self._wake, self._clock_s, self._clock_ns)
        except NotWatchedError as error:
            kept.obstacle = error.message
            self._put_off(kept, now_s)
        except (SessionError, OSError) as error:
            kept.obstacle = f"its watcher could not be started: {type(error).__name__}"
            self._put_off(kept, now_s)

    def _is_heavy(self, kept: _Kept, watch: Watch, now_s: float) -> bool:
        if now_s < kept.weighed_s + WEIGHED_EVERY_S:
            return False
        kept.weighed_s = now_s
        return (self._memory_of(watch.process.pid) or 0) > MEMORY_LIMIT_BYTES

    def _note_death(self, kept: _Kept, now_s: float) -> None:
        assert kept.watch is not None
        if kept.watch.ran_s >= LONGEST_PAUSE_S:
            kept.failures = 0
        kept.obstacle = kept.watch.why_not
        if kept.watch.hangs:
            kept.died_of = SILENT
        else:
            # Where it says that it cannot watch, to end is no crash.
            kept.died_of = "" if kept.watch.cannot_watch else ENDED
        self._end([kept])
        self._put_off(kept, now_s)

    def _put_off(self, kept: _Kept, now_s: float) -> None:
        kept.failures += 1
        kept.due_s = now_s + min(FIRST_PAUSE_S * 2 ** min(kept.failures - 1, 10), LONGEST_PAUSE_S)

    def _end(self, ended: Sequence[_Kept]) -> None:
        """End watchers, which take their time together; what they had found still counts."""
        for kept in ended:
            if kept.watch is not None:
                kept.watch.process.begin_stop()
        for kept in ended:
            if kept.watch is not None:
                kept.watch.process.stop()
                self._collect(kept.watch)
                kept.watch = None

    def _collect(self, watch: Watch) -> None:
        found, dropped = watch.take_found()
        self._left += ((watch, at_ns, each) for at_ns, each in found)
        self._dropped += dropped
        self._counted += watch.take_counted()


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
