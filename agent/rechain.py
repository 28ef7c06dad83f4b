# SPDX-License-Identifier: Apache-2.0
"""A queue built anew for another chain: first why, then what still waits, told again under new numbers.

It is built beside the old one under a name of its own, and is whole and on the disk before it returns; the old queue is
only read. When it takes the old one's place is the business of `succession`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.identity import Identity
from agent.queue_file import remove_queue_file
from agent.recorder import Record, Recorder
from agent.spool import Quarantined, Spool
from proto.events import EventsDropped, Kind
from proto.files import sync_folder

BATCH_EVENTS = 500
BATCH_BYTES = 1024 * 1024
UNBOUNDED_BYTES = 2**62
"""Nothing is let go to make room here: the queue keeps its limit when the next event comes."""


@dataclass(frozen=True, slots=True)
class Poisoned:
    """The event that the collector cannot take, and what it said."""

    seq: int
    why: str


def name_queue(spool_file: Path, identity: Identity) -> Path:
    """Return where a queue lies until its identity is in force: whose it is shows in its name."""
    device = hashlib.sha256(identity.device_id.encode()).hexdigest()[:16]
    return spool_file.with_name(f"{spool_file.name}.{device}.{identity.epoch}")


def build_queue(
    path: Path,
    identity: Identity,
    opening: Kind,
    boot_id: bytes,
    *,
    former: Spool | None = None,
    poisoned: Poisoned | None = None,
) -> None:
    """Build the queue of a new chain that begins with `opening` and goes on with what waits in the former one.

    Raises:
        SpoolError: it cannot be built; the former queue is as it was.
        OSError: the same.
    """
    remove_queue_file(path)
    spool = Spool(path, identity.spool_key, max_bytes=UNBOUNDED_BYTES)
    try:
        recorder = Recorder(identity, spool, boot_id)
        # Past the throttle, and before anything else: a collector takes a new epoch only if it begins with this.
        _record(recorder, [opening])
        if former is not None:
            for event in former.list_quarantined():
                spool.keep_quarantined(event)
            _retell(recorder, spool, former, poisoned)
    finally:
        spool.close()
    sync_folder(path.parent)


def _retell(recorder: Recorder, spool: Spool, former: Spool, poisoned: Poisoned | None) -> None:
    told_seq = 0
    while events := former.peek(told_seq, max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES):
        told_seq = events[-1].seq
        for event in events:
            if poisoned is not None and event.seq == poisoned.seq:
                spool.keep_quarantined(Quarantined(event.kind, event.header, event.payload, poisoned.why))
                _record(recorder, [EventsDropped(event.kind, "quarantined", 1)])
        kept = [event for event in events if poisoned is None or event.seq != poisoned.seq]
        if kept:
            recorder.retell(kept)


def _record(recorder: Recorder, events: Sequence[Kind]) -> None:
    recorder.record([Record(event, event.severity) for event in events], bundle_version=0)
