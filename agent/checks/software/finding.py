# SPDX-License-Identifier: Apache-2.0
"""What the rules say about one program. Shared by the running and the installed half of the software check."""

from collections.abc import Iterable
from dataclasses import dataclass

from proto.events import ProgramFound, ProgramStarted
from rules.evaluate import Evaluator

MAX_NAMES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule names this program."""

    name: str
    """As the rule calls it, or else as the machine does."""
    rules: frozenset[str]
    """Ids of all rules that name it."""


def find_finding(evaluator: Evaluator, event: ProgramFound | ProgramStarted) -> Finding | None:
    """Return what the rules say about the program of an event, or None when no rule names it."""
    matches = evaluator.match(event.kind, event)
    if not matches:
        return None
    name = next((match.program for match in matches if match.program), event.program.name)
    return Finding(name, frozenset(match.rule.id for match in matches))


def join_names(findings: Iterable[Finding]) -> str:
    """Return the names of findings for people, each once, in order, and not endlessly many."""
    names = sorted({finding.name for finding in findings}, key=str.casefold)
    shown = ", ".join(names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"
