# SPDX-License-Identifier: Apache-2.0
"""A machine with one pupil and the check `keywords`, for the tests of the check and of its parts."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.checks.interface import CheckResult
from agent.checks.keywords.check import LOOK_EVERY_S, Keywords
from agent.hit import Hit
from agent.policy import InForce
from agent.readers import ReaderStore
from rules.evaluate import Evaluator
from rules.load import parse_files
from tests.agent.collector import KEYWORDS, rule_files
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import make_safeguarding, make_session
from tests.agent.watchers import FakeStarter, FakeWatcher
from tests.fakes import FakeClock, FakeSystem


def make_rules(extra: str = "", **changes: Any) -> InForce:
    """Return a policy in force that has keyboards watched."""
    policy = parse_files(rule_files(keywords=KEYWORDS + extra))
    policy = replace(policy, keywords=replace(policy.keywords, **changes))
    return InForce(policy, Evaluator(policy), b"")


class Room:
    """A machine with one pupil, and the check with everything around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.system, self.starter = FakeClock(), FakeSystem(), FakeStarter()
        self.readers = ReaderStore(folder / "readers.json", IDENTITY)
        self.readers.accept(make_safeguarding(1))
        self.rules: InForce | None = make_rules()
        self.system.sessions = [make_session()]
        self.began_ns = time.time_ns()
        self.told: list[Any] = []
        self.woken = 0
        self.check = self.restart()

    def restart(self) -> Keywords:
        """Return the check as after a restart of the agent."""
        self.check = Keywords(
            self.system,
            lambda: self.rules,
            state_folder=self.folder,
            wake=self._wake,
            start=self.starter,
            clock_s=self.clock,
            clock_ns=lambda: self.now_ns,
        )
        self.check.readers = self.readers
        return self.check

    def look(self, advance_s: float = LOOK_EVERY_S) -> CheckResult:
        """Let time pass, look once, and keep what is told."""
        self.clock.advance(advance_s)
        self.told += self.check.observe(int(self.clock() * 1e9))
        return self.check.result()

    def watch(self) -> FakeWatcher:
        """Have the newest watcher watch."""
        self.look()
        self.starter.started[-1].watch()
        self.look()
        return self.starter.started[-1]

    @property
    def now_ns(self) -> int:
        """The time of day, which goes on with the clock."""
        return self.began_ns + int(self.clock() * 1e9)

    @property
    def hits(self) -> list[Hit]:
        """What goes to the seal."""
        return [each for each in self.told if isinstance(each, Hit)]

    def events(self, cls: type) -> list[Any]:
        """Return what was told of one kind."""
        return [each for each in self.told if isinstance(each, cls)]

    def _wake(self) -> None:
        self.woken += 1
