# SPDX-License-Identifier: Apache-2.0
"""The installed half of the software check: what a rule names. What of all the rest is told if the policy asks, is the
business of `differences`.

A scan is cheap or comes in parts; judging it may mean to read many files, so that is done a little at each look. What
runs is `software_running`'s business, which never waits long for this one.
"""

from collections import deque
from collections.abc import Callable, Iterator

from agent.checks.interface import Rules
from agent.checks.software.differences import Differences
from agent.checks.software.finding import Finding, find_finding
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import Key, ToldFindings, to_key
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
InstalledEvent = ProgramFound | ProgramInstalled | ProgramRemoved | SoftwareListed


class InstalledPrograms:
    """Remembers what is installed, and finds what a rule names."""

    def __init__(
        self, system: System, listed: ListedPrograms, told: ToldFindings, clock_s: Callable[[], float]
    ) -> None:
        self._system = system
        self._differences = Differences(listed, clock_s)
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
        yield from self._differences.tell(self._installed, self._findings)

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
        present = {to_key(program) for program in self._programs}
        self._findings = {key: finding for key, finding in self._findings.items() if key in present}
        self._told.forget_others(present)
        self._judge_all_again()

    def _judge_all_again(self) -> None:
        self._waiting = deque(self._programs or ())
        self._unhashed.clear()
        self._differences.look_again()

    def _judge_waiting(self, rules: Rules) -> Iterator[ProgramFound]:
        stop_s = self._clock_s() + JUDGE_AT_MOST_S
        while self._waiting and self._clock_s() <= stop_s:
            yield from self._judge(self._waiting[0], rules)
            self._waiting.popleft()

    def _judge(self, program: Program, rules: Rules) -> Iterator[ProgramFound]:
        """Yield a find if a rule names this program that did not do so before."""
        key = to_key(program)
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
