# SPDX-License-Identifier: Apache-2.0
"""What the collector's record of this machine says about our chain: one table of cases. It does nothing about it.

Ours is known from the event before the oldest that waits (`begin`) up to the newest (`head`). Their head is
    in our epoch, among these, with our hash           it goes on
    in an earlier epoch, all of ours still waits       it goes on: this epoch is news there
    in our epoch before `begin`                        they have forgotten what we have forgotten too
    in an earlier epoch, part of ours is gone          the same
    in our epoch, among these, with another hash       it has parted: two machines, or one that was set back
    in our epoch after ours, or in a later epoch       the same
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from agent.errors import AgentError
from agent.spool import Head
from proto.enrolment import FORKED, ROLLED_BACK

COLLECTOR_RESTORED, QUARANTINED, RESET = "collector_restored", "quarantined", "reset"
"""Why a new epoch begins; `proto.enrolment` has the reasons for a new device."""

_WORDS = {
    FORKED: "two machines speak as this device: this one becomes a device of its own",
    ROLLED_BACK: "the collector holds more of this device than this machine does, which was set back to an older copy "
    "or is one: it becomes a device of its own",
    RESET: "this machine was set back to its image, as the school declared: a new chain begins",
    COLLECTOR_RESTORED: "the collector was restored from an older copy: a new chain begins",
    QUARANTINED: "the collector cannot take one event, which is put aside: a new chain begins",
}


class Case(Enum):
    """How the collector's record of a chain stands to the chain itself."""

    GOES_ON = "goes on"
    FORGOTTEN = "forgotten"
    PARTED = "parted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Why a chain cannot go on, and what is known about it."""

    reason: str
    collector_epoch: int = 0
    """A new epoch comes after it; 0 when it is not said."""
    lost_first_seq: int = 0
    lost_last_seq: int = 0
    """Numbers that neither side holds any more; 0 when none is known."""
    quarantined_seq: int = 0
    """The event to leave out."""
    detail: str = ""
    """What the collector said, if it said anything."""

    @property
    def is_succession(self) -> bool:
        """Whether it takes a new device, and not only a new epoch."""
        return self.reason in (FORKED, ROLLED_BACK)

    def to_text(self) -> str:
        """Say it in words a technician can act on."""
        lost = f"; events {self.lost_first_seq} to {self.lost_last_seq} are lost" if self.lost_last_seq else ""
        return _WORDS[self.reason] + lost + (f" ({self.detail})" if self.detail else "")


class ChainBrokenError(AgentError):
    """The chain cannot go on as it is; what was not taken is told again in another one."""

    def __init__(self, found: Break) -> None:
        super().__init__(found.to_text())
        self.found = found


def compare(begin: Head, head: Head, theirs: Head, find_hash: Callable[[int], bytes | None]) -> Case:
    """Return how the end of the collector's record stands to our chain; `find_hash` knows the events that wait."""
    if theirs.epoch > head.epoch:
        return Case.PARTED
    if theirs.epoch < head.epoch:
        return Case.FORGOTTEN if begin.seq else Case.GOES_ON
    if theirs.seq < begin.seq:
        return Case.FORGOTTEN
    if theirs.seq == 0:
        return Case.GOES_ON
    ours = begin.hash if theirs.seq == begin.seq else find_hash(theirs.seq)
    return Case.GOES_ON if ours == theirs.hash else Case.PARTED
