# SPDX-License-Identifier: Apache-2.0
"""The audit log: who did what at the console and the command line. Rows are added, never changed.

Each row holds the hash of the row before it, so that a changed, removed or inserted row shows. Rows cut off at the
end show only against a newer hash kept elsewhere. What devices sign is not here but in `ledger`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, text

from collector.store.engine import reading
from collector.store.schema import audit
from proto.errors import ChainError

DOMAIN = b"schoolwarden audit v1\x00"
FIRST_PREVIOUS_HASH = bytes(32)
COMMAND_LINE = "command line"
"""The actor of what the operator does without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did."""

    number: int
    """Counts from 1 for each school, without gaps."""
    at_ns: int
    actor: str
    """A user's name, `command line`, or `nobody` for a sign-in with a name that does not exist."""
    action: str
    """`noun.past`: `password.changed`."""
    subject: str
    """What it was done to: `user/anna`, `incident/<id>`."""
    detail: str


def record(
    connection: Connection, school_id: str, *, actor: str, action: str, subject: str, detail: str = "", now_ns: int
) -> None:
    """Add a row, inside the transaction of what it tells: both happen or neither."""
    if connection.dialect.name == "postgresql":
        # Two writers that read the same newest row would fork the chain. SQLite has one writer at a time anyway.
        connection.execute(
            text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"audit {school_id}"}
        )
    newest = connection.execute(
        select(audit.c.number, audit.c.hash)
        .where(audit.c.school_id == school_id)
        .order_by(audit.c.number.desc())
        .limit(1)
    ).first()
    number, previous_hash = (newest.number + 1, newest.hash) if newest else (1, FIRST_PREVIOUS_HASH)
    entry = AuditEntry(number=number, at_ns=now_ns, actor=actor, action=action, subject=subject, detail=detail)
    connection.execute(
        insert(audit).values(
            school_id=school_id,
            number=number,
            at_ns=now_ns,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            previous_hash=previous_hash,
            hash=_link(school_id, entry, previous_hash),
        )
    )


def verify_audit(engine: Engine, school_id: str) -> int:
    """Check the whole log of a school and return how many rows it has.

    Raises:
        ChainError: a row was changed, removed or put in; says which is the first that does not fit.
    """
    expected_number, previous_hash = 1, FIRST_PREVIOUS_HASH
    for row in _load(engine, school_id):
        entry = _to_entry(row)
        if entry.number != expected_number:
            raise ChainError(f"audit row {expected_number} is missing: row {entry.number} follows")
        if row.previous_hash != previous_hash:
            raise ChainError(f"audit row {entry.number} does not follow the row before it")
        if row.hash != _link(school_id, entry, previous_hash):
            raise ChainError(f"audit row {entry.number} was changed")
        expected_number, previous_hash = expected_number + 1, row.hash
    return expected_number - 1


def list_entries(engine: Engine, school_id: str, *, limit: int = 200) -> list[AuditEntry]:
    """Return the newest rows, newest first."""
    query = select(audit).where(audit.c.school_id == school_id).order_by(audit.c.number.desc()).limit(limit)
    with reading(engine) as connection:
        return [_to_entry(row) for row in connection.execute(query)]


def _load(engine: Engine, school_id: str) -> Iterator[Row[Any]]:
    with reading(engine) as connection:
        yield from connection.execute(select(audit).where(audit.c.school_id == school_id).order_by(audit.c.number))


def _link(school_id: str, entry: AuditEntry, previous_hash: bytes) -> bytes:
    # A JSON array: no two rows have the same bytes, whatever their texts hold.
    content = [school_id, entry.number, entry.at_ns, entry.actor, entry.action, entry.subject, entry.detail]
    return hashlib.sha256(DOMAIN + previous_hash + json.dumps(content).encode()).digest()


def _to_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at_ns=row.at_ns,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
