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
    missing: bytes
    received_at_ns: int


EventTuple = tuple[int, str, str, int, str, int, int]
"""A row of `events`: event_id, school_id, device_id, seq, kind, severity, device_time_ns."""

PayloadTuple = tuple[int, str, bytes, bytes, int]
"""A row of `payloads`: event_id, school_id, salt, body, missing."""


class HeadRow(NamedTuple):
    """Where a device's chain ends from now on, and with which hash it ended before; none means that it is new."""

    school_id: str
    device_id: str
    epoch: int
    seq: int
    hash: bytes
    hash_before: bytes


_COLUMNS = {
    "envelopes": EnvelopeRow._fields,
    "events": ("event_id", "school_id", "device_id", "seq", "kind", "severity", "device_time_ns"),
    "payloads": ("event_id", "school_id", "salt", "body", "missing"),
}
# Composed of the names above only, once.
_INSERT = {
    table: f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for table, columns in _COLUMNS.items()
}
_COPY = {table: f"COPY {table} ({', '.join(columns)}) FROM STDIN" for table, columns in _COLUMNS.items()}
_MOVE_SQLITE = (
    "INSERT INTO heads (school_id, device_id, epoch, seq, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "UPDATE heads SET epoch = ?, seq = ?, hash = ? WHERE device_id = ? AND hash = ?",
)
_MOVE = {"sqlite": _MOVE_SQLITE, "postgresql": tuple(each.replace("?", "%s") for each in _MOVE_SQLITE)}
"""For each engine: make a head, move one if it is where we think."""


def append_rows(
    connection: Connection,
    envelopes: Sequence[EnvelopeRow],
    events: Sequence[EventTuple],
    payloads: Sequence[PayloadTuple],
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
    new = [head[:5] for head in heads if not head.hash_before]
    moved = [(head.epoch, head.seq, head.hash, head.device_id, head.hash_before) for head in heads if head.hash_before]
    insert, update = _MOVE[connection.dialect.name]
    cursor = connection.connection.cursor()
    try:
        for statement, rows in ((insert, new), (update, moved)):
            if rows:
                cursor.executemany(statement, rows)
                if cursor.rowcount != len(rows):
                    return False
        return True
    finally:
        cursor.close()


def _insert_sqlite(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    cursor.executemany(_INSERT[table], rows)


def _insert_postgresql(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(_COPY[table]) as copy:
        for row in rows:
            copy.write_row(row)
