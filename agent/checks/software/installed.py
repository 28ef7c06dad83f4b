# SPDX-License-Identifier: Apache-2.0
"""The installed half of the software check: what a rule names, and, if the policy asks, the list of all the rest.

A scan is cheap; judging it may mean to hash many files, so that is done a little at each look. What runs is
`software_running`'s business, which never waits long for this one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from agent.checks.interface import Rules
from agent.checks.software.finding import Finding, find_finding
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import Key, ToldFindings
from agent.system.interface import System
from proto.events import Program, ProgramFound, ProgramInstalled, SoftwareListed
from rules.names import to_name

FINGERPRINT_EVERY_S = 5.0
SCAN_EVERY_S = 3600.0
"""Also without a sign of change: a file may have been changed in place."""
JUDGE_AT_MOST_S = 0.2
"""At one look."""
MANY = 10
"""More new programs than this at once are one event."""
LIST_MAX_BYTES = 256 * 1024
"""Of one list; a longer one goes in parts, for an event has a limit."""

InstalledEvent = ProgramFound | ProgramInstalled | SoftwareListed


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
        self._programs: tuple[Program, ...] | None = None
        self._waiting: deque[Program] = deque()
        self._is_listing_due = False
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
        return self._programs is not None and not self._waiting

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
        if self.is_complete and self._is_listing_due:
            yield from self._list_ordinary(rules)
            self._is_listing_due = False

    def _scan_if_changed(self) -> None:
        now_s = self._clock_s()
        if now_s < self._fingerprint_due_s:
            return
        self._fingerprint_due_s = now_s + FINGERPRINT_EVERY_S
        # Taken before the scan: what changes in between makes the next one differ.
        fingerprint = self._system.installed_fingerprint()
        if fingerprint == self._fingerprint and now_s < self._scan_due_s:
            return
        self._fingerprint = fingerprint
        self._scan_due_s = now_s + SCAN_EVERY_S
        installed = self._system.installed_software()
        self._programs, self.unread = installed.programs, installed.unread
        present = {_key(program) for program in self._programs}
        self._findings = {key: finding for key, finding in self._findings.items() if key in present}
        self._told.forget_others(present)
        self._judge_all_again()

    def _judge_all_again(self) -> None:
        self._waiting = deque(self._programs or ())
        self._unhashed.clear()
        self._is_listing_due = True

    def _judge_waiting(self, rules: Rules) -> Iterator[ProgramFound]:
        stop_s = self._clock_s() + JUDGE_AT_MOST_S
        while self._waiting and self._clock_s() <= stop_s:
            yield from self._judge(self._waiting[0], rules)
            self._waiting.popleft()

    def _judge(self, program: Program, rules: Rules) -> Iterator[ProgramFound]:
        """Yield a find if a rule names this program that did not do so before."""
        key = _key(program)
        if rules.evaluator.needs_hashes:
            program = self._with_hash(program)
        finding = find_finding(rules.evaluator, ProgramFound(program))
        if finding is None:
            self._findings.pop(key, None)
            self._told.note(key, frozenset())
            return
        if finding.rules - self._told.rules_of(key):
            yield ProgramFound(program if program.sha256 else self._with_hash(program))
        self._told.note(key, finding.rules)
        self._findings[key] = finding

    def _with_hash(self, program: Program) -> Program:
        sha256 = self._system.hash_installed(program)
        if sha256 is None:
            self._unhashed.add(_key(program))
        return replace(program, sha256=sha256 or "")

    def _list_ordinary(self, rules: Rules) -> Iterator[ProgramInstalled | SoftwareListed]:
        """Tell what is installed and not named by a rule, as far as it is news, if the policy asks for it at all."""
        if not rules.policy.inventory.ask:
            return
        # Without the path: the allow list goes by name, and a path can hold the name of a person.
        ordinary = {
            _key(replace(program, version="", path="")): replace(program, path="")
            for program in self._programs or ()
            if _key(program) not in self._findings
        }
        is_first = self._listed.is_empty
        news = [
            program
            for program in ordinary.values()
            if is_first or (program not in self._listed and to_name(program.name) not in rules.policy.approved)
        ]
        if is_first or len(news) > MANY:
            for part in _split(news):
                yield SoftwareListed(part, first=is_first)
        else:
            for program in news:
                yield ProgramInstalled(program)
        if news:
            self._listed.add(news)


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
