# SPDX-License-Identifier: Apache-2.0
"""Reads the school's list of machines, a CSV file from its own records. Pure: what is done with it is in `intake`.

The file is somebody's export or somebody's spreadsheet. A line that does not fit is refused with what would be right;
one line cannot spoil another, because each is read by itself and no value goes over the end of a line. A value may be
hostile: a formula, control characters, marks that turn text round. None is interpreted.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass

from collector.csv_file import find_delimiter, read_header, split_lines
from collector.errors import UsageError

MAX_BYTES = 10 * 1024 * 1024
MAX_LINES = 100_000
MAX_CHARACTERS = 200
COLUMNS = ("hostname", "serial", "asset", "place")
"""All of them stand in the header, in any order; a line has a host name or a serial number or both."""

_FORMULA_SIGNS = "=+-@"
_HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
# What makers leave in the firmware when they do not fill it in, and what a list says when it does not know.
_NO_SERIAL = re.compile(
    r"TO BE FILLED BY O\.?E\.?M\.?|DEFAULT STRING|SYSTEM SERIAL NUMBER|NOT SPECIFIED|NOT APPLICABLE|NONE|N/A|UNKNOWN|"
    r"INVALID|0+|O\.E\.M\.?|[.?-]+|X+|1?23456789\d*"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One machine of the list."""

    line: int
    hostname: str
    serial: str
    """As `to_serial` writes it."""
    asset: str
    place: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: the folded host name and the serial number."""
        return fold_hostname(self.hostname), self.serial


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line was not taken."""

    line: int
    column: str
    """Empty when it is about the line as a whole."""
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file says."""

    entries: tuple[Entry, ...]
    refused: tuple[Refusal, ...]


def fold_hostname(hostname: str) -> str:
    """Return a host name as it is compared: without the domain, and no matter how it is written."""
    return hostname.strip().partition(".")[0].casefold()


def to_serial(text: str) -> str:
    """Return a serial number as it is compared: in capitals, and empty for what stands where makers gave none."""
    serial = text.strip().upper()
    return "" if _NO_SERIAL.fullmatch(serial) else serial


def read_sheet(content: bytes) -> Sheet:
    """Read a file: UTF-8, with or without a mark at its beginning, columns parted by commas or by semicolons.

    Raises:
        UsageError: it is too large or no such text, its header is wrong, or it names no machine: nothing is taken.
    """
    hint = "cut it in two: what is listed stays"
    lines = split_lines(content, max_bytes=MAX_BYTES, max_lines=MAX_LINES, hint=hint)
    delimiter = find_delimiter(lines[0])
    columns = read_header(lines[0], delimiter, COLUMNS)
    entries: dict[tuple[str, str], Entry] = {}
    refused: list[Refusal] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(f" \t{delimiter}"):
            continue
        read = _read_line(number, line, delimiter, columns)
        if isinstance(read, Refusal):
            refused.append(read)
        elif read.key in entries:
            first = entries[read.key].line
            refused.append(Refusal(number, "", f"it is the machine of line {first}", "one line for each machine"))
        else:
            entries[read.key] = read
    if not entries and not refused:
        raise UsageError("the file names no machine", hint="below the header stands one line for each machine")
    return Sheet(tuple(entries.values()), tuple(refused))


def _read_cells(line: str, delimiter: str) -> list[str] | None:
    """Return the values of a line, or None when its quotes are broken or a value is too long."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _read_line(number: int, line: str, delimiter: str, columns: list[str]) -> Entry | Refusal:
    values = _read_cells(line, delimiter)
    if values is None:
        hint = 'a quoted value ends on its line; a quote in it is ""'
        return Refusal(number, "", "its quotes are broken, or a value is too long", hint)
    if len(values) != len(columns):
        return Refusal(number, "", f"it has {len(values)} values", f"{len(columns)}, as many as the header")
    cells = {name: value.strip() for name, value in zip(columns, values, strict=True)}
    for column in COLUMNS:
        wrong = _find_wrong(cells[column])
        if wrong is not None:
            return Refusal(number, column, *wrong)
    entry = Entry(number, cells["hostname"], to_serial(cells["serial"]), cells["asset"], cells["place"])
    if not any(entry.key):
        return Refusal(number, "", "it has neither a host name nor a serial number", "one of them at least")
    return entry


def _find_wrong(value: str) -> tuple[str, str] | None:
    """Return why a value cannot be taken and what would be right, or None."""
    if len(value) > MAX_CHARACTERS:
        return f"it is longer than {MAX_CHARACTERS} characters", "a shorter one"
    if any(unicodedata.category(each) in _HIDDEN for each in value):
        return "it holds characters that nobody sees", "type it anew instead of copying it"
    if value[:1] and value[0] in _FORMULA_SIGNS:
        return f"it begins with {value[0]}, as a formula does", "begin with a letter or a digit"
    return None
