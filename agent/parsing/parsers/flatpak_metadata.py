# SPDX-License-Identifier: Apache-2.0
"""The file `metadata` of a flatpak: which application it is. Where the file lies, `sources.flatpak` knows."""

import re
from typing import Any, BinaryIO

from agent.errors import ParseError

MAX_BYTES = 64 * 1024
MAX_LENGTH = 255

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*(\.[A-Za-z0-9_\-]+)+")


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return the `application` that it describes.

    Raises:
        ParseError: it describes none, or is too large.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ParseError("a file that is too large")
    group = ""
    for line in content.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if text.startswith("["):
            group = text
        key, equals, value = text.partition("=")
        if group == "[Application]" and equals and key.strip() == "name":
            identifier = value.strip()
            if len(identifier) <= MAX_LENGTH and _ID.fullmatch(identifier):
                return {"application": identifier}
            break
    raise ParseError("a file that describes no application")
