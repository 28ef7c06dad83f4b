# SPDX-License-Identifier: Apache-2.0
"""Which ordinary programs were told to the collector already, kept over a restart.

It only avoids repetition: when the file is lost or broken, the list is told once more.
"""

from collections.abc import Iterable
from pathlib import Path

from agent.checks.memory import Memory
from proto.events import Program

FILE_NAME = "software-listed.json"


class ListedPrograms:
    """The names of programs that were told. Without a folder it remembers them until the agent ends."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, FILE_NAME)
        names = self._memory.load("names")
        self._names: set[str] = set(names) if all(isinstance(name, str) for name in names) else set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told yet: the next list is the first."""
        return not self._names

    def __contains__(self, program: Program) -> bool:
        return _to_name(program) in self._names

    def add(self, programs: Iterable[Program]) -> None:
        """Remember programs as told."""
        self._names.update(_to_name(program) for program in programs)
        self._memory.keep("names", sorted(self._names))


def _to_name(program: Program) -> str:
    return f"{program.source}:{program.name.casefold()}"
