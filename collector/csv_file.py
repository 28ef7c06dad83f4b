# SPDX-License-Identifier: Apache-2.0
"""The outside of CSV files: of one that somebody uploads its lines, what parts its columns, and its header; of one that
we write that no cell of it is calculated.

What stands in a line, and what is wrong with it, is for whoever reads or writes that kind of file.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.errors import UsageError

SHOWN_CHARACTERS = 60
"""Of a column that is none."""
FORMULA_MARKS = frozenset("=+-@\t\r\n＝＋－＠")
"""With one of these a cell begins that a spreadsheet would calculate."""


def split_lines(content: bytes, *, max_bytes: int, max_lines: int, hint: str) -> list[str]:
    """Return the lines of a file in UTF-8, with or without a mark at its beginning; at least one.

    Raises:
        UsageError: it is too large or no such text; `hint` says what to do with one that is too large.
    """
    if len(content) > max_bytes:
        raise UsageError(f"the file is larger than {max_bytes // 2**20} MB", hint=hint)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"the file is not in UTF-8: line {line}", hint="save it as “CSV UTF-8”") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if len(lines) > max_lines + 2:
        raise UsageError(f"the file has more than {max_lines} lines", hint=hint)
    return lines


def find_delimiter(header: str) -> str:
    """Return what parts the columns: a comma, or a semicolon where there are more of those."""
    return ";" if header.count(";") > header.count(",") else ","


def read_header(line: str, delimiter: str, wanted: Sequence[str]) -> list[str]:
    """Return the columns in the file's order; they must be those that are wanted, each once.

    Raises:
        UsageError: they are not.
    """
    try:
        columns = [name.strip().casefold() for name in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error:
        columns = []
    right = f"the header is: {delimiter.join(wanted)}"
    missing = [name for name in wanted if name not in columns]
    unknown = [name for name in columns if name not in wanted]
    if missing:
        raise UsageError(f"the header is wrong: it lacks {', '.join(missing)}", hint=right)
    if unknown:
        raise UsageError(f"the header is wrong: {unknown[0][:SHOWN_CHARACTERS]!r} is no column", hint=right)
    if len(columns) > len(wanted):
        raise UsageError("the header is wrong: a column stands there twice", hint=right)
    return columns


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Return rows under their columns. What people and devices wrote stands there as text: see `to_cell`."""
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: to_cell(value) for name, value in row.items()})
    return written.getvalue()


def to_cell(value: Any) -> str:
    """Return a value as it may stand in a spreadsheet: no formula, and nothing that cannot be seen."""
    text = "" if value is None else str(value)
    visible = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    begin = text.lstrip(" ")[:1]
    # A number of ours is no formula, even one below zero.
    return f"'{visible}" if begin in FORMULA_MARKS and isinstance(value, str) else visible
