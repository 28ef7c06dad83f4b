# SPDX-License-Identifier: Apache-2.0
"""The `manifest.json` of a browser's extension: name, version and the language that its maker wrote it in."""

import re
from typing import Any, BinaryIO

from agent.errors import ParseError
from agent.parsing.parsers.json_object import load_content, to_object, to_text

MAX_BYTES = 1024 * 1024
MAX_LENGTH = 128
_COMMENT = re.compile(r"^\s*//[^\n]*$", re.MULTILINE)


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `name`, `version` and `default_locale`, each empty if it is not there.

    Raises:
        ParseError: it is no JSON object, or too large.
    """
    text = load_content(stream, MAX_BYTES)
    try:
        manifest = to_object(text)
    except ParseError:
        manifest = to_object(_COMMENT.sub("", text))  # Chromium allows lines with comments
    return {key: to_text(manifest.get(key), MAX_LENGTH) for key in ("name", "version", "default_locale")}
