# SPDX-License-Identifier: Apache-2.0
"""Since when each security update has waited on this machine, kept over a restart.

An update stands under its package's name: a newer one in its place does not begin a new time, for the machine has
been open to the first all along. When the file is lost the time begins anew, and the check says that it does not know.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from agent.checks.memory import Memory

FILE_NAME = "posture-updates.json"
_BEGUN = ""
"""Stands for the first look of all, beside the packages."""


class WaitingUpdates:
    """Remembers. Without a folder until the agent ends."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, FILE_NAME)
        entries = self._memory.load("waiting")
        is_whole = all(
            isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) and type(each[1]) is int
            for each in entries
        )
        self._since_ns: dict[str, int] = dict(entries) if is_whole else {}

    @property
    def begun_ns(self) -> int:
        """When the first look was; before it, 0."""
        return self._since_ns.get(_BEGUN, 0)

    def note(self, packages: Collection[str], now_ns: int) -> Mapping[str, int]:
        """Take what waits now, and return since when each has."""
        known = self._since_ns
        # A clock that was ahead must not make an update younger than it is.
        noted = {name: min(known.get(name, now_ns), now_ns) for name in (_BEGUN, *packages)}
        if noted != known:
            self._since_ns = noted
            self._memory.keep("waiting", [list(each) for each in sorted(noted.items())])
        return noted
