# SPDX-License-Identifier: Apache-2.0
"""How rows are printed: as a bare JSON array, as a table that no device can write into, or as CSV without formulas."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from collector.csv_file import to_cell as to_cell
from collector.csv_file import write_csv


def with_times(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose `..._at_ns` became `..._at`, RFC 3339 in UTC."""
    return {
        (name.removesuffix("_ns") if name.endswith("_at_ns") else name): (
            _to_rfc3339(value) if name.endswith("_at_ns") else value
        )
        for name, value in row.items()
    }


def _to_rfc3339(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9 // 10**6:03d}Z"


def print_rows(rows: list[dict[str, Any]], format: str, empty: str, columns: Iterable[str] = ()) -> None:
    """Print rows on stdout; when there are none, say so on stderr."""
    if format == "json":
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    if not rows:
        sys.stderr.write(empty + "\n")
        return
    names = list(columns) or list(rows[0])
    table = [names, *([_visible(str(row[name])) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(names))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _visible(text: str) -> str:
    """Return what a device said without characters that move a terminal's cursor or its reader's eye."""
    from collector.summaries import quote

    return quote(text)


def print_csv(rows: list[dict[str, Any]], empty: str, columns: Iterable[str]) -> None:
    """Print rows as CSV on stdout, under their columns; when there are none, say so on stderr as well.

    A cell is what a device said: one that a spreadsheet would calculate gets an apostrophe in front.
    """
    if not rows:
        sys.stderr.write(empty + "\n")
    sys.stdout.write(write_csv(rows, columns))
