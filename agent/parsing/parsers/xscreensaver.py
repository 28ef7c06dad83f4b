# SPDX-License-Identifier: Apache-2.0
"""The file `.xscreensaver`: when xscreensaver comes on and locks. What a missing key means is decided by who asks."""

import re
from typing import Any, BinaryIO

from agent.errors import ParseError

MAX_FILE_BYTES = 256 * 1024
_ENTRY = re.compile(r"(?P<key>timeout|lock|lockTimeout|mode):[ \t]*(?P<value>\S{1,32})[ \t]*")


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `values`, as texts.

    Raises:
        ParseError: it is too large.
    """
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ParseError("it is too large")
    found = (_ENTRY.fullmatch(line) for line in content.decode("utf-8", "replace").splitlines())
    return {"values": {entry["key"]: entry["value"] for entry in found if entry is not None}}
