# SPDX-License-Identifier: Apache-2.0
"""KDE's `kscreenlockerrc`: when a Plasma desktop locks. What a missing key means is decided by who asks.

    [Daemon]
    Autolock=true
    Timeout[$i]=15

`[$i]` behind a key, a group or at the top of the file says that files of less weight cannot change it.
"""

import re
from typing import Any, BinaryIO

from agent.errors import ParseError

MAX_FILE_BYTES = 256 * 1024
WANTED = ("Autolock", "Timeout", "LockGrace")
_GROUP = "Daemon"
_HEAD = re.compile(r"\[(?P<name>[^\[\]]*)\](?P<option>\[\$[a-z]+\])?")
_ENTRY = re.compile(r"(?P<key>[A-Za-z]{1,64})(?P<option>\[\$[a-z]+\])?\s*=\s*(?P<value>[^\n]{0,64})")


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `values`, as texts, and `locked`, the keys that files of less weight cannot change.

    Raises:
        ParseError: it is too large.
    """
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ParseError("it is too large")
    values: dict[str, str] = {}
    locked: set[str] = set()
    group = ""
    for line in content.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if text == "[$i]":
            locked.update(WANTED)
        elif (head := _HEAD.fullmatch(text)) is not None:
            group = head["name"]
            if group == _GROUP and "i" in (head["option"] or ""):
                locked.update(WANTED)
        elif group == _GROUP and (entry := _ENTRY.fullmatch(text)) is not None and entry["key"] in WANTED:
            values[entry["key"]] = entry["value"].strip()
            if "i" in (entry["option"] or ""):
                locked.add(entry["key"])
    return {"values": values, "locked": sorted(locked)}
