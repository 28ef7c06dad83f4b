# SPDX-License-Identifier: Apache-2.0
"""A machine in memory for the tests of the installed half of the software check."""

from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from agent.checks.software.installed import FINGERPRINT_EVERY_S, InstalledPrograms
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import ToldFindings
from agent.system.content import Content
from agent.system.interface import InstalledSoftware
from proto.events import Program
from tests.agent.checks.policies import NMAP, TOR, InForce, make_rules
from tests.fakes import FakeClock, FakeSystem

RULES = make_rules(TOR, NMAP)
ASKING = make_rules(TOR, NMAP, ask=True)


def package(name: str, version: str = "1") -> Program:
    return Program(name, source="dpkg", version=version)


def file(path: str) -> Program:
    return Program(path.rpartition("/")[2], path=path, source="file")


class SystemWithHomes(FakeSystem):
    """A machine with people's folders, and with so much on it that a scan comes in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.homes: dict[str, tuple[Program, ...]] = {}
        self.loose: tuple[Program, ...] = ()
        self.parts = 1

    def installed_software(self) -> InstalledSoftware:
        if self.parts > 1:
            self.parts -= 1
            return InstalledSoftware((), has_more=True)
        of_homes = frozenset(program for programs in self.homes.values() for program in programs)
        found = super().installed_software()
        return replace(found, loose=self.loose, of_homes=of_homes, homes=frozenset(self.homes))

    def identify_installed(self, program: Program, wanted: Set[str]) -> Content:
        return Content() if program in self.loose else super().identify_installed(program, wanted)


class Machine:
    """A machine that is looked at as often as a change is looked for."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.system = SystemWithHomes()
        self.folder = folder
        self.start_agent()

    def start_agent(self) -> None:
        self.installed = InstalledPrograms(
            self.system, ListedPrograms(self.folder), ToldFindings(self.folder), self.clock
        )

    def look(self, rules: InForce | None = RULES, *, after_s: float = FINGERPRINT_EVERY_S, pause: bool = False):
        self.clock.advance(after_s)
        return list(self.installed.observe(rules, pause=pause))

    @property
    def names(self) -> list[str]:
        return [finding.name for finding in self.installed.findings]
