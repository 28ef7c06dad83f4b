# SPDX-License-Identifier: Apache-2.0
"""coverage and packs: which clause of a school's policy is carried out by what, and how far; and the packs there are.

It says what the packs say, and of a school's own policy which of their rules it switched off. That each row is true is
shown by the tests that it names.
"""

import argparse
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import add_command, add_format, open_folder
from collector.commands.output import print_rows

if TYPE_CHECKING:
    from rules.coverage import Coverage
    from rules.model import Policy

_FALLBACK_COLUMNS = 120
_LEAST_COLUMNS = 80
_GAP = "  "
OFF = "switched off by the school"


def add_coverage(commands: Any) -> None:
    """Add `coverage`."""
    parser = add_command(commands, "coverage", _coverage, "which clause of a school's policy is carried out by what")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--pack", metavar="NAME", help="of a pack that comes with the product: see `packs`")
    which.add_argument("--dir", type=Path, metavar="D", help="the collector's folder: of the pack in force there")
    add_format(parser)


def add_packs(commands: Any) -> None:
    """Add `packs`."""
    parser = add_command(commands, "packs", _packs, "list the rule packs that come with the product")
    add_format(parser)


def _coverage(options: argparse.Namespace) -> int:
    from rules.coverage import hold_against
    from rules.load import load_coverage, load_pack, parse_files

    if options.dir:
        from collector.policies import load_policy

        config, engine = open_folder(options)
        policy = load_policy(engine, config)
        rows = hold_against(load_coverage(policy.pack), parse_files(load_pack(policy.pack)), policy)
    else:
        policy = parse_files(load_pack(options.pack))
        rows = load_coverage(policy.pack)
    if options.format == "json":
        print_rows([_to_json(row, is_of_school=bool(options.dir)) for row in rows], "json", "")
    elif not rows:
        sys.stderr.write(
            f"{policy.title} (pack {policy.pack}) carries out no one school's policy: it has no clauses.\n"
        )
    else:
        width = max(shutil.get_terminal_size((_FALLBACK_COLUMNS, 24)).columns, _LEAST_COLUMNS)
        sys.stdout.writelines(f"{line}\n" for line in _write(policy, rows, width))
    return 0


def _to_json(row: "Coverage", *, is_of_school: bool) -> dict[str, Any]:
    """Return a row as plain values; a pack by itself has no school that could switch something off."""
    values = asdict(row)
    return values if is_of_school else {name: value for name, value in values.items() if name != "switched_off"}


def _write(policy: "Policy", rows: "Sequence[Coverage]", width: int) -> Iterable[str]:
    """Return what a governor can read: each clause with what is done about it, departures, and the sum."""
    heads = ("Clause", "How far", "By a", "The policy asks", "What is done")
    narrow = (6, 8, 6)
    wide = (width - sum(narrow) - len(_GAP) * 4) // 2
    widths = (*narrow, wide, wide)
    yield f"{policy.title}: what its policy asks, and what carries it out."
    yield ""
    yield from _lay_out(heads, widths)
    yield from _lay_out(tuple("-" * each for each in widths), widths)
    for row in rows:
        by = f" [{', '.join(row.by)}]" if row.by else ""
        # Before what is said of the whole pack, which does not hold here.
        off = f"{OFF.capitalize()}: {', '.join(row.switched_off)}. In the pack: " if row.switched_off else ""
        cells = (row.clause, row.extent.value, row.how.value, row.text, off + row.says + by)
        yield from _lay_out(cells, widths)
    for departure in policy.arrangements.departures:
        other = "guidance" if departure.follows == "policy" else "policy"
        yield ""
        yield from textwrap.wrap(
            f"{departure.clause} departs from national guidance. The policy: {departure.policy} The guidance: "
            f"{departure.guidance} Followed here is the {departure.follows}: it overrides the {other}. {departure.why}",
            width,
        )
    yield ""
    yield from textwrap.wrap(f"{count_extents(rows)}. Nothing is prevented: it is detected and recorded.", width)


def _lay_out(cells: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    columns = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(cells, widths, strict=True)
    ]
    for number in range(max(map(len, columns))):
        parts = (column[number] if number < len(column) else "" for column in columns)
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def count_extents(rows: "Iterable[Coverage]") -> str:
    """Return how many clauses are carried out how far, in words, and of how many the school switched a rule off."""
    from rules.coverage import Extent

    words: dict[Extent, str] = {
        Extent.DETECTS: "detected",
        Extent.RECORDS: "recorded",
        Extent.PARTLY: "carried out in part",
        Extent.NOT_YET: "not yet",
        Extent.PAPER: "on paper only",
    }
    rows = list(rows)
    counts, total = Counter(row.extent for row in rows), len(rows)
    switched_off = sum(bool(row.switched_off) for row in rows)
    if switched_off:
        words[Extent.NOT_YET] += f" ({switched_off} of them {OFF})"
    parts = [f"{counts[extent]} {text}" for extent, text in words.items() if counts[extent]]
    return f"{total} clause{'' if total == 1 else 's'}: {', '.join(parts)}" if total else "no clauses"


def _packs(options: argparse.Namespace) -> int:
    from rules.coverage import Extent
    from rules.load import list_packs, load_coverage, load_pack, parse_files

    rows = []
    for name in list_packs():
        policy = parse_files(load_pack(name))
        extents = Counter(row.extent for row in load_coverage(name))
        rows.append(
            {
                "pack": name,
                "title": policy.title,
                "extends": policy.parents[0] if policy.parents else "",
                "rules": len(policy.rules),
                "clauses": sum(extents.values()),
            }
            | {extent.value.replace(" ", "_"): extents[extent] for extent in Extent}
        )
    print_rows(rows, options.format, "no pack came with the product")
    return 0
