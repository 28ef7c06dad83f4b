# SPDX-License-Identifier: Apache-2.0
"""Reads the school's list of people, a CSV file from its own records. Pure: what is done with them is in `intake`.

The file is somebody's export or somebody's spreadsheet. A line that does not fit is refused with what would be right;
one line cannot spoil another, because each is read by itself and no value goes over the end of a line.
"""

import csv
from dataclasses import dataclass
from typing import Any

from collector.csv_file import find_delimiter, read_header, split_lines
from collector.errors import UsageError
from collector.people.person import Person, list_contradictions
from collector.people.values import READERS, UnfitError

MAX_BYTES = 10 * 1024 * 1024
MAX_PEOPLE = 100_000
COLUMNS = tuple(READERS)
"""All of them stand in the header, in any order."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line was not taken."""

    line: int
    column: str
    """Empty when it is about the line as a whole."""
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Roster:
    """What a file says."""

    people: tuple[tuple[int, Person], ...]
    """With the number of the line."""
    refused: tuple[Refusal, ...]
    mentioned: frozenset[str]
    """Every id that stands in the file, also in a line that was refused."""


def read_roster(content: bytes) -> Roster:
    """Read a file: UTF-8, with or without a mark at its beginning, columns parted by commas or by semicolons.

    Raises:
        UsageError: it is too large or no such text, its header is wrong, or it names nobody: nothing of it is taken.
    """
    lines = split_lines(content, max_bytes=MAX_BYTES, max_lines=MAX_PEOPLE, hint="cut it in two: nobody is deleted")
    delimiter = find_delimiter(lines[0])
    columns = read_header(lines[0], delimiter, COLUMNS)
    people: list[tuple[int, Person]] = []
    refused: list[Refusal] = []
    mentioned: set[str] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(f" \t{delimiter}"):
            continue
        try:
            cells = _read_cells(line, delimiter, columns)
        except UnfitError as error:
            refused.append(Refusal(number, "", error.reason, error.hint))
            continue
        mentioned.add(cells["person_id"])
        person, why = _read_person(number, cells)
        refused.extend(why)
        if person is not None:
            people.append((number, person))
    if not people and not refused:
        raise UsageError("the file names nobody", hint="below the header stands one line for each person")
    return Roster(tuple(people), tuple(refused), frozenset(mentioned))


def _read_cells(line: str, delimiter: str, columns: list[str]) -> dict[str, str]:
    try:
        values = next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UnfitError(
            "its quotes are broken, or a value is too long", 'a quoted value ends on its line; a quote in it is ""'
        ) from error
    if len(values) != len(columns):
        raise UnfitError(f"it has {len(values)} values", f"{len(columns)}, as many as the header")
    return {name: value.strip() for name, value in zip(columns, values, strict=True)}


def _read_person(line: int, cells: dict[str, str]) -> tuple[Person | None, list[Refusal]]:
    """Return the person of a line, or why there is none: everything that is wrong with it at once."""
    values: dict[str, Any] = {}
    refused: list[Refusal] = []
    for column, (field, read) in READERS.items():
        try:
            values[field] = read(cells[column])
        except UnfitError as error:
            refused.append(Refusal(line, column, error.reason, error.hint))
    if refused:
        return None, refused
    person = Person(**values)
    refused = [Refusal(line, column, reason, hint) for column, reason, hint in list_contradictions(person)]
    return (None if refused else person), refused
