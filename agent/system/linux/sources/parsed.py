# SPDX-License-Identifier: Apache-2.0
"""What was found in users' files by looking into them, remembered as long as they do not change.

Looking is done by `agent.parsing` in a child without rights; here nothing is parsed.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from agent.errors import ParseError
from agent.parsing.interface import Parsing

MAX_REMEMBERED = 4096
# Two changes within one tick of the file system's clock look like one, so what has just changed is not remembered.
SETTLED_NS = 2 * 10**9


class ParsedFiles:
    """Looks into open files, once for each change."""

    def __init__(self, find_parsing: Callable[[], Parsing]) -> None:
        """`find_parsing` is called when there is something to look into, and not before."""
        self._find_parsing = find_parsing
        self._known: dict[tuple[object, ...], Mapping[str, Any] | None] = {}

    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        """Return what the parser of that name finds in an open file.

        Raises:
            ParseError: it finds nothing that makes sense, now or when the file was last looked into.
        """
        status = os.fstat(descriptor)
        # The time of modification can be set back by whoever owns the file; the time of change cannot.
        key = (what, status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns)
        if key not in self._known:
            found: Mapping[str, Any] | None
            try:
                found = self._find_parsing().parse(what, descriptor)
            except ParseError:
                found = None
            if time.time_ns() - status.st_ctime_ns <= SETTLED_NS:
                return _verified(found)
            if len(self._known) >= MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = found
        return _verified(self._known[key])

    def forget_broken(self) -> None:
        """Look once more into what made no sense: perhaps there was no time or memory for it."""
        self._known = {key: found for key, found in self._known.items() if found is not None}


def text_of(found: object, key: str, limit_characters: int = 256) -> str:
    """Return a text that a parser found, empty if there is none: a parser may be in the hands of what it read."""
    value = found.get(key) if isinstance(found, Mapping) else None
    return value[:limit_characters] if isinstance(value, str) else ""


def _verified(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if found is None:
        raise ParseError("a file that is broken or too much to read")
    return found
