# SPDX-License-Identifier: Apache-2.0
"""Where a user has his downloads and his desktop, as `~/.config/user-dirs.dirs` tells. Only below his home counts."""

import re
from typing import Any, BinaryIO

MAX_BYTES = 16 * 1024
MAX_CHARACTERS = 200

_LINE = re.compile(r'^\s*XDG_(DOWNLOAD|DESKTOP)_DIR="\$HOME/([^"\\]+)"', re.MULTILINE)


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return paths below the home by what they are for: `download`, `desktop`. A folder that is the home is none."""
    text = stream.read(MAX_BYTES).decode("utf-8", "replace")
    found = {}
    for purpose, path in _LINE.findall(text):
        parts = [part for part in path.split("/") if part]
        if parts and len(path) <= MAX_CHARACTERS and not {".", ".."} & set(parts):
            found[purpose.lower()] = "/".join(parts)
    return found
