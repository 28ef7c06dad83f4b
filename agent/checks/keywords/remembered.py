# SPDX-License-Identifier: Apache-2.0
"""What the keyword check remembers over a restart: where a notice was accepted, and which orders to drill were taken.

When a file is lost, the notice is shown once more, and an order that has not expired could be answered once more.
"""

from pathlib import Path
from typing import Any

from agent.checks.memory import Memory

ACCEPTED_FILE = "keywords-accepted.json"
DRILLS_FILE = "keywords-drills.json"
MAX_ACCEPTED = 500
MAX_DRILLS = 500


class AcceptedNotices:
    """In which sitting which version of the notice was accepted.

    Not by which account: at a shared one somebody else sits next time, who has read nothing yet.
    """

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, ACCEPTED_FILE)
        # In a dictionary for its order: the oldest goes first.
        self._accepted = {(entry[0], entry[1]): True for entry in self._memory.load("accepted") if _is_pair(entry)}

    def has(self, sitting: str, version: str) -> bool:
        """Return whether this version was accepted in a sitting."""
        return (sitting, version) in self._accepted

    def note(self, sitting: str, version: str) -> None:
        """Remember it, on the disk."""
        if self.has(sitting, version):
            return
        self._accepted[sitting, version] = True
        while len(self._accepted) > MAX_ACCEPTED:
            del self._accepted[next(iter(self._accepted))]
        self._memory.keep("accepted", [list(each) for each in self._accepted])


class AnsweredDrills:
    """The numbers of orders that were taken: each is answered once at the most."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, DRILLS_FILE)
        self._nonces = [each for each in self._memory.load("nonces") if isinstance(each, str)]

    def has(self, nonce: bytes) -> bool:
        """Return whether an order was taken before."""
        return nonce.hex() in self._nonces

    def note(self, nonce: bytes) -> None:
        """Remember an order, on the disk."""
        self._nonces = [*self._nonces, nonce.hex()][-MAX_DRILLS:]
        self._memory.keep("nonces", self._nonces)


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(each, str) for each in entry)
