# SPDX-License-Identifier: Apache-2.0
"""The files that go in and out: JSON whose `format` says what it is. What is in them was written by others.

It looks at shape and size only; what a file means is the business of the module that uses it.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector.opener.errors import UsageError
from proto.files import write_private

LONGEST_BYTES = 8 * 1024 * 1024


def load_document(
    path: Path, format: str, types: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Read a file of ours; fields beyond those named are left out, an optional one that is not there is None.

    Raises:
        UsageError: it is no such file, or a field is missing or of another type.
        OSError: it cannot be read.
    """
    return parse_document(load_text(path), format, types, str(path), optional)


def load_text(path: Path) -> str:
    """Read a file as text.

    Raises:
        UsageError: it is not there, is no text, or too large.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"there is no file {path}") from error
    if len(raw) > LONGEST_BYTES:
        raise UsageError(f"{path} has more than {LONGEST_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text") from error


def parse_document(
    text: str, format: str, types: Mapping[str, type], name: str, optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Read a document; `name` is what it is called if it cannot be read.

    Raises:
        UsageError: it is no such document.
    """
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} cannot be read as JSON") from error
    if not isinstance(values, dict) or values.get("format") != format:
        raise UsageError(f'{name} is not a file of the format "{format}"')
    there = {field: each for field, each in (optional or {}).items() if values.get(field) is not None}
    return dict.fromkeys(optional or {}) | pick_fields(values, {**types, **there}, name)


def pick_fields(values: Any, types: Mapping[str, type], name: str) -> dict[str, Any]:
    """Return the named fields of a JSON object, each of exactly its type.

    Raises:
        UsageError: one is missing or of another type.
    """
    if not isinstance(values, dict):
        raise UsageError(f"{name} does not have the fields of its format")
    for field, each in types.items():
        if type(values.get(field)) is not each:
            raise UsageError(f"{name} does not have the fields of its format: {field}")
    return {field: values[field] for field in types}


def list_texts(values: list[Any], name: str) -> tuple[str, ...]:
    """Return a list that holds texts only.

    Raises:
        UsageError: it holds something else.
    """
    if not all(type(each) is str for each in values):
        raise UsageError(f"{name} does not have the fields of its format: not a list of texts")
    return tuple(values)


def from_base64(text: Any, name: str) -> bytes:
    """Return the bytes of a text in base64.

    Raises:
        UsageError: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise UsageError(f"{name} does not have the fields of its format: not base64") from error


def to_base64(raw: bytes) -> str:
    """Return bytes as text for a document."""
    return base64.b64encode(raw).decode()


def dump_document(format: str, values: Mapping[str, Any]) -> str:
    """Return a document as text."""
    return json.dumps({"format": format, **values}, indent=1, ensure_ascii=True) + "\n"


def verify_free(path: Path, *, replace: bool) -> None:
    """Return if a file may be written there.

    Raises:
        UsageError: something is there, and it was not asked to replace it.
    """
    if not replace and os.path.lexists(path):
        raise UsageError(f"{path} is already there", hint="choose another name, or say --replace if it may go")


def write_document(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all, over nothing unless asked to.

    Raises:
        UsageError: something is there, and it was not asked to replace it.
        OSError: it cannot be written.
    """
    verify_free(path, replace=replace)
    write_private(path, text.encode())
