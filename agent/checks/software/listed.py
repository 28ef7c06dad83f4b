# SPDX-License-Identifier: Apache-2.0
"""Which ordinary programs were told to the collector already, kept over a restart, so that only differences are told.

It only avoids repetition: when the file is lost or broken, the list is told once more. What is different, and whether
enough was read to say that something is gone, is the business of `software_installed`.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.checks.memory import Memory
from proto.events import Program

FILE_NAME = "software-listed.json"
AWAY_AT_MOST_DAYS = 30
"""A person's folder that was not there for so long does not come back: what was only in it is gone."""
_DAY_S = 86_400

_Name = tuple[str, str]
"""Source and name, as they are compared."""


@dataclass(slots=True)
class _Listed:
    name: str
    versions: list[str]
    is_of_home: bool
    """It is only in people's folders, of which some may be away; so it is taken to be until everything was read."""


class ListedPrograms:
    """The programs that were told, with their versions. Without a folder it remembers them until the agent ends."""

    def __init__(self, folder: Path | None, *, clock_s: Callable[[], float] = time.time) -> None:
        """`clock_s` tells the time of day."""
        self._memory = Memory(folder, FILE_NAME)
        self._clock_s = clock_s
        self._listed: dict[_Name, _Listed] = {}
        self._homes: dict[str, int] = {}
        """The day on which each person's folder was last there."""
        content = self._memory.load("listed")
        if len(content) == 2 and _are_entries(content[0]) and _are_homes(content[1]):
            self._listed = {
                _to_name(source, name): _Listed(name, versions, is_of_home)
                for source, name, versions, is_of_home in content[0]
            }
            self._homes = dict(content[1])

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told yet: the next list is the first."""
        return not self._listed

    def __contains__(self, program: Program) -> bool:
        """Tell whether this program was told in this version."""
        listed = self._listed.get(_to_name(program.source, program.name))
        return listed is not None and program.version in listed.versions

    def knows(self, program: Program) -> bool:
        """Tell whether this program was told in any version."""
        return _to_name(program.source, program.name) in self._listed

    def add(self, programs: Iterable[Program]) -> None:
        """Remember programs as told."""
        for program in programs:
            listed = self._listed.setdefault(
                _to_name(program.source, program.name), _Listed(program.name, [], is_of_home=True)
            )
            if program.version not in listed.versions:
                listed.versions.append(program.version)
        self._keep()

    def note_present(self, programs: Iterable[Program], of_homes: Collection[Program], homes: Iterable[str]) -> None:
        """Note all that is there now, after everything was read: in which versions, and in which folders of people."""
        before = self._to_content()
        present: dict[_Name, list[Program]] = {}
        for program in programs:
            present.setdefault(_to_name(program.source, program.name), []).append(program)
        for name, listed in self._listed.items():
            if name in present:
                now = {program.version for program in present[name]}
                listed.versions = [version for version in listed.versions if version in now]
                listed.is_of_home = all(program in of_homes for program in present[name])
        today = int(self._clock_s()) // _DAY_S
        self._homes |= dict.fromkeys(homes, today)
        self._homes = {key: day for key, day in self._homes.items() if today - day <= AWAY_AT_MOST_DAYS}
        if self._to_content() != before:
            self._keep()

    def find_gone(self, present: Iterable[Program], homes: Collection[str]) -> Iterator[Program]:
        """Yield what was told and is not there any more; nothing that may be in a folder that is away."""
        names = {_to_name(program.source, program.name) for program in present}
        is_somebody_away = any(key not in homes for key in self._homes)
        for name, listed in list(self._listed.items()):
            if name not in names and not (listed.is_of_home and is_somebody_away):
                version = listed.versions[-1] if listed.versions else ""
                yield Program(listed.name, source=name[0], version=version)

    def forget(self, programs: Collection[Program]) -> None:
        """Remember programs as told to be gone."""
        for program in programs:
            self._listed.pop(_to_name(program.source, program.name), None)
        if programs:
            self._keep()

    def _keep(self) -> None:
        self._memory.keep("listed", self._to_content())

    def _to_content(self) -> list[Any]:
        programs = [
            [source, listed.name, list(listed.versions), listed.is_of_home]
            for (source, _), listed in sorted(self._listed.items())
        ]
        return [programs, [[key, day] for key, day in sorted(self._homes.items())]]


def _to_name(source: str, name: str) -> _Name:
    return source, name.casefold()


def _are_entries(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(entry, list)
        and len(entry) == 4
        and all(isinstance(text, str) for text in entry[:2])
        and isinstance(entry[2], list)
        and all(isinstance(version, str) for version in entry[2])
        and isinstance(entry[3], bool)
        for entry in content
    )


def _are_homes(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and isinstance(entry[1], int)
        for entry in content
    )
