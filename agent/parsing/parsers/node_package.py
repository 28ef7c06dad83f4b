# SPDX-License-Identifier: Apache-2.0
"""A Node package's `package.json`: its version. Its name is the name of its folder."""

from typing import Any, BinaryIO

from agent.parsing.parsers.json_object import load_object, to_text

MAX_BYTES = 1024 * 1024
MAX_VERSION_LENGTH = 128


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `version`, empty if there is none.

    Raises:
        ParseError: it is no JSON object, or too large.
    """
    return {"version": to_text(load_object(stream, MAX_BYTES).get("version"), MAX_VERSION_LENGTH)}
