# SPDX-License-Identifier: Apache-2.0
"""One table of a rule file, read strictly: every key is known, there when it must be, and of the right type.

It knows TOML's types and where in the files it stands, nothing of rules; `grammar` knows those.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, TypeVar

from rules.errors import RuleFormatError

T = TypeVar("T")

MAX_CHARACTERS = 1000
"""Of one text."""
MAX_VALUES = 500
"""In one list that says nothing else."""
MAX_HINTS = 40
"""Words that an error names for the one that is wrong."""

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What people call a rule, a profile or a group of devices in rule files."""
MAX_ID_CHARACTERS = 64
CLAUSE = re.compile(r"[A-Z]{2}-\d{2}", re.ASCII)

_DURATION = re.compile(r"([1-9]\d{0,3})([mhd])", re.ASCII)
_YEARS = range(2000, 2200)
"""Far from both ends of the calendar, so that days can be added."""
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """A table, with its place for error messages."""

    def __init__(
        self, values: Mapping[str, Any], *, keys: Iterable[str], file: str, rule: str = "", under: str = ""
    ) -> None:
        """Take a table that may hold these keys and no other.

        Raises:
            RuleFormatError: it holds another one.
        """
        self._values, self._file, self._rule, self._under = values, file, rule, under
        known = list(keys)
        for key in values:
            if key not in known:
                raise self.fault("no such key", key=key, hint=to_hint(key, known))

    def fault(self, problem: str, *, key: str = "", hint: str = "") -> RuleFormatError:
        """Return, to be raised, an error with the place of this table."""
        return RuleFormatError(problem, file=self._file, rule=self._rule, key=self._place_of(key), hint=hint)

    def _place_of(self, key: str) -> str:
        return ".".join(part for part in (self._under, key) if part)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str | None = None, *, max_characters: int = MAX_CHARACTERS) -> str:
        """Return a text that is not empty.

        Raises:
            RuleFormatError: it is missing without a default, no text, empty, too long or has unseen characters.
        """
        value = self._get(key, str, default)
        if key in self._values:
            self._verify_text(key, value, max_characters)
        return value

    def texts(
        self, key: str, default: tuple[str, ...] | None = None, *, max_values: int = MAX_VALUES
    ) -> tuple[str, ...]:
        """Return a list of texts, none of which is there twice.

        Raises:
            RuleFormatError: it is missing without a default, or not such a list.
        """
        values = self._get(key, list, list(default) if default is not None else None)
        if len(values) > max_values:
            raise self.fault(f"has {len(values)} values, more than {max_values}", key=key)
        for value in values:
            if not isinstance(value, str):
                raise self.fault(f"holds {shown(value)}, which is no text", key=key, hint=f"write {key} = ['...']")
            self._verify_text(key, value)
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise self.fault(f"holds {twice!r} twice", key=key)
        return tuple(values)

    def words(self, key: str, known: Iterable[str], *, may_be_empty: bool = False) -> tuple[str, ...]:
        """Return a list of some of a few words, empty when it is missing.

        Raises:
            RuleFormatError: it is no list of texts, holds another word, or is there and empty and may not be.
        """
        values, known = self.texts(key, ()), list(known)
        for value in values:
            if value not in known:
                raise self.fault(f"holds {shown(value)}", key=key, hint=to_hint(value, known))
        if key in self._values and not values and not may_be_empty:
            raise self.fault("is empty", key=key, hint=f"it can be {', '.join(known)}, or leave the line out")
        return values

    def codes(
        self, key: str, form: re.Pattern[str], hint: str, *, default: tuple[str, ...] | None = ()
    ) -> tuple[str, ...]:
        """Return a list of texts that all have one form.

        Raises:
            RuleFormatError: it is missing without a default, no list of texts, or one is of another form.
        """
        codes = self.texts(key, default)
        for code in codes:
            if not form.fullmatch(code):
                raise self.fault(f"holds {shown(code)}", key=key, hint=hint)
        return codes

    def id(self, key: str = "id") -> str:
        """Return a text of small letters, digits and single hyphens.

        Raises:
            RuleFormatError: it is missing, or no such text.
        """
        value = self.text(key)
        if len(value) > MAX_ID_CHARACTERS or not ID.fullmatch(value):
            raise self.fault(f"is {shown(value)}", key=key, hint="small letters, digits and single hyphens: bypass-tor")
        return value

    def day(self, key: str) -> date:
        """Return a day.

        Raises:
            RuleFormatError: it is missing, or no day.
        """
        text = self.text(key)
        day = find_day(text)
        if day is None or day.year not in _YEARS:
            raise self.fault(f"is {shown(text)}", key=key, hint='year, month and day: "2027-07-31"')
        return day

    def local_time(self, key: str) -> datetime:
        """Return a day with a time of it, in the school's own zone.

        Raises:
            RuleFormatError: it is missing, or no such time.
        """
        text = self.text(key)
        moment = find_local_time(text)
        if moment is None or moment.year not in _YEARS:
            raise self.fault(f"is {shown(text)}", key=key, hint='a local time: "2026-11-23T10:30"')
        return moment

    def duration_s(self, key: str, shortest: str, longest: str) -> int:
        """Return seconds out of 15m, 2h or 7d.

        Raises:
            RuleFormatError: it is missing, no such text, or not between the two.
        """
        text = self.text(key)
        if not _DURATION.fullmatch(text) or not to_seconds(shortest) <= to_seconds(text) <= to_seconds(longest):
            hint = f"minutes, hours or days from {shortest} to {longest}: 15m, 2h, 7d"
            raise self.fault(f"is {shown(text)}", key=key, hint=hint)
        return to_seconds(text)

    def integer(self, key: str, lowest: int, highest: int) -> int:
        """Return a whole number of a range.

        Raises:
            RuleFormatError: it is missing, or no such number.
        """
        value = self._get(key, int, None)
        if not lowest <= value <= highest:
            raise self.fault(f"is {shown(value)}", key=key, hint=f"{key} goes from {lowest} to {highest}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false.

        Raises:
            RuleFormatError: it is something else.
        """
        return self._get(key, bool, default)

    def choice(self, key: str, choices: Mapping[str, T], default: str | None = None) -> T:
        """Return what stands for one of a few words.

        Raises:
            RuleFormatError: it is missing without a default, or another word.
        """
        word = self._get(key, str, default)
        if word not in choices:
            raise self.fault(f"is {word!r:.80}", key=key, hint=to_hint(word, choices))
        return choices[word]

    def table(self, key: str) -> dict[str, Any]:
        """Return a table as it is, empty when it is missing.

        Raises:
            RuleFormatError: it is no table.
        """
        return self._get(key, dict, {})

    def tables(self, key: str) -> list[dict[str, Any]]:
        """Return a list of tables as they are, empty when it is missing.

        Raises:
            RuleFormatError: it is something else.
        """
        values = self._get(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise self.fault(
                "holds other things than tables", key=key, hint="write each under a name in double brackets"
            )
        return values

    def inner_table(self, key: str, keys: Iterable[str]) -> "Table":
        """Return a table that may hold these keys and no other, empty when it is missing.

        Raises:
            RuleFormatError: it is no table, or holds another key.
        """
        return Table(self.table(key), keys=keys, file=self._file, rule=self._rule, under=self._place_of(key))

    def inner_tables(self, key: str, keys: Iterable[str]) -> "list[Table]":
        """Return a list of tables that may hold these keys and no other, empty when it is missing.

        Raises:
            RuleFormatError: it is something else, or one holds another key.
        """
        return [
            Table(values, keys=keys, file=self._file, rule=self._rule, under=self._place_of(f"{key}[{number}]"))
            for number, values in enumerate(self.tables(key), start=1)
        ]

    def _get(self, key: str, type_: type[T], default: T | None) -> T:
        if key not in self._values:
            if default is None:
                raise self.fault("is missing", key=key, hint=f"add {key} = ..., which is {_NAMES[type_]}")
            return default
        value = self._values[key]
        # Exactly, since Python takes true for a whole number.
        if type(value) is not type_:
            found = _NAMES.get(type(value), "a date or time")
            quotes = ", in quotes" if type_ is str and isinstance(value, date | time) else ""
            raise self.fault(f"is {found}", key=key, hint=f"it must be {_NAMES[type_]}{quotes}")
        return value

    def _verify_text(self, key: str, text: str, max_characters: int = MAX_CHARACTERS) -> None:
        if not text.strip():
            raise self.fault("is empty", key=key)
        if len(text) > max_characters:
            raise self.fault(f"is longer than {max_characters} characters", key=key)
        if not text.replace("\n", "").isprintable():
            raise self.fault("has characters that cannot be seen", key=key)


def find_day(text: str) -> date | None:
    """Return the day of a text such as 2027-07-31, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def find_local_time(text: str) -> datetime | None:
    """Return the time of a text such as 2026-11-23T10:30, without a zone, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.isoformat(timespec="minutes") == text and moment.tzinfo is None else None


def to_seconds(duration: str) -> int:
    """Return the seconds of 15m, 2h or 7d."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def shown(value: object) -> str:
    """Return a value as messages show it: short, whatever it is."""
    try:
        return f"{value!r:.80}"
    except ValueError:
        # Python refuses to write a number of thousands of digits.
        return "a very large number"


def to_hint(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant, or what there is."""
    known = list(known)
    nearest = difflib.get_close_matches(word[:MAX_CHARACTERS], known, n=1)
    if nearest:
        return f"did you mean {nearest[0]}?"
    more = f" and {len(known) - MAX_HINTS} more" if len(known) > MAX_HINTS else ""
    return f"it can be {', '.join(known[:MAX_HINTS])}{more}" if known else "there is none"
