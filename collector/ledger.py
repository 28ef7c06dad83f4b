# SPDX-License-Identifier: Apache-2.0
"""The evidence: what devices signed, kept as they signed it; where their chains end; and what was refused.

An event is in the ledger once and in order, or not at all. Whether it may go in is decided by `ingest`; `verify`
checks the whole of it without trusting this module.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, func, insert, or_, select, update

from collector.store.engine import reading
from collector.store.schema import devices, envelopes, events, heads, payloads, refused
from proto.chain import GENESIS
from proto.envelope import MAX_EVENTS
from proto.errors import MalformedError
from proto.events import KINDS, Audience, Missing
from proto.wire import decode_header_block, to_json

REFUSED_KEPT_BYTES = 64 * 1024
REFUSED_KEPT_A_DEVICE = 1000
REFUSED_KEPT_A_PENDING_DEVICE = 50
"""A token for many machines makes many of these, and nobody has said yet that any of them is ours."""
REFUSED_KEPT_A_SCHOOL = 16 * 1024
"""At most 1 GiB, however many devices send."""

SEALED_KINDS = frozenset(kind for kind, each in KINDS.items() if each.audience is Audience.SAFEGUARDING)
"""What is in these is for the readers of flags: no page but theirs shows it, and no rule speaks about it."""

_SALT = re.compile(rb"\n\x20(?=(.{32}))", re.DOTALL)
"""How a payload's salt stands in what a device sends: field 1, 32 bytes; also where the rest is cut off or garbled."""

_PENDING = "pending"
"""As `devices` has it, which stands beside this module."""

_MISSING_IN_WORDS: dict[int, str] = {
    Missing.QUEUE_FULL: "the device's queue was full and let this content go",
    Missing.DAMAGED: "the device could not read this content back",
    Missing.TOO_LARGE: "the content was larger than an event may be",
    Missing.ERASED: "the content was erased, as a signed tombstone says",
}


@dataclass(frozen=True, slots=True)
class Head:
    """Where a device's chain ends."""

    epoch: int
    seq: int
    """0 before the first event."""
    hash: bytes
    is_stored: bool = True
    """Whether the table has a row for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event as the ledger holds it."""

    event_id: int
    device_id: str
    epoch: int
    seq: int
    kind: str
    severity: int
    device_time_ns: int
    received_at_ns: int
    body: dict[str, Any] | None
    """The content as JSON values; None when it is missing, sealed or of a kind that this version does not know."""
    missing: str
    """Why there is no content, in words; empty when there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEvidence:
    """What a device sent and was refused, without the bytes themselves."""

    device: str
    reason: str
    detail: str
    count: int
    """How often the same came."""
    size: int
    """In bytes, as it came."""
    first_at_ns: int
    last_at_ns: int
    sha256: str


def find_head(engine: Engine, device_id: str) -> Head:
    """Return where a device's chain ends; epoch 1, sequence 0 for a device that has sent nothing."""
    with reading(engine) as connection:
        return read_head(connection, device_id)


def read_head(connection: Connection, device_id: str) -> Head:
    """Return the same inside a transaction."""
    row = connection.execute(select(heads).where(heads.c.device_id == device_id)).first()
    return Head(row.epoch, row.seq, row.hash) if row else Head(1, 0, GENESIS, is_stored=False)


def find_next_event_id(engine: Engine) -> int:
    """Return the number that the next event gets."""
    with reading(engine) as connection:
        row = connection.execute(
            select(envelopes.c.first_event_id, envelopes.c.first_seq, envelopes.c.last_seq)
            .order_by(envelopes.c.first_event_id.desc())
            .limit(1)
        ).first()
    return row.first_event_id + row.last_seq - row.first_seq + 1 if row else 1


def find_headers(engine: Engine, device_id: str, epoch: int, first_seq: int, last_seq: int) -> list[bytes]:
    """Return the exact headers that the ledger holds of a range of a device's events, as far as it holds them."""
    query = (
        select(envelopes.c.first_seq, envelopes.c.header_block)
        .where(envelopes.c.device_id == device_id, envelopes.c.epoch == epoch)
        .where(envelopes.c.first_seq <= last_seq, envelopes.c.last_seq >= first_seq)
        # No envelope reaches further, and without it the index leads through the epoch from its beginning.
        .where(envelopes.c.first_seq > first_seq - MAX_EVENTS)
        .order_by(envelopes.c.first_seq)
    )
    with reading(engine) as connection:
        found = connection.execute(query).all()
    return [
        header
        for row in found
        for seq, header in enumerate(decode_header_block(row.header_block), row.first_seq)
        if first_seq <= seq <= last_seq
    ]


def find_event(engine: Engine, school_id: str, event_id: int) -> StoredEvent | None:
    """Return one event with its content, or None."""
    query = (
        select(events, payloads.c.body, payloads.c.missing)
        .join_from(events, payloads, payloads.c.event_id == events.c.event_id, isouter=True)
        .where(events.c.event_id == event_id, events.c.school_id == school_id)
    )
    # Event ids are dense within an envelope, so its envelope is the last one that starts at or before it.
    envelope = (
        select(envelopes.c.epoch, envelopes.c.received_at_ns)
        .where(envelopes.c.first_event_id <= event_id)
        .order_by(envelopes.c.first_event_id.desc())
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
        return _to_event(row, connection.execute(envelope).one()) if row else None


def keep_refused(
    connection: Connection, school_id: str, device_id: str, *, raw: bytes, reason: str, detail: str, now_ns: int
) -> None:
    """Keep what a device sent and was refused. The same again is counted; past a limit the oldest goes.

    There is a limit for the device and one for the school. Both count pieces: to add up bytes would read all of them.
    """
    digest = hashlib.sha256(raw).digest()
    counted = connection.execute(
        update(refused)
        .where(refused.c.device_id == device_id, refused.c.sha256 == digest, refused.c.reason == reason)
        .values(count=refused.c.count + 1, last_received_at_ns=now_ns)
    )
    if counted.rowcount:
        return
    connection.execute(
        insert(refused).values(
            school_id=school_id,
            device_id=device_id,
            received_at_ns=now_ns,
            last_received_at_ns=now_ns,
            count=1,
            reason=reason,
            detail=detail[:500],
            sha256=digest,
            size=len(raw),
            bytes=raw[:REFUSED_KEPT_BYTES],
        )
    )
    state = connection.execute(select(devices.c.state).where(devices.c.device_id == device_id)).scalar()
    of_device = REFUSED_KEPT_A_PENDING_DEVICE if state == _PENDING else REFUSED_KEPT_A_DEVICE
    # One statement: two writers that delete in several could wait for each other.
    connection.execute(
        refused.delete().where(
            or_(
                _is_past(refused.c.device_id == device_id, of_device),
                _is_past(refused.c.school_id == school_id, REFUSED_KEPT_A_SCHOOL),
            )
        )
    )


def forget_refused(
    connection: Connection, school_id: str, device_ids: Collection[str], salts: Collection[bytes]
) -> None:
    """Empty what was refused and holds one of these salts, which stand next to their contents.

    Looked through, once for all salts, is what these devices sent and what came as another's: writers wait meanwhile.
    """
    query = (
        select(refused.c.refused_id, refused.c.bytes)
        .where(refused.c.school_id == school_id, func.length(refused.c.bytes) > 0)
        .where(or_(refused.c.device_id.in_(device_ids), refused.c.reason == "wrong_device"))
        .execution_options(yield_per=50)
    )
    wanted = frozenset(salts)
    found = [
        {"found": row.refused_id}
        for row in connection.execute(query)
        if not wanted.isdisjoint(_SALT.findall(row.bytes))
    ]
    if found:
        connection.execute(update(refused).where(refused.c.refused_id == bindparam("found")).values(bytes=b""), found)


def list_refused(engine: Engine, school_id: str) -> list[RefusedEvidence]:
    """Return all refused evidence, what came last first."""
    columns = refused.c
    query = (
        # Not the bytes: they are whatever a stranger chose to send.
        select(
            columns.device_id.label("device"),
            columns.reason,
            columns.detail,
            columns.count,
            columns.size,
            columns.received_at_ns.label("first_at_ns"),
            columns.last_received_at_ns.label("last_at_ns"),
            columns.sha256,
        )
        .where(columns.school_id == school_id)
        .order_by(columns.last_received_at_ns.desc(), columns.refused_id.desc())
    )
    with reading(engine) as connection:
        rows = connection.execute(query).mappings().all()
    return [RefusedEvidence(**{**row, "sha256": row["sha256"].hex()}) for row in rows]


def _is_past(is_of: ColumnElement[bool], limit: int) -> ColumnElement[bool]:
    """Whether refused evidence is older than the newest so many pieces of the same."""
    newest_past = select(refused.c.refused_id).where(is_of).order_by(refused.c.refused_id.desc()).offset(limit).limit(1)
    return and_(is_of, refused.c.refused_id <= newest_past.scalar_subquery())


def _to_event(row: Any, envelope: Any) -> StoredEvent:
    body, missing = None, ""
    if row.kind in SEALED_KINDS:
        missing = "what is in it is for its readers only"
    elif row.body is None:
        missing = "the content is not in the ledger"
    elif row.missing != Missing.NO:
        missing = _MISSING_IN_WORDS.get(row.missing, "the device sent no content")
    else:
        try:
            body = to_json(row.kind, row.body)
            if body is None:
                missing = "this version does not know this kind of event; its content is kept"
        except MalformedError:
            missing = "the content cannot be read; it is kept as it came"
    return StoredEvent(
        event_id=row.event_id,
        device_id=row.device_id,
        epoch=envelope.epoch,
        seq=row.seq,
        kind=row.kind,
        severity=row.severity,
        device_time_ns=row.device_time_ns,
        received_at_ns=envelope.received_at_ns,
        body=body,
        missing=missing,
    )
