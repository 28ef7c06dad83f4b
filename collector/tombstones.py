# SPDX-License-Identifier: Apache-2.0
"""Tombstones: signed words of the collector that the content of an event was erased, when, why and by whom.

Each holds the hash of the one before it, so that a changed, removed or inserted one shows. Rows are added, never
changed. What is erased, and what goes with it, is the business of `erasure`; `verify` holds the ledger against them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from collector.errors import UsageError
from collector.store.engine import take_turns
from collector.store.schema import tombstones
from proto.keys import Signer

DOMAIN = b"schoolwarden tombstone v1\x00"
FIRST_PREVIOUS_HASH = bytes(32)
MAX_NOTE_CHARACTERS = 500


class Reason(StrEnum):
    """Why content was erased."""

    RETENTION = "retention"
    """It was kept for as long as the school keeps such things."""
    REQUEST = "request"
    """Somebody whom it was about had the right to ask for it."""
    ANNULLED = "annulled"
    """A reader of the flag annulled it."""
    MISTAKE = "mistake"
    """It should never have been collected."""


@dataclass(frozen=True, slots=True)
class Grave:
    """The place of an event whose content goes."""

    event_id: int
    device_id: str
    epoch: int
    seq: int
    event_hash: bytes
    """Of the event in its device's chain: what the tombstone is good for, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """One word that the content of one event was erased."""

    number: int
    """Counts from 1 for each school, without gaps."""
    at_ns: int
    event_id: int
    device_id: str
    epoch: int
    seq: int
    event_hash: bytes
    reason: str
    actor: str
    note: str
    previous_hash: bytes
    hash: bytes
    signature: bytes


def hash_tombstone(school_id: str, tombstone: Tombstone) -> bytes:
    """Return what is signed, and what the next tombstone refers to."""
    fields = [
        school_id,
        tombstone.number,
        tombstone.at_ns,
        tombstone.event_id,
        tombstone.device_id,
        tombstone.epoch,
        tombstone.seq,
        tombstone.event_hash.hex(),
        tombstone.reason,
        tombstone.actor,
        tombstone.note,
        tombstone.previous_hash.hex(),
    ]
    # A JSON array: no two tombstones have the same bytes, whatever their texts hold.
    return hashlib.sha256(DOMAIN + json.dumps(fields, separators=(",", ":")).encode()).digest()


def verify_note(note: str) -> None:
    """Check that a note says something, and not too much.

    Raises:
        UsageError: it is empty or too long.
    """
    if not 0 < len(note.strip()) <= MAX_NOTE_CHARACTERS:
        raise UsageError("say why, in one line", hint=f"--note TEXT of at most {MAX_NOTE_CHARACTERS} characters")


def add_tombstones(
    connection: Connection,
    school_id: str,
    signer: Signer,
    graves: Sequence[Grave],
    *,
    reason: Reason,
    actor: str,
    note: str,
    now_ns: int,
) -> None:
    """Sign and keep a tombstone for each event, inside the transaction that erases: both happen or neither."""
    take_turns(connection, f"tombstones {school_id}")
    newest = connection.execute(
        select(tombstones.c.number, tombstones.c.hash)
        .where(tombstones.c.school_id == school_id)
        .order_by(tombstones.c.number.desc())
        .limit(1)
    ).first()
    number, previous_hash = (newest.number, newest.hash) if newest else (0, FIRST_PREVIOUS_HASH)
    for grave in graves:
        number += 1
        unsigned = Tombstone(
            number=number,
            at_ns=now_ns,
            event_id=grave.event_id,
            device_id=grave.device_id,
            epoch=grave.epoch,
            seq=grave.seq,
            event_hash=grave.event_hash,
            reason=reason.value,
            actor=actor,
            note=note,
            previous_hash=previous_hash,
            hash=b"",
            signature=b"",
        )
        digest = hash_tombstone(school_id, unsigned)
        made = replace(unsigned, hash=digest, signature=signer.sign(digest))
        row = {name: getattr(made, name) for name in made.__dataclass_fields__}
        connection.execute(insert(tombstones).values(school_id=school_id, **row))
        previous_hash = digest


def list_tombstones(connection: Connection, school_id: str) -> list[Tombstone]:
    """Return all tombstones of a school, oldest first."""
    names = Tombstone.__dataclass_fields__
    query = (
        select(*(tombstones.c[name] for name in names))
        .where(tombstones.c.school_id == school_id)
        .order_by(tombstones.c.number)
    )
    return [Tombstone(**row) for row in connection.execute(query).mappings()]
