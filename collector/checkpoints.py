# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: now and then the ends of all chains are written down, linked to the checkpoint before, and signed.

Whoever holds one outside (a printed report, a mail) can show later that nothing before it was cut off. Making them is
all that happens here; `verify` holds the ledger against them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

from collector.store.engine import reading, writing
from collector.store.schema import checkpoints, heads
from proto.keys import Signer

DOMAIN = b"schoolwarden checkpoint v1\x00"
FIRST_PREVIOUS_HASH = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The ends of all chains at one moment."""

    number: int
    made_at_ns: int
    heads: str
    """JSON: [[device_id, epoch, seq, hash in hex], ...] by device."""
    previous_hash: bytes
    hash: bytes
    signature: bytes


def hash_checkpoint(school_id: str, number: int, made_at_ns: int, heads_json: str, previous_hash: bytes) -> bytes:
    """Return what is signed, and what the next checkpoint refers to."""
    fields = json.dumps([school_id, number, made_at_ns, heads_json, previous_hash.hex()], separators=(",", ":"))
    return hashlib.sha256(DOMAIN + fields.encode()).digest()


def make_checkpoint(engine: Engine, school_id: str, signer: Signer, now_ns: int) -> Checkpoint | None:
    """Write down where all chains end; None if nothing came since the last one."""
    with writing(engine) as connection:
        newest = _find_newest(connection, school_id)
        heads_json = _load_heads(connection, school_id)
        if newest is not None and newest.heads == heads_json:
            return None
        number, previous = (newest.number + 1, newest.hash) if newest else (1, FIRST_PREVIOUS_HASH)
        digest = hash_checkpoint(school_id, number, now_ns, heads_json, previous)
        made = Checkpoint(
            number=number,
            made_at_ns=now_ns,
            heads=heads_json,
            previous_hash=previous,
            hash=digest,
            signature=signer.sign(digest),
        )
        connection.execute(
            insert(checkpoints).values(
                school_id=school_id,
                number=made.number,
                made_at_ns=made.made_at_ns,
                heads=made.heads,
                previous_hash=made.previous_hash,
                hash=made.hash,
                signature=made.signature,
            )
        )
    return made


def list_checkpoints(engine: Engine, school_id: str) -> Sequence[Checkpoint]:
    """Return all checkpoints, oldest first."""
    query = select(checkpoints).where(checkpoints.c.school_id == school_id).order_by(checkpoints.c.number)
    with reading(engine) as connection:
        return [
            Checkpoint(
                number=row.number,
                made_at_ns=row.made_at_ns,
                heads=row.heads,
                previous_hash=row.previous_hash,
                hash=row.hash,
                signature=row.signature,
            )
            for row in connection.execute(query)
        ]


def _find_newest(connection: Connection, school_id: str) -> Checkpoint | None:
    row = connection.execute(
        select(checkpoints).where(checkpoints.c.school_id == school_id).order_by(checkpoints.c.number.desc()).limit(1)
    ).first()
    if row is None:
        return None
    return Checkpoint(
        number=row.number,
        made_at_ns=row.made_at_ns,
        heads=row.heads,
        previous_hash=row.previous_hash,
        hash=row.hash,
        signature=row.signature,
    )


def _load_heads(connection: Connection, school_id: str) -> str:
    rows = connection.execute(select(heads).where(heads.c.school_id == school_id).order_by(heads.c.device_id))
    return json.dumps([[row.device_id, row.epoch, row.seq, row.hash.hex()] for row in rows], separators=(",", ":"))
