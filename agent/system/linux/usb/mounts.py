# SPDX-License-Identifier: Apache-2.0
"""Which block devices are mounted, by the table of mounts of the machine's first process.

A mount that somebody makes in a namespace of his own is not in it. What is written through one counts all the same.
"""

import os
from pathlib import Path

_MAX_BYTES = 4 * 1024 * 1024
_SYSTEM = ("/", "/usr")


def find_mountinfo(root: Path) -> Path:
    """Return the table of the machine's own namespace, or of ours when that is not ours to read."""
    machine = root / "proc/1/mountinfo"
    return machine if os.access(machine, os.R_OK) else root / "proc/self/mountinfo"


class Mounts:
    """The mounted block devices at one moment."""

    def __init__(self, content: bytes = b"") -> None:
        self._types: dict[str, str] = {}
        self._sources: set[str] = set()
        self._system: set[str] = set()
        for line in content.decode("utf-8", "replace").splitlines():
            self._take(line)

    @classmethod
    def load(cls, path: Path) -> "Mounts":
        """Load the table; an empty one when it cannot be read."""
        try:
            with open(path, "rb") as stream:
                return cls(stream.read(_MAX_BYTES))
        except OSError:
            return cls()

    def has(self, number: str, *names: str) -> bool:
        """Tell whether a device is mounted, by its number (8:1) or a name below /dev."""
        return number in self._types or any(name in self._sources for name in names)

    def find_type(self, number: str) -> str:
        """Return as which file system a device is mounted itself, not what decrypts it; empty when it is not."""
        return self._types.get(number, "")

    def runs_system(self, number: str, *names: str) -> bool:
        """Tell whether this very system runs from it."""
        return number in self._system or any(name in self._system for name in names)

    def _take(self, line: str) -> None:
        """Take one line: id parent major:minor root mountpoint options [tags] - type source options."""
        fields, _, rest = line.partition(" - ")
        parts, about = fields.split(" "), rest.split(" ")
        if len(parts) < 5 or len(about) < 2:
            return
        # Some file systems, btrfs for one, have a number of their own, so the source counts too.
        source = about[1].removeprefix("/dev/") if about[1].startswith("/dev/") else ""
        self._types[parts[2]] = about[0]
        if source:
            self._sources.add(source)
        if parts[4] in _SYSTEM:
            self._system |= {parts[2], source} - {""}
