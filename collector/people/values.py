# SPDX-License-Identifier: Apache-2.0
"""Reads the values of one line of the school's list: what each column may hold, and what would be right instead.

A value may be hostile: a formula, control characters, marks that turn text round. None is interpreted.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from collector.people.person import PersonKind, Post

LONGEST = 200
LONGEST_SHOWN = 60
MOST_IN_A_LIST = 50
FORMULA_SIGNS = "=+-@"
HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
"""Categories of characters that nobody sees: controls, marks that turn text round, and the like."""


class UnfitError(ValueError):
    """A value that cannot be taken: the reason, and what would be right."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def cut(value: str) -> str:
    """Return a value to stand in a sentence: quoted, and not long."""
    return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…")


def _read_text(value: str) -> str:
    if len(value) > LONGEST:
        raise UnfitError(f"it is longer than {LONGEST} characters", "a shorter one")
    if any(unicodedata.category(each) in HIDDEN for each in value):
        raise UnfitError("it holds characters that nobody sees", "type it anew instead of copying it")
    if value[:1] and value[0] in FORMULA_SIGNS:
        raise UnfitError(f"it begins with {value[0]}, as a formula does", "begin with a letter or a digit")
    return value


def _read_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise UnfitError(f"{cut(value)} is no id", "1 to 64 letters, digits, dots, hyphens and underscores")
    return value


def _read_name(value: str) -> str:
    if not value:
        raise UnfitError("it is empty", "a name by which staff know the person or the group")
    return _read_text(value)


def _read_kind(value: str) -> PersonKind:
    try:
        return PersonKind(value.casefold())
    except ValueError as error:
        raise UnfitError(f"{cut(value)} is no kind", f"one of: {', '.join(PersonKind)}") from error


def _read_roles(value: str) -> tuple[Post, ...]:
    try:
        return tuple(sorted({Post(each.casefold()) for each in _read_list(value)}))
    except ValueError as error:
        if isinstance(error, UnfitError):
            raise
        raise UnfitError(f"{cut(value)} holds what is no role", f"parted by |, of: {', '.join(Post)}") from error


def _read_aliases(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_read_text(each) for each in _read_list(value)))


def _read_accounts(value: str) -> tuple[str, ...]:
    return tuple(sorted({_read_account(each) for each in _read_list(value)}))


def _read_account(value: str) -> str:
    """Return an account in the one form in which devices write it: it is compared and never interpreted."""
    form, _, rest = value.partition(":")
    is_hidden = any(unicodedata.category(each) in HIDDEN for each in rest)
    if form == "directory" and re.fullmatch(r"[^\s:]{1,200}", rest) and not is_hidden:
        return value
    if form == "local" and re.fullmatch(r"[0-9a-f]{16}:(0|[1-9][0-9]{0,9})", rest):
        return value
    if form == "sid" and re.fullmatch(r"[Ss]-1(-[0-9]{1,15}){2,15}", rest):
        return f"sid:{rest.upper()}"
    if form == "entra" and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", rest):
        return f"entra:{rest.lower()}"
    raise UnfitError(
        f"{cut(value)} is no account",
        "parted by |: directory:NAME, local:DEVICE:UID, sid:S-1-5-21-..., entra:GUID",
    )


def _read_user_name(value: str) -> str:
    # As `users` has it.
    if value and not re.fullmatch(r"[a-z0-9._-]{2,64}", value):
        raise UnfitError(f"{cut(value)} is not a user's name", "as it stands on the page Users, or nothing")
    return value


def _read_date(value: str) -> str:
    try:
        return value and date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise UnfitError(f"{cut(value)} is no date", "written as 2026-09-01, or nothing") from error


def _read_list(value: str) -> list[str]:
    each = [part.strip() for part in value.split("|") if part.strip()]
    if len(each) > MOST_IN_A_LIST:
        raise UnfitError(f"there are more than {MOST_IN_A_LIST}", "fewer")
    return each


READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "person_id": ("person_id", _read_id),
    "name": ("name", _read_name),
    "kind": ("kind", _read_kind),
    "roles": ("roles", _read_roles),
    "year_group": ("year_group", _read_text),
    "class": ("class_name", _read_text),
    "accounts": ("accounts", _read_accounts),
    "aliases": ("aliases", _read_aliases),
    "user_name": ("user_name", _read_user_name),
    "from": ("from_date", _read_date),
    "until": ("until_date", _read_date),
}
"""For each column the field of a `Person`, and what reads it or raises `UnfitError`."""
