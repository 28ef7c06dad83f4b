# SPDX-License-Identifier: Apache-2.0
"""Step 2 of verify: tombstones are ours and linked, and each is of an event that the ledger holds.

Whether the content that one speaks of is really gone is looked at in `chains`, beside the event.
"""

from sqlalchemy import Connection

from collector.tombstones import FIRST_PREVIOUS_HASH, Reason, Tombstone, hash_tombstone, list_tombstones
from collector.verify.report import FAULTS, Report, in_words
from proto.errors import SchoolwardenError
from proto.keys import Verifier

Place = tuple[str, int, int]
"""Device, epoch and number of an event."""


def verify_tombstones(connection: Connection, school_id: str, own: Verifier, report: Report) -> dict[Place, Tombstone]:
    """Return the tombstones that verify, by the event that they are of; `chains` takes out what it finds."""
    found: dict[Place, Tombstone] = {}
    number, previous = 0, FIRST_PREVIOUS_HASH
    for each in list_tombstones(connection, school_id):
        report.tombstones += 1
        number += 1
        if each.number != number or each.previous_hash != previous:
            report.problems.append(f"tombstone {each.number} does not follow the one before it")
        try:
            if hash_tombstone(school_id, each) != each.hash:
                raise SchoolwardenError("it was changed")
            own.verify(each.signature, each.hash)
            if each.reason not in list(Reason):
                raise SchoolwardenError("it gives a reason that is none")
            found[each.device_id, each.epoch, each.seq] = each
        except FAULTS as error:
            report.problems.append(f"tombstone {each.number}: {in_words(error)}")
        number, previous = each.number, each.hash
    return found


def verify_all_found(left: dict[Place, Tombstone], report: Report) -> None:
    """Tell of the tombstones that no event was found for."""
    for (device_id, epoch, seq), each in left.items():
        report.problems.append(
            f"device {device_id}: tombstone {each.number} is of event {seq} of epoch {epoch}, "
            "which does not stand in the ledger as it was"
        )
