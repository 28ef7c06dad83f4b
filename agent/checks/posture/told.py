# SPDX-License-Identifier: Apache-2.0
"""Which findings about the machine's security were told, and by which rules, kept over a restart.

One is told once for as long as it lasts, and again when it comes back, changes, or another rule asks for it. The file
only avoids repetition: when it is lost, things are told once more.
"""

from pathlib import Path
from typing import Any

from agent.checks.memory import Memory

FILE_NAME = "posture-told.json"

Finding = tuple[str, str]
"""Item and state: to be unknown for a while does not make a failure news again."""
Facts = tuple[tuple[str, str], ...]


class ToldFindings:
    """Remembers. Without a folder until the agent ends."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, FILE_NAME)
        self._told: dict[Finding, tuple[Facts, frozenset[str]]] = {}
        entries = self._memory.load("told")
        if all(_is_entry(each) for each in entries):
            self._told = {
                (item, state): (tuple((key, value) for key, value in facts), frozenset(rules))
                for item, state, facts, rules in entries
            }

    def is_news(self, finding: Finding, facts: Facts, rules: frozenset[str]) -> bool:
        """Return whether a finding was not told like this to one of these rules."""
        told_facts, told_rules = self._told.get(finding, ((), frozenset()))
        return bool(rules) and (facts != told_facts or not rules <= told_rules)

    def has(self, item: str) -> bool:
        """Return whether there is a finding about an item."""
        return any(finding[0] == item for finding in self._told)

    def note(self, finding: Finding, facts: Facts, rules: frozenset[str]) -> None:
        """Remember that a finding is there and was told to these rules; to none if no rule asks."""
        if self._told.get(finding) != (facts, rules):
            self._told[finding] = facts, rules
            self._keep()

    def forget(self, item: str) -> None:
        """Forget an item that is as it should be."""
        gone = [finding for finding in self._told if finding[0] == item]
        for finding in gone:
            del self._told[finding]
        if gone:
            self._keep()

    def _keep(self) -> None:
        entries = [
            [*finding, [list(fact) for fact in facts], sorted(rules)]
            for finding, (facts, rules) in sorted(self._told.items())
        ]
        self._memory.keep("told", entries)


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 4:
        return False
    item, state, facts, rules = entry
    if not isinstance(facts, list) or not isinstance(rules, list):
        return False
    are_facts = all(isinstance(fact, list) and len(fact) == 2 for fact in facts)
    texts = [item, state, *rules, *(text for fact in facts if isinstance(fact, list) for text in fact)]
    return are_facts and all(isinstance(text, str) for text in texts)
