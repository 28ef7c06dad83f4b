# SPDX-License-Identifier: Apache-2.0
"""JSON files whose outermost value is an object, read within a limit. No format of its own; other parsers use it."""

import json
import re
from typing import Any, BinaryIO

from agent.errors import ParseError


def load_object(stream: BinaryIO, limit_bytes: int) -> dict[str, Any]:
    """Return the object that a file holds.

    Raises:
        ParseError: it is larger than the limit, no JSON, nested too deeply or no object.
    """
    return to_object(load_content(stream, limit_bytes))


def load_content(stream: BinaryIO, limit_bytes: int) -> str:
    """Return the text of a file, without a mark for the order of its bytes.

    Raises:
        ParseError: it is larger than the limit or no UTF-8.
    """
    content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ParseError("a file that is too large")
    try:
        # Not by the codec `utf-8-sig`, which would be imported only now, when nothing can be opened any more.
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ParseError("a file that is no text") from error


def to_object(text: str) -> dict[str, Any]:
    """Return the object that a text is.

    Raises:
        ParseError: it is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError("a file that is no JSON") from error
    if not isinstance(value, dict):
        raise ParseError("a file without an object")
    return value


def to_text(value: object, limit_characters: int) -> str:
    """Return a value if it is text, cut and fit to be encoded; else nothing."""
    if not isinstance(value, str):
        return ""
    # JSON can name halves of characters, which no UTF-8 holds.
    return re.sub(r"[\ud800-\udfff]", "�", value[:limit_characters])
