# SPDX-License-Identifier: Apache-2.0
"""The running half of the software check: which programs run, and which of them a rule names.

Every look reads only processes that are new. What is installed is `software_installed`'s business.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from agent.checks.software.finding import Finding, find_finding
from agent.errors import StartWatchError
from agent.system.content import ALL_CONTENT, Content
from agent.system.interface import RunningProgram, Starts, StartWatch, System, Unreadable
from proto.events import EventsDropped, Program, ProgramStarted
from rules.evaluate import Evaluator

log = logging.getLogger(__name__)

YOUNG_S = 5.0
"""A process this young may be a shell that is about to turn into the program it was asked to start."""
RECHECK_EVERY_S = 10.0
"""An older process can turn into another program too, and its id can be given to another process."""
RETRY_EVERY_S = 300.0
"""What could not be read may be readable later: what looks into files rests for a time after several bad ones."""
READ_AT_MOST_S = 0.2
"""Of content, at one look: a name is judged at once, a content that is not known yet maybe at a later look."""
WAITING_AT_MOST = 1000
"""For their content. What is over counts as unhashed, and is tried again with the rest of those."""


class RunningPrograms:
    """Remembers every process that was seen, and finds those whose program a rule names."""

    def __init__(self, system: System, wake: Callable[[], None], clock_s: Callable[[], float]) -> None:
        self._system = system
        self._wake = wake
        self._clock_s = clock_s
        self._watch: StartWatch | None = None
        self._watch_due_s = 0.0
        self._evaluator: Evaluator | None = None
        self._known: dict[int, RunningProgram | Unreadable] = {}
        self._met_s: dict[int, float] = {}
        self._recheck_due_s = 0.0
        self._retry_due_s = clock_s() + RETRY_EVERY_S
        self._is_first = True
        self._findings: dict[RunningProgram, Finding] = {}
        self._unhashed: set[RunningProgram] = set()
        self._waiting: deque[tuple[RunningProgram, bool, bool]] = deque()
        """For their content: each with whether it ran before us, and whether a rule names it already."""
        self._read_until_s = 0.0
        self.are_some_hidden = False
        """The system does not even list all processes to us."""

    @property
    def looked_at(self) -> int:
        """How many processes are known by the program that they run."""
        return sum(isinstance(each, RunningProgram) for each in self._known.values())

    @property
    def findings(self) -> list[Finding]:
        """What runs now that a rule names."""
        return list(self._findings.values())

    @property
    def unseen(self) -> int:
        """How many processes could not be looked at."""
        return sum(seen is Unreadable.DENIED for seen in self._known.values())

    @property
    def unhashed(self) -> int:
        """How many processes run a file whose content could not be read, though a rule asks for it."""
        return len(self._unhashed)

    def observe(self, evaluator: Evaluator | None) -> Iterator[ProgramStarted | EventsDropped]:
        """Look once; yield a start for each program that a rule names and that was not there at the last look."""
        self._read_until_s = self._clock_s() + READ_AT_MOST_S
        if self._clock_s() >= self._watch_due_s:
            # Before the first listing, so that nothing can start unseen between the two.
            self._watch = self._system.watch_starts(self._wake)
            self._watch_due_s = math.inf
        if evaluator is not self._evaluator:
            self._evaluator = evaluator
            yield from self._judge_all_again()
        yield from self._judge_waiting()
        yield from self._take_starts()
        yield from self._list_processes()
        yield from self._retry_unhashed()
        self._is_first = False

    def close(self) -> None:
        """End the watch on starts. What runs when somebody looks again has been running."""
        self._end_watch()
        self._watch_due_s = 0.0
        self._is_first = True

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _take_starts(self) -> Iterator[ProgramStarted | EventsDropped]:
        if self._watch is None:
            return
        try:
            starts = self._watch.take()
        except StartWatchError as error:
            log.error("%s", error)
            self._end_watch()
            self._watch_due_s = self._clock_s() + RECHECK_EVERY_S
            starts = Starts((), is_complete=False)
        for program in starts.programs:
            yield from self._meet(program.pid, program)
        if not starts.is_complete:
            self._recheck_due_s = 0.0
            # How many were missed, nobody knows; that some were must not stay unseen.
            yield EventsDropped(ProgramStarted.kind, "flood", 1)

    def _list_processes(self) -> Iterator[ProgramStarted]:
        now_s = self._clock_s()
        ids = self._system.process_ids()
        for pid in self._known.keys() - ids:
            self._forget(pid)
        self._met_s = {pid: met_s for pid, met_s in self._met_s.items() if now_s - met_s <= YOUNG_S}
        if now_s >= self._recheck_due_s:
            self._recheck_due_s = now_s + RECHECK_EVERY_S
            self.are_some_hidden = self._system.hides_processes()
            suspects = ids
        else:
            suspects = (ids - self._known.keys()) | self._met_s.keys()
        for pid in sorted(suspects):
            known = self._known.get(pid)
            if isinstance(known, RunningProgram) and self._system.is_running(known):
                continue
            seen = self._system.read_process(pid)
            if seen is Unreadable.GONE:
                self._forget(pid)
            else:
                yield from self._meet(pid, seen)

    def _retry_unhashed(self) -> Iterator[ProgramStarted]:
        now_s = self._clock_s()
        if now_s < self._retry_due_s:
            return
        self._retry_due_s = now_s + RETRY_EVERY_S
        waiting = {running for running, _, _ in self._waiting}
        for running in sorted(self._unhashed - waiting, key=lambda each: each.pid):
            yield from self._judge(running, already_running=False)

    def _judge_waiting(self) -> Iterator[ProgramStarted]:
        while self._waiting and self._may_read():
            running, already_running, was_found = self._waiting.popleft()
            if self._known.get(running.pid) == running:
                yield from self._judge(running, already_running=already_running)
            elif not was_found:
                # It has ended, but its file may lie there still: that it ran is told.
                yield from self._judge(running, already_running=already_running)
                self._drop(running)

    def _meet(self, pid: int, seen: RunningProgram | Unreadable) -> Iterator[ProgramStarted]:
        if self._known.get(pid) == seen:
            return
        self._forget(pid)
        self._known[pid] = seen
        self._met_s[pid] = self._clock_s()
        if isinstance(seen, RunningProgram):
            yield from self._judge(seen, already_running=self._is_first)

    def _forget(self, pid: int) -> None:
        seen = self._known.pop(pid, None)
        self._met_s.pop(pid, None)
        if isinstance(seen, RunningProgram):
            self._drop(seen)

    def _drop(self, running: RunningProgram) -> None:
        self._findings.pop(running, None)
        self._unhashed.discard(running)

    def _judge_all_again(self) -> Iterator[ProgramStarted]:
        self._waiting.clear()
        for seen in list(self._known.values()):
            if isinstance(seen, RunningProgram):
                yield from self._judge(seen, already_running=True)

    def _judge(self, running: RunningProgram, *, already_running: bool) -> Iterator[ProgramStarted]:
        """Yield a start if a rule names this program that did not do so before."""
        before = self._findings.pop(running, None)
        self._unhashed.discard(running)
        if self._evaluator is None:
            return
        event = ProgramStarted(Program(running.name, running.path, source="process"), already_running)
        wanted = self._evaluator.needed_content
        may_read = not wanted or self._may_read()
        content = self._system.identify_running(running, wanted) if may_read else Content(is_complete=False)
        if not content.is_complete:
            self._unhashed.add(running)
        event = replace(event, program=content.add_to(event.program))
        finding = find_finding(self._evaluator, event)
        if not may_read and len(self._waiting) < WAITING_AT_MOST:
            self._waiting.append((running, already_running, finding is not None))
        if finding is None:
            return
        self._findings[running] = finding
        if before is None or finding.rules - before.rules:
            if self._may_read():
                rest = self._system.identify_running(running, ALL_CONTENT - wanted)
                event = replace(event, program=rest.add_to(event.program))
            yield event

    def _may_read(self) -> bool:
        return self._clock_s() <= self._read_until_s
