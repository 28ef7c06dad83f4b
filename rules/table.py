# SPDX-License-Identifier: Apache-2.0
"""One table of a rule file, read strictly: every key is known, there when it must be, and of the right type.

It knows TOML's types and where in the files it stands, nothing of rules; `grammar` knows those.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rules.errors import RuleFormatError

T = TypeVar("T")

MAX_CHARACTERS = 1000
"""Of one text."""
MAX_VALUES = 500
"""In one list."""

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
        place = ".".join(part for part in (self._under, key) if part)
        return RuleFormatError(problem, file=self._file, rule=self._rule, key=place, hint=hint)

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

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts, none of which is there twice.

        Raises:
            RuleFormatError: it is missing without a default, or not such a list.
        """
        values = self._get(key, list, list(default) if default is not None else None)
        if len(values) > MAX_VALUES:
            raise self.fault(f"has {len(values)} values, more than {MAX_VALUES}", key=key)
        for value in values:
            if not isinstance(value, str):
                raise self.fault(f"holds {shown(value)}, which is no text", key=key, hint=f"write {key} = ['...']")
            self._verify_text(key, value)
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise self.fault(f"holds {twice!r} twice", key=key)
        return tuple(values)

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
        return Table(self.table(key), keys=keys, file=self._file, rule=self._rule, under=key)

    def inner_tables(self, key: str, keys: Iterable[str]) -> "list[Table]":
        """Return a list of tables that may hold these keys and no other, empty when it is missing.

        Raises:
            RuleFormatError: it is something else, or one holds another key.
        """
        return [
            Table(values, keys=keys, file=self._file, rule=self._rule, under=f"{key}[{number}]")
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
            raise self.fault(f"is {found}", key=key, hint=f"it must be {_NAMES[type_]}")
        return value

    def _verify_text(self, key: str, text: str, max_characters: int = MAX_CHARACTERS) -> None:
        if not text.strip():
            raise self.fault("is empty", key=key)
        if len(text) > max_characters:
            raise self.fault(f"is longer than {max_characters} characters", key=key)
        if not text.replace("\n", "").isprintable():
            raise self.fault("has characters that cannot be seen", key=key)


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
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"it can be {', '.join(known)}"
