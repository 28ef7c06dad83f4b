# SPDX-License-Identifier: Apache-2.0
"""The hot path into the database: many rows in one statement, on the driver itself, inside an open transaction.

Everything else goes through SQLAlchemy Core; this does not, because a row built there costs more than verifying
the event behind it. One implementation for each engine, held to the same contract by `tests/collector/store`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection


class EnvelopeRow(NamedTuple):
    """A row of `envelopes`, in the table's order."""

    first_event_id: int
    school_id: str
    device_id: str
    epoch: int
    first_seq: int
    last_seq: int
    version: int
    algorithm: str
    header_block: bytes
    signature: bytes
    received_at_ns: int


class EventRow(NamedTuple):
    """A row of `events`, in the table's order."""

    event_id: int
    school_id: str
    device_id: str
    seq: int
    kind: str
    severity: int
    device_time_ns: int


class PayloadRow(NamedTuple):
    """A row of `payloads`, in the table's order."""

    event_id: int
    school_id: str
    salt: bytes
    body: bytes
    missing: int


class HeadRow(NamedTuple):
    """Where a device's chain ends from now on, and where it ended before; the sequence -1 means nowhere."""

    school_id: str
    device_id: str
    epoch: int
    seq: int
    hash: bytes
    seq_before: int


_COLUMNS: dict[str, tuple[str, ...]] = {
    "envelopes": EnvelopeRow._fields,
    "events": EventRow._fields,
    "payloads": PayloadRow._fields,
}


def append_rows(
    connection: Connection,
    envelopes: Sequence[EnvelopeRow],
    events: Sequence[EventRow],
    payloads: Sequence[PayloadRow],
) -> None:
    """Insert evidence. The caller commits."""
    cursor = connection.connection.cursor()
    insert = _insert_sqlite if connection.dialect.name == "sqlite" else _insert_postgresql
    try:
        for table, rows in (("envelopes", envelopes), ("events", events), ("payloads", payloads)):
            if rows:
                insert(cursor, table, rows)
    finally:
        cursor.close()


def move_heads(connection: Connection, heads: Sequence[HeadRow]) -> bool:
    """Move the ends of chains; return False if one of them was not where we thought.

    False means that somebody else appended for the same device: the caller rolls back and looks again.
    """
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    new = [head[:5] for head in heads if head.seq_before < 0]
    moved = [
        (head.epoch, head.seq, head.hash, head.device_id, head.seq_before) for head in heads if head.seq_before >= 0
    ]
    cursor = connection.connection.cursor()
    try:
        if new:
            cursor.executemany(
                "INSERT INTO heads (school_id, device_id, epoch, seq, hash) "
                f"VALUES ({mark}, {mark}, {mark}, {mark}, {mark}) ON CONFLICT DO NOTHING",
                new,
            )
            if cursor.rowcount != len(new):
                return False
        if moved:
            cursor.executemany(
                f"UPDATE heads SET epoch = {mark}, seq = {mark}, hash = {mark} WHERE device_id = {mark} AND seq = {mark}",
                moved,
            )
            return bool(cursor.rowcount == len(moved))
        return True
    finally:
        cursor.close()


def _insert_sqlite(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = _COLUMNS[table]
    marks = ", ".join("?" * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _insert_postgresql(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(_COLUMNS[table])}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
