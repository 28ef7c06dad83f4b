# SPDX-License-Identifier: Apache-2.0
"""What of a school's policy is carried out, by what, and how far: one row a clause, in `coverage.toml` of its pack.

    [[clause]]
    id = "BX-04"
    kind = "endpoint"                   # where it can be seen: endpoint, collector or paper
    text = "Personal data on a stick or other removable medium is encrypted and password protected."
    how = "rule"                        # rule, screen, report or paper
    extent = "detects"                  # detects, records, partly, paper or not yet
    by = ["usb-unprotected-written"]    # rules, pages, commands and modules that do it; none for paper and not yet
    says = "Told when something was written to a stick without encryption. Nothing keeps it from being written."
    test = "tests/clauses/test_bexton.py::test_carried[BX-04]"

It is for people, and goes into no bundle. That each test exists, and fails without what is under `by`, is shown in
`tests/clauses`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rules.model import Policy
from rules.table import Table

COVERAGE_FILE = "coverage.toml"

_KEYS = ("id", "kind", "text", "how", "extent", "by", "says", "test")
_CLAUSE = re.compile(r"[A-Z]{2}-\d{2}", re.ASCII)


class ClauseKind(StrEnum):
    """Where a clause can be seen."""

    ENDPOINT = "endpoint"
    COLLECTOR = "collector"
    PAPER = "paper"


class How(StrEnum):
    """What carries a clause out."""

    RULE = "rule"
    SCREEN = "screen"
    REPORT = "report"
    PAPER = "paper"


class Extent(StrEnum):
    """How far it is carried out. Nothing here prevents anything: it detects and records."""

    DETECTS = "detects"
    RECORDS = "records"
    PARTLY = "partly"
    PAPER = "paper"
    NOT_YET = "not yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One row."""

    clause: str
    kind: ClauseKind
    text: str
    """What the clause asks, in our words."""
    how: How
    extent: Extent
    by: tuple[str, ...]
    says: str
    """What is done and what is not, for whoever asks."""
    test: str
    """Node id of a test; empty for paper and not yet."""
    switched_off: tuple[str, ...] = ()
    """Of the rules under `by`, those that a school switched off: see `hold_against`."""


def parse_coverage(tables: Iterable[dict[str, object]], file: str = COVERAGE_FILE) -> list[Coverage]:
    """Read the rows of a pack, in their order.

    Raises:
        RuleFormatError: the first thing that is not right.
    """
    rows: dict[str, Coverage] = {}
    for values in tables:
        table = Table(values, keys=_KEYS, file=file, rule=str(values.get("id", ""))[:16])
        row = _parse_row(table)
        if row.clause in rows:
            raise table.fault("is there twice", key="id", hint="a clause has one row")
        rows[row.clause] = row
    return list(rows.values())


def hold_against(rows: Sequence[Coverage], shipped: Policy, in_force: Policy) -> list[Coverage]:
    """Return the rows of a pack as they are true at a school, whose policy may be without some of the pack's rules.

    A clause is proven with every rule that its row names, so without one of them nobody can say how far it goes: it
    counts as not yet, and names what is missing.
    """
    gone = {rule.id for rule in shipped.rules} - {rule.id for rule in in_force.rules}
    held = []
    for row in rows:
        switched_off = tuple(each for each in row.by if each in gone)
        held.append(replace(row, extent=Extent.NOT_YET, switched_off=switched_off) if switched_off else row)
    return held


def _parse_row(table: Table) -> Coverage:
    clause = table.text("id")
    if not _CLAUSE.fullmatch(clause):
        raise table.fault(f"is {clause!r:.40}", key="id", hint="a clause looks like BX-07")
    extent = table.choice("extent", {each.value: each for each in Extent})
    is_done = extent not in (Extent.PAPER, Extent.NOT_YET)
    row = Coverage(
        clause=clause,
        kind=table.choice("kind", {each.value: each for each in ClauseKind}),
        text=table.text("text"),
        how=table.choice("how", {each.value: each for each in How}),
        extent=extent,
        by=table.texts("by", None if is_done else ()),
        says=table.text("says"),
        test=table.text("test", None if is_done else ""),
    )
    if is_done and (not row.by or row.how is How.PAPER):
        raise table.fault(f"is {extent.value!r} by nothing", key="by", hint="name what does it, or say not yet")
    if not is_done and (row.by or row.test):
        raise table.fault(f"is {extent.value!r} and names what does it", key="extent", hint="leave out by and test")
    if (row.kind is ClauseKind.PAPER) is not (extent is Extent.PAPER):
        raise table.fault("a clause of paper is carried out on paper, and no other is", key="extent")
    return row
