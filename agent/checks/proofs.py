# SPDX-License-Identifier: Apache-2.0
"""What each check sees on each system, and how that was proven: the table behind `CHECKS.md` and the verb `coverage`.

Here is what a row is and how the table is shown; the rows are in `proven`. A test holds that every named test exists,
that every check has rows, and that `CHECKS.md` says the same.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Proof(StrEnum):
    """How it is known that a check sees something."""

    REAL = "real"
    """On a real system: a stick that is plugged into a (virtual) machine, a program that runs, a screen that locks."""
    WINE = "Wine"
    """On real programs under Wine."""
    FIXTURE = "fixture"
    """On recorded or made files that look like it."""
    NOT_YET = "not yet"
    """Not built on that system."""
    UNSEEN = "not seen"
    """Looked into, and it cannot be seen or is left out on purpose. The check says so, or the policy should."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing on one system."""

    proof: Proof
    test: str = ""
    """`file::function` below `tests/`; for every cell that claims something."""


NOT_YET = Cell(Proof.NOT_YET)
UNSEEN = Cell(Proof.UNSEEN)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a check sees, or does not."""

    check: str
    what: str
    linux: Cell
    windows: Cell = NOT_YET
    macos: Cell = NOT_YET


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the table as plain JSON values."""
    return [asdict(row) for row in rows]


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the table as a page."""
    lines = [
        "# What each check sees, and how that was proven",
        "",
        "Made by `schoolwarden-agent coverage --format markdown`; a test holds it against the code.",
        "",
        *(f"- **{proof.value}**: {_MEANINGS[proof]}" for proof in Proof),
        "",
        "| check | what | Linux | Windows | macOS |",
        "|---|---|---|---|---|",
        *(
            f"| {row.check} | {row.what} | {_show(row.linux)} | {_show(row.windows)} | {_show(row.macos)} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


def to_text(rows: Sequence[Row]) -> list[str]:
    """Return the table for a terminal, a line for each row."""
    width = max(len(row.what) for row in rows)
    return [
        f"{'check':<12} {'what':<{width}} {'Linux':<9} {'Windows':<9} macOS",
        *(
            f"{row.check:<12} {row.what:<{width}} {row.linux.proof:<9} {row.windows.proof:<9} {row.macos.proof}"
            for row in rows
        ),
    ]


_MEANINGS = {
    Proof.REAL: "on a real system: a stick plugged into a (virtual) machine, a program that runs, a screen that locks",
    Proof.WINE: "on real programs under Wine",
    Proof.FIXTURE: "on recorded or made files that look like it",
    Proof.NOT_YET: "not built on that system",
    Proof.UNSEEN: "looked into: it cannot be seen, or is left out on purpose",
}


def _show(cell: Cell) -> str:
    file, _, test = cell.test.partition("::")
    return f"{cell.proof.value}: `{file.rpartition('/')[2].removesuffix('.py')}` {test}" if test else cell.proof.value
