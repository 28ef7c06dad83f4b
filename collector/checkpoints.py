# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: now and then the ends of the chains that grew are written down, linked to the one before, and signed.

A chain that did not grow stands in an older checkpoint, which the link covers: the newest one is a word about all
chains, and a quiet night of a large school costs nothing. The ends of the audit log and of the tombstones stand in each
one. So do the keys that all of it is signed with: hashes of events say nothing about keys, and whoever signed the same
history again with others must not come to the same checkpoint. Whoever holds one outside (a printed report, a mail) can
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
from collector.store.schema import audit, checkpoints, device_keys, heads, tombstones
from proto.keys import Signer

DOMAIN = b"schoolwarden checkpoint v1\x00"
FIRST_PREVIOUS_HASH = bytes(32)
AUDIT, TOMBSTONES, COLLECTOR = "audit", "tombstones", "collector"
"""Stand for a device in the entry of a log's end, and of the collector's own key; no device is called so. A log has no
epochs: 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The ends at one moment of both logs, and of all chains that grew since the checkpoint before."""

    number: int
    made_at_ns: int
    heads: str
    """JSON: [[device_id, epoch, seq, hash, key], ...] by device; then `audit` and `tombstones`, if they have rows; then
    ["collector", 0, 0, key]. Hashes in hex; a key is the SHA-256 of its public half. Older ones are without keys."""
    previous_hash: bytes
    hash: bytes
    signature: bytes


def hash_checkpoint(school_id: str, number: int, made_at_ns: int, heads_json: str, previous_hash: bytes) -> bytes:
    """Return what is signed, and what the next checkpoint refers to.

    It covers the hash of the heads, not their text: who follows the links to a later one needs no heads.
    """
    heads_hash = hash_heads(heads_json)
    fields = json.dumps([school_id, number, made_at_ns, heads_hash, previous_hash.hex()], separators=(",", ":"))
    return hashlib.sha256(DOMAIN + fields.encode()).digest()


def hash_heads(heads_json: str) -> str:
    """Return what stands for the heads in a checkpoint's hash: their SHA-256 in hexadecimal."""
    return hashlib.sha256(heads_json.encode()).hexdigest()


def make_checkpoint(engine: Engine, school_id: str, signer: Signer, now_ns: int) -> Checkpoint | None:
    """Write down where the chains end that grew since the last checkpoint, and the logs; None if nothing did."""
    with writing(engine) as connection:
        take_turns(connection, f"checkpoint {school_id}")
        moved = _load_moved_heads(connection, school_id)
        newest = find_newest(connection, school_id)
        logs = _list_log_ends(connection, school_id)
        if not moved and _to_json(logs) == (_to_json(_pick_logs(newest.heads)) if newest else "[]"):
            return None
        chains = [[row.device_id, row.epoch, row.seq, row.hash.hex(), to_digest(row.public_key)] for row in moved]
        heads_json = _to_json([*chains, *logs, [COLLECTOR, 0, 0, to_digest(signer.public_key)]])
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
        if moved:
            _note_checkpoint(connection, moved)
    return made


def list_checkpoints(engine: Engine, school_id: str) -> Sequence[Checkpoint]:
    """Return all checkpoints, oldest first."""
    query = select(checkpoints).where(checkpoints.c.school_id == school_id).order_by(checkpoints.c.number)
    with reading(engine) as connection:
        return [_to_checkpoint(row) for row in connection.execute(query)]


def read_ends(text: str) -> list[tuple[str, int, int, str]]:
    """Return the ends in a checkpoint: device or log, epoch, number, hash; of a text that is none, nothing."""
    return [(str(each[0]), int(each[1]), int(each[2]), str(each[3])) for each in _read(text) if each[0] != COLLECTOR]


def read_keys(text: str) -> list[tuple[str, str]]:
    """Return the keys in a checkpoint: device or collector, SHA-256 of the public half in hex."""
    return [(str(each[0]), str(each[-1])) for each in _read(text) if len(each) > 4 or each[0] == COLLECTOR]


def _read(text: str) -> list[list[Any]]:
    try:
        entries = json.loads(text)
        for each in entries:
            _ = str(each[0]), int(each[1]), int(each[2]), str(each[3])
    except (ValueError, TypeError, IndexError, KeyError):
        return []
    return [list(each) for each in entries]


def find_newest(connection: Connection, school_id: str) -> Checkpoint | None:
    """Return the newest checkpoint, or None before the first."""
    row = connection.execute(
        select(checkpoints).where(checkpoints.c.school_id == school_id).order_by(checkpoints.c.number.desc()).limit(1)
    ).first()
    return _to_checkpoint(row) if row else None


def _to_checkpoint(row: Row[Any]) -> Checkpoint:
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
        select(heads, device_keys.c.public_key)
        .join_from(heads, device_keys, device_keys.c.device_id == heads.c.device_id)
        .where(heads.c.school_id == school_id, heads.c.checkpoint_hash.is_distinct_from(heads.c.hash))
        .order_by(heads.c.device_id)
        # No chain may grow between our reading and our noting, nor hold another's rows in another order.
        .with_for_update(of=heads)
    )
    return connection.execute(query).all()


def _note_checkpoint(connection: Connection, moved: Sequence[Row[Any]]) -> None:
    connection.execute(
        update(heads).where(heads.c.device_id == bindparam("listed_id")).values(checkpoint_hash=bindparam("listed")),
        [{"listed_id": row.device_id, "listed": row.hash} for row in moved],
    )


def _list_log_ends(connection: Connection, school_id: str) -> list[list[Any]]:
    ends: list[list[Any]] = []
    for name, table in ((AUDIT, audit), (TOMBSTONES, tombstones)):
        query = select(table.c.number, table.c.hash).where(table.c.school_id == school_id)
        newest = connection.execute(query.order_by(table.c.number.desc()).limit(1)).first()
        if newest is not None:
            ends.append([name, 0, newest.number, newest.hash.hex()])
    return ends


def _pick_logs(heads_json: str) -> list[list[Any]]:
    return [list(each) for each in read_ends(heads_json) if each[0] in (AUDIT, TOMBSTONES)]


def to_digest(public_key: bytes) -> str:
    """Return how a checkpoint names a key."""
    return hashlib.sha256(public_key).hexdigest()


def _to_json(ends: Sequence[Sequence[Any]]) -> str:
    return json.dumps(ends, separators=(",", ":"))
