# SPDX-License-Identifier: Apache-2.0
"""The check `downloads`: what came to users' folders and can be run, or holds such a thing; how much media is there.

It tells what came and judges nobody: a file that came is an event, which a rule of the policy may want, and the answer
says only whether the folders are watched. Which folders, and what a file is, the system says. A document, a picture
or anything else that does not run makes no event at all.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.checks.memory import Memory
from agent.system.arrivals import Arrival, ArrivalCoverage, ArrivalWatch, Look, MediaCount
from agent.system.interface import System
from proto.events import FileArrived, Kind, MediaCounted, State

FILE_NAME = "downloads-counted.json"
LOOKS_AT_ONCE = 100
LOOK_FOR_S = 0.05
"""So long one look may take, so that a burst of files costs no more than the agent may; the rest waits."""
MAX_WAITING = 10_000
MAX_REMEMBERED = 4096
MISSED_FOR_S = 3600.0
"""So long it is said that something was missed."""
COUNT_EVERY_NS = 24 * 3600 * 10**9


class Downloads(Check):
    """Watches users' folders while the policy asks for it."""

    name = "downloads"
    poll_interval_s = 5.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """As for every check; `clock_s` never goes back, `clock_ns` is the time of day."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._clock_s = clock_s
        self._clock_ns = clock_ns
        self._memory = Memory(state_folder, FILE_NAME)
        self._counted_ns = next((each for each in self._memory.load("counted_ns") if isinstance(each, int)), 0)
        self._count: MediaCount | None = None
        self._rules: Rules | None = None
        self._watch: ArrivalWatch | None = None
        self._coverage: ArrivalCoverage | None = None
        self._waiting: deque[Arrival] = deque()
        self._told: dict[tuple[str, str, str, int], None] = {}
        self._looked_at = self._told_of = self._missed = 0
        self._missed_until_s = 0.0

    @property
    def has_more(self) -> bool:
        """Whether files wait to be looked at."""
        return bool(self._waiting) and not self.scans_paused

    def close(self) -> None:
        """End the watch."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._waiting.clear()

    def _observe(self) -> Iterator[Kind]:
        self._rules = self._find_rules()
        if self._rules is None or not (_are_files_wanted(self._rules) or _is_media_wanted(self._rules)):
            # What nobody asks for is not watched.
            self.close()
            return
        if self.scans_paused:
            # To begin and to take may mean to go through all folders. What comes meanwhile is kept by the watch.
            return
        self._watch = self._watch or self._system.watch_arrivals(self._wake)
        if self._watch is None:
            return
        self._take(self._watch)
        if not _are_files_wanted(self._rules):
            self._waiting.clear()
        yield from self._look(self._watch)
        if _is_media_wanted(self._rules):
            yield from self._count_media(self._watch)

    def _take(self, watch: ArrivalWatch) -> None:
        came = watch.take()
        room = MAX_WAITING - len(self._waiting)
        self._waiting.extend(came.files[:room])
        missed = len(came.files) - min(room, len(came.files)) + (not came.is_complete)
        now_s = self._clock_s()
        if missed:
            self._missed_until_s = now_s + MISSED_FOR_S
        elif now_s >= self._missed_until_s:
            self._missed = 0
        self._missed += missed
        self._coverage = watch.coverage()

    def _look(self, watch: ArrivalWatch) -> Iterator[FileArrived]:
        """Look at some of the files that came. Each is done with when the next is asked for."""
        until_s = self._clock_s() + LOOK_FOR_S
        for _ in range(LOOKS_AT_ONCE):
            if not self._waiting or self._clock_s() >= until_s:
                return
            file = self._waiting[0]
            look = watch.look(file)
            if look is not None:
                yield from self._tell(file, look)
            self._waiting.popleft()

    def _tell(self, file: Arrival, look: Look) -> Iterator[FileArrived]:
        self._looked_at += 1
        if not (look.is_executable or look.contains):
            return
        # What is written again and again without a change is told once.
        mark = look.name, file.place, look.sha256, look.size_bytes
        if mark in self._told:
            return
        yield FileArrived(
            name=look.name,
            place=file.place,
            format=look.format,
            contains=look.contains,
            is_executable=look.is_executable,
            size_bytes=look.size_bytes,
            sha256=look.sha256,
        )
        self._told_of += 1
        if len(self._told) >= MAX_REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[mark] = None

    def _count_media(self, watch: ArrivalWatch) -> Iterator[MediaCounted]:
        now_ns = self._clock_ns()
        # A clock that was set back must not put it off for ever.
        if self._counted_ns <= now_ns < self._counted_ns + COUNT_EVERY_NS:
            return
        count = watch.count_media()
        if not count.is_complete or count is self._count:
            return
        yield MediaCounted(
            audio_files=count.audio_files,
            audio_bytes=count.audio_bytes,
            video_files=count.video_files,
            video_bytes=count.video_bytes,
            picture_files=count.picture_files,
            picture_bytes=count.picture_bytes,
        )
        self._count, self._counted_ns = count, now_ns
        self._memory.keep("counted_ns", [now_ns])

    def _answer(self) -> Answer:
        if self._rules is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so nobody asks for files that arrive.")
        if not _are_files_wanted(self._rules):
            return Answer(State.NOT_APPLICABLE, "The policy has no rule about files that arrive.")
        if self.scans_paused and self._watch is None:
            return Answer(State.UNKNOWN, "Files that arrive are watched as soon as the agent has time for it.")
        if self._watch is None or self._coverage is None:
            return Answer(State.UNKNOWN, "Files that arrive cannot be watched on this system yet.")
        facts = {
            "folders_watched": str(self._coverage.watched),
            "files_looked_at": str(self._looked_at),
            "files_told": str(self._told_of),
            "files_waiting": str(len(self._waiting)),
        }
        unknown = [f"not watched: {gap}" for gap in self._coverage.gaps]
        if not self._coverage.watched:
            unknown.append("no folder is watched")
        if self._missed:
            unknown.append("more files arrived within the hour than could be looked at")
        if self.scans_paused:
            unknown.append("files that arrived wait until the agent has time again")
        if unknown:
            return Answer(State.UNKNOWN, f"Files may arrive unseen; {'; '.join(unknown)}.", facts)
        return Answer(State.PASS, "Every folder that the check knows of is watched for files that can be run.", facts)


def _are_files_wanted(rules: Rules) -> bool:
    return FileArrived.kind in rules.evaluator.kinds


def _is_media_wanted(rules: Rules) -> bool:
    return rules.policy.settings.downloads.count_media
