# SPDX-License-Identifier: Apache-2.0
"""Which installed programs that a rule names were told to the collector already, kept over a restart.

Without it each start of a machine would tell them anew, and reopen what somebody has resolved. It only avoids
repetition: when the file is lost or broken, they are told once more.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

from agent.checks.memory import Memory
from proto.events import Program

FILE_NAME = "software-told.json"

Key = tuple[str, str, str]
"""Source, name and path of an installed program."""


def to_key(program: Program) -> Key:
    """Return what tells one installed program from another, whatever its version."""
    return program.source, program.name, program.path


class ToldFindings:
    """By which rules each program was told. Without a folder it remembers them until the agent ends."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, FILE_NAME)
        self._rules: dict[Key, frozenset[str]] = {}
        self._is_changed = False
        entries = self._memory.load("told")
        if all(_is_entry(entry) for entry in entries):
            self._rules = {(source, name, path): frozenset(rules) for source, name, path, rules in entries}

    def rules_of(self, key: Key) -> frozenset[str]:
        """Return the ids of the rules that a program was told by; none if it was not told."""
        return self._rules.get(key, frozenset())

    def note(self, key: Key, rules: frozenset[str]) -> None:
        """Remember by which rules a program was told; by none, if no rule names it any more."""
        if rules == self.rules_of(key):
            return
        self._is_changed = True
        if rules:
            self._rules[key] = rules
        else:
            del self._rules[key]

    def forget_others(self, present: Container[Key]) -> None:
        """Forget all that is not there any more, so that it is told if it comes back."""
        for key in [key for key in self._rules if key not in present]:
            self.note(key, frozenset())

    def keep(self) -> None:
        """Bring it to the disk, if it has changed: once for each look and not for each program."""
        if self._is_changed:
            self._memory.keep("told", [[*key, sorted(rules)] for key, rules in sorted(self._rules.items())])
            self._is_changed = False


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 4 or not isinstance(entry[3], list):
        return False
    return all(isinstance(text, str) for text in (*entry[:3], *entry[3]))
