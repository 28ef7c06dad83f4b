# SPDX-License-Identifier: Apache-2.0
"""The installed half of the software check: what a rule names, and, if the policy asks, the list of all the rest and
what came, went or changed since.

A scan is cheap or comes in parts; judging it may mean to read many files, so that is done a little at each look. What
runs is `software_running`'s business, which never waits long for this one.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator

from agent.checks.interface import Rules
from agent.checks.software.finding import Finding, find_finding
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import Key, ToldFindings
from agent.system.content import ALL_CONTENT
from agent.system.interface import InstalledSoftware, System
from proto.events import Program, ProgramFound, ProgramInstalled, ProgramRemoved, SoftwareListed

FINGERPRINT_EVERY_S = 5.0
SCAN_EVERY_S = 3600.0
"""Also without a sign of change: a file may have been changed in place."""
SCAN_SHARE = 0.002
"""Of the time that passes: where a scan takes long, the next one waits for long, whatever changes meanwhile."""
JUDGE_AT_MOST_S = 0.2
"""At one look."""
MANY = 10
"""More new programs than this at once are one event."""
GONE_FOR_S = 60.0
"""What is gone for a moment is being updated: its old version goes before the new one comes."""
REMOVED_AT_ONCE = 8
"""So many removals are told every few seconds, so that a desktop that was removed is no flood."""
LIST_MAX_BYTES = 256 * 1024
"""Of one list; a longer one goes in parts, for an event has a limit."""

InstalledEvent = ProgramFound | ProgramInstalled | ProgramRemoved | SoftwareListed


class InstalledPrograms:
    """Remembers what is installed, and finds what a rule names."""

    def __init__(
        self, system: System, listed: ListedPrograms, told: ToldFindings, clock_s: Callable[[], float]
    ) -> None:
        self._system = system
        self._listed = listed
        self._told = told
        self._clock_s = clock_s
        self._rules: Rules | None = None
        self._fingerprint: object = None
        self._fingerprint_due_s = 0.0
        self._scan_due_s = 0.0
        self._is_scan_under_way = False
        self._scan_cost_s = 0.0
        self._installed: InstalledSoftware | None = None
        self._programs: tuple[Program, ...] | None = None
        self._waiting: deque[Program] = deque()
        self._is_listing_due = False
        self._gone_since_s: dict[Program, float] = {}
        self._removals_due_s = math.inf
        self._findings: dict[Key, Finding] = {}
        self._unhashed: set[Key] = set()
        self.unread: tuple[str, ...] = ()
        """What could not be read, in words."""

    @property
    def looked_at(self) -> int:
        """How many installed programs were judged."""
        return len(self._programs or ()) - len(self._waiting)

    @property
    def findings(self) -> list[Finding]:
        """What is installed that a rule names."""
        return list(self._findings.values())

    @property
    def unhashed(self) -> int:
        """How many files could not be read, though a rule asks for their content."""
        return len(self._unhashed)

    @property
    def is_complete(self) -> bool:
        """Whether all that the last scan found was judged by the present rules."""
        return self._programs is not None and not self._waiting and not self._is_scan_under_way

    def observe(self, rules: Rules | None, *, pause: bool) -> Iterator[InstalledEvent]:
        """Look once; yield what a rule names since the last look, and the list of the rest if the policy asks."""
        if not pause:
            self._scan_if_changed()
        if rules is not self._rules:
            self._rules = rules
            self._judge_all_again()
        if rules is None or pause:
            return
        yield from self._judge_waiting(rules)
        self._told.keep()
        if self._installed is None or not self.is_complete or not rules.policy.inventory.ask:
            return
        if self._is_listing_due:
            yield from self._list_news(self._installed)
            self._is_listing_due = False
        if self._clock_s() >= self._removals_due_s:
            yield from self._tell_removals(self._installed)

    def _scan_if_changed(self) -> None:
        now_s = self._clock_s()
        if not self._is_scan_under_way:
            if now_s < self._fingerprint_due_s:
                return
            self._fingerprint_due_s = now_s + FINGERPRINT_EVERY_S
            # Taken before the scan: what changes in between makes the next one differ.
            fingerprint = self._system.installed_fingerprint()
            if fingerprint == self._fingerprint and now_s < self._scan_due_s:
                return
            self._fingerprint = fingerprint
            self._scan_due_s = now_s + SCAN_EVERY_S
            self._scan_cost_s = 0.0
        began_s = self._clock_s()
        installed = self._system.installed_software()
        self._scan_cost_s += self._clock_s() - began_s
        self._is_scan_under_way = installed.has_more
        if installed.has_more:
            return
        if self._installed is not None:  # the first one says nothing of how long the next ones take
            self._fingerprint_due_s = max(self._fingerprint_due_s, self._clock_s() + self._scan_cost_s / SCAN_SHARE)
        self._installed, self.unread = installed, installed.unread
        self._programs = installed.programs + installed.loose
        present = {_key(program) for program in self._programs}
        self._findings = {key: finding for key, finding in self._findings.items() if key in present}
        self._told.forget_others(present)
        self._judge_all_again()

    def _judge_all_again(self) -> None:
        self._waiting = deque(self._programs or ())
        self._unhashed.clear()
        self._is_listing_due = True
        self._removals_due_s = self._clock_s()

    def _judge_waiting(self, rules: Rules) -> Iterator[ProgramFound]:
        stop_s = self._clock_s() + JUDGE_AT_MOST_S
        while self._waiting and self._clock_s() <= stop_s:
            yield from self._judge(self._waiting[0], rules)
            self._waiting.popleft()

    def _judge(self, program: Program, rules: Rules) -> Iterator[ProgramFound]:
        """Yield a find if a rule names this program that did not do so before."""
        key = _key(program)
        wanted = rules.evaluator.needed_content
        content = self._system.identify_installed(program, wanted)
        if not content.is_complete:
            self._unhashed.add(key)
        program = content.add_to(program)
        finding = find_finding(rules.evaluator, ProgramFound(program))
        if finding is None:
            self._findings.pop(key, None)
            self._told.note(key, frozenset())
            return
        if finding.rules - self._told.rules_of(key):
            rest = self._system.identify_installed(program, ALL_CONTENT - wanted)
            yield ProgramFound(rest.add_to(program))
        self._told.note(key, finding.rules)
        self._findings[key] = finding

    def _list_news(self, installed: InstalledSoftware) -> Iterator[ProgramInstalled | SoftwareListed]:
        """Tell what is installed and not named by a rule, as far as it is news."""
        # Without the path: the allow list goes by name, and a path can hold the name of a person.
        ordinary = dict.fromkeys(
            Program(program.name, source=program.source, version=program.version)
            for program in installed.programs
            if _key(program) not in self._findings
        )
        is_first = self._listed.is_empty
        news = [program for program in ordinary if program not in self._listed]
        singles = [program for program in news if not self._listed.knows(program)]
        if is_first or len(singles) > MANY:
            singles = []
        for program in singles:
            yield ProgramInstalled(program)
        # Another version is for the inventory only: nobody has to decide anew whether the program may be there.
        for part in _split([program for program in news if program not in singles]):
            yield SoftwareListed(part, first=is_first)
        if news:
            self._listed.add(news)

    def _tell_removals(self, installed: InstalledSoftware) -> Iterator[ProgramRemoved]:
        """Tell what was listed and is gone, a few at a time; nothing while it may only have been unreadable or away."""
        self._removals_due_s = math.inf
        if installed.unread:
            return
        self._listed.note_present(installed.programs, installed.of_homes, installed.homes)
        now_s = self._clock_s()
        gone = self._listed.find_gone(installed.programs, installed.homes)
        self._gone_since_s = {program: self._gone_since_s.get(program, now_s) for program in gone}
        told = [program for program, since_s in self._gone_since_s.items() if now_s - since_s >= GONE_FOR_S]
        for program in told[:REMOVED_AT_ONCE]:
            self._removals_due_s = now_s  # if nobody takes it, it is told again at the next look
            yield ProgramRemoved(program)
        self._listed.forget(told[:REMOVED_AT_ONCE])
        for program in told[:REMOVED_AT_ONCE]:
            del self._gone_since_s[program]
        self._removals_due_s = now_s + FINGERPRINT_EVERY_S if self._gone_since_s else math.inf


def _key(program: Program) -> Key:
    return program.source, program.name, program.path


def _split(programs: list[Program]) -> Iterator[tuple[Program, ...]]:
    part: list[Program] = []
    size_bytes = 0
    for program in programs:
        program_bytes = len(program.name.encode()) + len(program.version.encode()) + len(program.source) + 16
        if part and size_bytes + program_bytes > LIST_MAX_BYTES:
            yield tuple(part)
            part, size_bytes = [], 0
        part.append(program)
        size_bytes += program_bytes
    if part:
        yield tuple(part)
