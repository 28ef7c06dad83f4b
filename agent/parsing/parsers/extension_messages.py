# SPDX-License-Identifier: Apache-2.0
"""The `messages.json` of a browser's extension: those texts in one language that may be its name."""

import re
from typing import Any, BinaryIO

from agent.parsing.parsers.json_object import load_object, to_text

MAX_BYTES = 2 * 1024 * 1024
MAX_MESSAGES = 64
MAX_LENGTH = 128
_PERHAPS_NAME = re.compile(r"name|title|app|ext|^\d+$", re.IGNORECASE)


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `messages`: texts by their key in lower case, as the browser compares them.

    Raises:
        ParseError: it is no JSON object, or too large.
    """
    messages: dict[str, str] = {}
    for key, entry in load_object(stream, MAX_BYTES).items():
        if len(messages) >= MAX_MESSAGES:
            break
        if isinstance(entry, dict) and len(key) <= MAX_LENGTH and _PERHAPS_NAME.search(key):
            messages[to_text(key, MAX_LENGTH).lower()] = to_text(entry.get("message"), MAX_LENGTH)
    return {"messages": messages}
