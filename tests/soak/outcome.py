# SPDX-License-Identifier: Apache-2.0
"""What a fault came to: one row of the table that a soak prints. It judges nothing but its own numbers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

COLUMNS = {
    "fault": "fault",
    "tried": "times tried",
    "produced": "events produced",
    "acknowledged": "acknowledged",
    "lost": "lost",
    "duplicated": "duplicated",
    "forged_accepted": "forged accepted",
    "seen": "what was seen",
}
SHOWN_PROBLEMS = 10


@dataclass(slots=True)
class Outcome:
    """One fault, tried so often."""

    fault: str
    tried: int = 0
    produced: int = 0
    """Events that the queue of an agent said are on the disk."""
    acknowledged: int = 0
    """Of these, how many the agent forgot because the collector said that it has them."""
    lost: int = 0
    """Of these, how many are neither in the ledger nor in the queue."""
    duplicated: int = 0
    forged_accepted: int = 0
    seen: str = ""
    problems: list[str] = field(default_factory=list)
    """Anything else that must not be: evidence that does not verify, a queue that does not run empty."""
    missing: str = ""
    """What this machine lacks to try it; empty when it was tried."""
    seconds: float = 0.0

    def is_good(self) -> bool:
        """Return whether nothing was lost, doubled, forged or otherwise wrong."""
        return not (self.lost or self.duplicated or self.forged_accepted or self.problems)


def to_code(outcomes: Sequence[Outcome]) -> int:
    """Return how a soak ends: 0 good, 1 something was lost, doubled or forged, 3 something could not be tried."""
    if not all(each.is_good() for each in outcomes):
        return 1
    return 3 if any(each.missing for each in outcomes) else 0


def to_text(outcomes: Sequence[Outcome]) -> str:
    """Return the table, and below it the problems."""
    rows = [list(COLUMNS.values()), *([_cell(each, name) for name in COLUMNS] for each in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for each in outcomes:
        lines += [f"{each.fault}: {problem}" for problem in each.problems[:SHOWN_PROBLEMS]]
        if len(each.problems) > SHOWN_PROBLEMS:
            lines.append(f"{each.fault}: and {len(each.problems) - SHOWN_PROBLEMS} more problems")
    return "\n".join(lines) + "\n"


def to_json(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as JSON."""
    return json.dumps([asdict(each) for each in outcomes], indent=1) + "\n"


def _cell(outcome: Outcome, name: str) -> str:
    if outcome.missing:
        return {"fault": outcome.fault, "seen": f"not tried: needs {outcome.missing}"}.get(name, "-")
    if name == "seen" and outcome.problems:
        return f"{len(outcome.problems)} PROBLEMS, see below; {outcome.seen}"
    return str(getattr(outcome, name))
