# SPDX-License-Identifier: Apache-2.0
"""What the keyword check remembers over a restart: who accepted which notice, and which orders to drill were answered.

When a file is lost, the notice is shown once more, and an order that has not expired could be answered once more.
"""

from pathlib import Path
from typing import Any

from agent.checks.memory import Memory

ACCEPTED_FILE = "keywords-accepted.json"
DRILLS_FILE = "keywords-drills.json"
MAX_ACCEPTED = 5000
MAX_DRILLS = 500


class AcceptedNotices:
    """Which user accepted which version of the notice."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, ACCEPTED_FILE)
        # In a dictionary for its order: the oldest goes first.
        self._accepted = {
            (entry[0], entry[1]): True for entry in self._memory.load("accepted") if _is_pair(entry, int, str)
        }

    def has(self, uid: int, version: str) -> bool:
        """Return whether a user has accepted this version."""
        return (uid, version) in self._accepted

    def note(self, uid: int, version: str) -> bool:
        """Remember it, on the disk; return False if it was known."""
        if self.has(uid, version):
            return False
        self._accepted[uid, version] = True
        while len(self._accepted) > MAX_ACCEPTED:
            del self._accepted[next(iter(self._accepted))]
        self._memory.keep("accepted", [list(each) for each in self._accepted])
        return True


class AnsweredDrills:
    """The numbers of orders that were taken: each is answered once."""

    def __init__(self, folder: Path | None) -> None:
        self._memory = Memory(folder, DRILLS_FILE)
        self._nonces = [each for each in self._memory.load("nonces") if isinstance(each, str)]

    def note(self, nonce: bytes) -> bool:
        """Remember an order, on the disk; return False if it was taken before."""
        if nonce.hex() in self._nonces:
            return False
        self._nonces = [*self._nonces, nonce.hex()][-MAX_DRILLS:]
        self._memory.keep("nonces", self._nonces)
        return True


def _is_pair(entry: Any, first: type, second: type) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and type(entry[0]) is first and type(entry[1]) is second
