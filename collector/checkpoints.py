# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: now and then the ends of the chains that grew are written down, linked to the one before, and signed.

A chain that did not grow stands in an older checkpoint, which the link covers: the newest one is a word about all
chains, and a quiet night of a large school costs nothing. Whoever holds one outside (a printed report, a mail) can
show later that nothing before it was cut off. Making them is all that happens here; `verify` holds the ledger against
them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from collector.store.engine import reading, take_turns, writing
from collector.store.schema import checkpoints, heads
from proto.keys import Signer

DOMAIN = b"schoolwarden checkpoint v1\x00"
FIRST_PREVIOUS_HASH = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The ends at one moment of all chains that grew since the checkpoint before."""

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
    """Write down where the chains end that grew since the last checkpoint; None if none did."""
    with writing(engine) as connection:
        take_turns(connection, f"checkpoint {school_id}")
        moved = _load_moved_heads(connection, school_id)
        if not moved:
            return None
        newest = _find_newest(connection, school_id)
        heads_json = _to_json(moved)
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
        _note_checkpoint(connection, moved)
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


def _load_moved_heads(connection: Connection, school_id: str) -> Sequence[Row[Any]]:
    query = (
        select(heads)
        .where(heads.c.school_id == school_id, heads.c.checkpoint_hash.is_distinct_from(heads.c.hash))
        .order_by(heads.c.device_id)
        # No chain may grow between our reading and our noting, nor hold another's rows in another order.
        .with_for_update()
    )
    return connection.execute(query).all()


def _note_checkpoint(connection: Connection, moved: Sequence[Row[Any]]) -> None:
    connection.execute(
        update(heads).where(heads.c.device_id == bindparam("listed_id")).values(checkpoint_hash=bindparam("listed")),
        [{"listed_id": row.device_id, "listed": row.hash} for row in moved],
    )


def _to_json(moved: Sequence[Row[Any]]) -> str:
    return json.dumps([[row.device_id, row.epoch, row.seq, row.hash.hex()] for row in moved], separators=(",", ":"))
