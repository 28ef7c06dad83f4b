# SPDX-License-Identifier: Apache-2.0
"""Who may become a reader, as the collector lists them, and the test that a key is in somebody's hands and works.

The list is the collector's word and nothing more. A code sealed to the key on the list, read back by the person, shows
that the key opens; it does not show that the list has not another key than the person's, because whoever swapped the
key could pass the code on. So the person also reads his key from his own screen, and whoever signs compares it.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.opener.documents import dump_document, from_base64, list_texts, load_document, pick_fields, to_base64
from collector.opener.errors import FindingError, UsageError
from proto.errors import SealError
from proto.sealed import open_sealed, seal, verify_age_key

CANDIDATES_FORMAT = "schoolwarden candidates v1"
ITEMS_FORMAT = "schoolwarden test items v1"
CODES_FORMAT = "schoolwarden test codes v1"
POSITIONS = ("dsl", "deputy_dsl", "headteacher", "chair_of_governors")
"""Those that make somebody a reader; which flags each reads is decided elsewhere, by device and collector."""
CODE_DIGITS = 6
_PERSON = {"id": str, "positions": list, "age_key": str, "aliases": list, "accounts": list}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody whom the collector lists."""

    id: str
    positions: tuple[str, ...]
    age_key: str
    aliases: tuple[str, ...]
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The list, and the version of the set that the collector says is in force (0 for none)."""

    school_id: str
    school_name: str
    version: int
    people: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody must read back, and to which key it was sealed."""

    age_key: str
    digits: str


def load_candidates(path: Path) -> Candidates:
    """Load the collector's list.

    Raises:
        UsageError: the file is of another kind, or names somebody twice, with no known position or no key.
        OSError: it cannot be read.
    """
    fields = {"school_id": str, "school_name": str, "version": int, "people": list}
    values = load_document(path, CANDIDATES_FORMAT, fields)
    people = tuple(_build(person, str(path)) for person in values["people"])
    if not people or len({person.id for person in people}) != len(people):
        raise UsageError(f"{path} names nobody, or somebody twice")
    if values["version"] < 0:
        raise UsageError(f"{path} has a version below 0")
    return Candidates(**(values | {"people": people}))


def make_codes(candidates: Candidates) -> dict[str, Code]:
    """Draw a code for everybody."""
    return {
        person.id: Code(person.age_key, f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}")
        for person in candidates.people
    }


def dump_items(codes: Mapping[str, Code]) -> str:
    """Return each code sealed to the key that it tests, as the text of the file for the collector.

    Raises:
        SealError: a key is none.
    """
    items = {name: to_base64(seal(code.digits.encode(), [code.age_key])) for name, code in codes.items()}
    return dump_document(ITEMS_FORMAT, {"items": items})


def open_item(path: Path, id: str, secret: str) -> str:
    """Return the code that is sealed to somebody in a file of test items.

    Raises:
        UsageError: the file is of another kind, or holds nothing for him.
        FindingError: his item is sealed to another key, or no code is in it.
        OSError: the file cannot be read.
    """
    items = load_document(path, ITEMS_FORMAT, {"items": dict})["items"]
    if id not in items:
        raise UsageError(f"{path} holds no item for {id}")
    try:
        digits = open_sealed(from_base64(items[id], str(path)), secret).decode("ascii", "replace")
    except SealError as error:
        raise FindingError(
            f"the test item of {id} is not sealed to this key",
            hint="do not read anything back; tell whoever signs that the list holds another key",
        ) from error
    if not (len(digits) == CODE_DIGITS and digits.isascii() and digits.isdecimal()):
        raise FindingError(f"the test item of {id} holds no code")
    return digits


def dump_codes(codes: Mapping[str, Code], age_key: str) -> str:
    """Return the codes, sealed to whoever signs, as the text of a file to keep until they are read back.

    Raises:
        SealError: the key is none.
    """
    raw = json.dumps({name: [code.age_key, code.digits] for name, code in codes.items()}).encode()
    return dump_document(CODES_FORMAT, {"sealed": to_base64(seal(raw, [age_key]))})


def load_codes(path: Path, secret: str) -> dict[str, Code]:
    """Load the codes that are kept; none if there are none.

    Raises:
        UsageError: the file is of another kind.
        FindingError: it is sealed to another key.
        OSError: it cannot be read.
    """
    if not path.exists():
        return {}
    sealed = from_base64(load_document(path, CODES_FORMAT, {"sealed": str})["sealed"], str(path))
    try:
        values: dict[str, list[str]] = json.loads(open_sealed(sealed, secret))
    except SealError as error:
        raise FindingError(
            f"the codes in {path} are sealed to another key", hint="test again: schoolwarden-open readers test"
        ) from error
    return {name: Code(age_key, digits) for name, (age_key, digits) in values.items()}


def _build(person: Any, name: str) -> Candidate:
    values = pick_fields(person, _PERSON, name)
    for field in ("positions", "aliases", "accounts"):
        values[field] = list_texts(values[field], name)
    candidate = Candidate(**values)
    if not candidate.id or not candidate.positions or set(candidate.positions) - set(POSITIONS):
        raise UsageError(f"{name} names somebody without an id or with a position that no reader has")
    try:
        verify_age_key(candidate.age_key)
    except SealError as error:
        raise UsageError(f"{name} holds a key that is no age key") from error
    return candidate
