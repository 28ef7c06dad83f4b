# SPDX-License-Identifier: Apache-2.0
"""What could not be read, in words: counted by reason, so that no path (it may hold a user's name) is told."""

import os

from agent.errors import ParseError
from agent.system.linux.packages import PackageListError


class Gaps:
    """Collects what could not be read during one look."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, what: str, why: Exception | str) -> None:
        """Count one thing that could not be read."""
        words = f"{what}: {why if isinstance(why, str) else to_reason(why)}"
        self._counts[words] = self._counts.get(words, 0) + 1

    def to_words(self) -> tuple[str, ...]:
        """Return each reason once, with how often it came."""
        return tuple(words if count == 1 else f"{words} ({count} times)" for words, count in self._counts.items())


def to_reason(error: Exception) -> str:
    """Return why something could not be read, without a path."""
    # The text of an OSError names the path, which may hold a user's name; what the system calls the error does not.
    if isinstance(error, PackageListError):
        return str(error)
    if isinstance(error, ParseError):
        return "a file that is broken or too much to read"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return "not a regular file of the expected size"
