# SPDX-License-Identifier: Apache-2.0
"""The check `software`: no program that the policy names is installed or runs on this machine.

Two halves look (`software_running`, `software_installed`); here is what their findings mean. A program that no rule
names is never in its events or its answer, but in the list of installed software when the policy asks for one.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.checks.software.finding import join_names
from agent.checks.software.installed import InstalledPrograms
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.running import RunningPrograms
from agent.checks.software.told import ToldFindings
from agent.system.interface import System
from proto.events import Kind, State


class Software(Check):
    """Finds programs that a rule names, running within a second of their start, installed within some."""

    name = "software"
    poll_interval_s = 1.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """As for every check; `clock_s` never goes back."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._rules: Rules | None = None
        self._running = RunningPrograms(system, self._wake, clock_s)
        self._installed = InstalledPrograms(system, ListedPrograms(state_folder), ToldFindings(state_folder), clock_s)

    @property
    def has_more(self) -> bool:
        """Whether installed programs wait to be judged: a look judges for a fraction of a second only."""
        return self._rules is not None and not self.scans_paused and not self._installed.is_complete

    def close(self) -> None:
        """End the watch on programs that start."""
        self._running.close()

    def _observe(self) -> Iterator[Kind]:
        # Asked for once, so that both halves and the answer go by the same policy.
        self._rules = self._find_rules()
        yield from self._running.observe(self._rules.evaluator if self._rules else None)
        yield from self._installed.observe(self._rules, pause=self.scans_paused)

    def _answer(self) -> Answer:
        if self._rules is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so no program can be judged.")
        running, installed = self._running.findings, self._installed.findings
        unknown = self._list_unknown()
        if running or installed:
            facts = {
                "running": join_names(running),
                "running_count": str(len({finding.name for finding in running})),
                "installed": join_names(installed),
                "installed_count": str(len({finding.name for finding in installed})),
            }
            parts = [f"{what}: {facts[what]}" for what in ("running", "installed") if facts[what]]
            return Answer(State.FAIL, f"Programs that the policy names are here; {'; '.join(parts)}.", facts)
        facts = {
            "installed_looked_at": str(self._installed.looked_at),
            "processes_looked_at": str(self._running.looked_at),
            "processes_unreadable": str(self._running.unseen),
        }
        if unknown:
            return Answer(
                State.UNKNOWN,
                f"No program that the policy names was found, but not all is known; {'; '.join(unknown)}.",
                facts,
            )
        return Answer(State.PASS, "No program that the policy names is installed or running.", facts)

    def _list_unknown(self) -> list[str]:
        """Return in words all that stands in the way of saying that everything was looked at."""
        unknown = []
        if not self._installed.is_complete:
            unknown.append("installed programs have not all been looked at yet")
        unknown += [f"not read: {gap}" for gap in self._installed.unread]
        if self._running.are_some_hidden:
            unknown.append("the system hides the processes of other users")
        if self._running.unseen:
            unknown.append(f"processes that could not be looked at: {self._running.unseen}")
        unhashed = self._running.unhashed + self._installed.unhashed
        if unhashed:
            unknown.append(f"programs whose content could not be read: {unhashed}")
        return unknown
