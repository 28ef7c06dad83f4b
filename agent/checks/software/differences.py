# SPDX-License-Identifier: Apache-2.0
"""What the school's inventory is told of installed software that no rule names: the list, and then what came, changed
or went.

It is asked only when the policy asks for the inventory. What was told before is kept by `listed`.
"""

import math
from collections.abc import Callable, Container, Iterator

from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import Key, to_key
from agent.system.interface import InstalledSoftware
from proto.events import Program, ProgramInstalled, ProgramRemoved, SoftwareListed

MANY = 10
"""More new programs than this at once are one event."""
GONE_FOR_S = 60.0
"""What is gone for a moment is being updated: its old version goes before the new one comes."""
REMOVED_AT_ONCE = 8
"""So many removals are told every few seconds, so that a desktop that was removed is no flood."""
LIST_MAX_BYTES = 256 * 1024
"""Of one list; a longer one goes in parts, for an event has a limit."""
REMOVALS_EVERY_S = 5.0


class Differences:
    """Compares what is installed with what was told."""

    def __init__(self, listed: ListedPrograms, clock_s: Callable[[], float]) -> None:
        self._listed = listed
        self._clock_s = clock_s
        self._is_listing_due = False
        self._gone_since_s: dict[Program, float] = {}
        self._removals_due_s = math.inf

    def look_again(self) -> None:
        """Note that there is something else to compare."""
        self._is_listing_due = True
        self._removals_due_s = self._clock_s()

    def tell(
        self, installed: InstalledSoftware, named: Container[Key]
    ) -> Iterator[ProgramInstalled | ProgramRemoved | SoftwareListed]:
        """Yield what is different; `named` are the programs that a rule names, which are told elsewhere."""
        if self._is_listing_due:
            yield from self._list_news(installed, named)
            self._is_listing_due = False
        if self._clock_s() >= self._removals_due_s:
            yield from self._tell_removals(installed)

    def _list_news(
        self, installed: InstalledSoftware, named: Container[Key]
    ) -> Iterator[ProgramInstalled | SoftwareListed]:
        """Tell what is installed and not named by a rule, as far as it is news."""
        # Without the path: the allow list goes by name, and a path can hold the name of a person.
        ordinary = dict.fromkeys(
            Program(program.name, source=program.source, version=program.version)
            for program in installed.programs
            if to_key(program) not in named
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
        self._removals_due_s = now_s + REMOVALS_EVERY_S if self._gone_since_s else math.inf


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
