# SPDX-License-Identifier: Apache-2.0
"""The queue between the machine and the collector: on the disk, encrypted, bounded, in order.

`append` MUST return only after the events are on the disk, so that a power cut never takes back a number that was sent
(`queue_file` sees to it); `acknowledge` MUST be called only with what the collector says is durable. Payloads are
AES-256-GCM under the identity's key. When the queue is full the oldest event of the lowest rank loses its payload and
keeps its header, so that the chain verifies and the gap shows. It neither numbers nor signs; what the collector cannot
take lies beside the queue, in quarantine.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import SpoolDamagedError, SpoolError, SpoolFullError
from agent.queue_file import open_queue_file
from proto.chain import GENESIS, SALT_BYTES
from proto.events import Missing, Payload
from proto.wire import decode_header

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
ROW_OVERHEAD_BYTES = 64
NONCE_BYTES = 12
RANK_SAFEGUARDING = 100
"""Above every severity: flags lose their payload last."""
QUARANTINED_AT_MOST = 20
"""Events that the collector could not take; with one more the oldest of them goes."""

_SIZE_UP_TO = "SELECT coalesce(sum(length(header) + coalesce(length(payload), 0) + ?), 0) FROM events WHERE seq <= ?"
_LARGEST_SEQ = 2**63 - 1
"""The largest number that sqlite holds. No chain gets there, but what a collector names may lie beyond."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event of the chain, sent or not."""

    epoch: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """An event as it waits to be sent."""

    seq: int
    kind: str
    rank: int
    """Severity, or RANK_SAFEGUARDING."""
    header: bytes
    hash: bytes
    payload: Payload


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An event that the collector could not take, with the reason that it gave."""

    kind: str
    header: bytes
    payload: Payload
    why: str


class Spool:
    """The queue. Safe to use from several threads."""

    def __init__(self, path: Path, key: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._cipher = AESGCM(key)
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        """Notified when something was appended."""
        self._db = open_queue_file(path)
        self._bytes = int(self._db.execute(_SIZE_UP_TO, (ROW_OVERHEAD_BYTES, _LARGEST_SEQ)).fetchone()[0])

    def head(self, epoch: int) -> Head:
        """Return the newest event of an epoch's chain; number 0 before its first.

        Raises:
            SpoolError: the queue cannot be read.
            SpoolDamagedError: it holds another epoch than the identity.
        """
        rows = self._read("SELECT epoch, seq, hash FROM head")
        if not rows:
            return Head(epoch, 0, GENESIS)
        if rows[0][0] != epoch:
            raise SpoolDamagedError(f"the queue is of epoch {rows[0][0]}, the identity of epoch {epoch}")
        return Head(*rows[0])

    def begin(self, epoch: int) -> Head:
        """Return the event before the oldest that waits: the newest that is known to be durable elsewhere.

        Raises:
            SpoolError: the queue cannot be read, or holds another epoch.
        """
        with self._lock:
            rows = self._read("SELECT seq, header FROM events ORDER BY seq LIMIT 1")
            return Head(epoch, rows[0][0] - 1, decode_header(rows[0][1]).previous_hash) if rows else self.head(epoch)

    def append(self, epoch: int, events: Sequence[SpooledEvent]) -> dict[str, int]:
        """Put events at the end, on the disk; return how many payloads had to go for them, by kind.

        Raises:
            SpoolFullError: there is no room, and nothing less important to let go.
            SpoolError: the disk does not take them; nothing was appended.
        """
        rows = [
            (
                event.seq,
                event.rank,
                event.kind,
                event.header,
                event.hash,
                self._seal(event.header, event.payload),
                int(event.payload.missing),
            )
            for event in events
        ]
        size = sum(len(row[3]) + len(row[5] or b"") + ROW_OVERHEAD_BYTES for row in rows)
        with self._lock:
            with self._writing():
                trimmed, freed = self._trim(self._bytes + size - self._max_bytes, max(row[1] for row in rows))
                if self._bytes + size - freed > self._max_bytes:
                    raise SpoolFullError("the queue is full")
                self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                last = rows[-1]
                self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", (epoch, last[0], last[4]))
            self._bytes += size - freed
            self.changed.notify_all()
        return trimmed

    def peek(self, after_seq: int, *, max_events: int, max_bytes: int) -> list[SpooledEvent]:
        """Return the oldest events after a number, at least one if there is any, without removing them.

        Raises:
            SpoolError: the queue cannot be read.
        """
        taken: list[SpooledEvent] = []
        size = 0
        query = "SELECT seq, kind, rank, header, hash, payload, missing FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
        rows = self._read(query, min(after_seq, _LARGEST_SEQ), max_events)
        for seq, kind, rank, header, digest, sealed, missing in rows:
            size += len(header) + len(sealed or b"")
            if taken and size > max_bytes:
                break
            taken.append(SpooledEvent(seq, kind, rank, header, digest, self._open(header, sealed, missing)))
        return taken

    def find_hash(self, seq: int) -> bytes | None:
        """Return the hash of an event that still waits, or None if it is not here any more.

        Raises:
            SpoolError: the queue cannot be read.
        """
        rows = self._read("SELECT hash FROM events WHERE seq = ?", min(seq, _LARGEST_SEQ))
        return rows[0][0] if rows else None

    def acknowledge(self, seq: int) -> None:
        """Forget everything up to a number: the collector holds it durably.

        Raises:
            SpoolError: there is no event of that number yet, or the disk does not take it; then it will be sent again
                and found to be known.
        """
        with self._lock:
            newest = self._read("SELECT coalesce(max(seq), 0) FROM head")[0][0]
            if seq > newest:
                raise SpoolError(f"the collector acknowledges event {seq}, and the newest is {newest}")
            with self._writing():
                (freed,) = self._db.execute(_SIZE_UP_TO, (ROW_OVERHEAD_BYTES, seq)).fetchone()
                self._db.execute("DELETE FROM events WHERE seq <= ?", (seq,))
            self._bytes -= freed

    def keep_quarantined(self, event: Quarantined) -> None:
        """Put an event aside for whoever wants to look, a few at the most.

        Raises:
            SpoolError: the disk does not take it.
        """
        sealed = self._seal(event.header, event.payload)
        with self._lock, self._writing():
            self._db.execute(
                "INSERT INTO quarantine (kind, header, payload, missing, why) VALUES (?, ?, ?, ?, ?)",
                (event.kind, event.header, sealed, int(event.payload.missing), event.why),
            )
            self._db.execute(
                "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?",
                (QUARANTINED_AT_MOST,),
            )

    def list_quarantined(self) -> list[Quarantined]:
        """Return what was put aside, oldest first.

        Raises:
            SpoolError: the queue cannot be read.
        """
        rows = self._read("SELECT kind, header, payload, missing, why FROM quarantine ORDER BY number")
        return [
            Quarantined(kind, header, self._open(header, sealed, missing), why)
            for kind, header, sealed, missing, why in rows
        ]

    def count_quarantined(self) -> int:
        """Return how many events lie in quarantine.

        Raises:
            SpoolError: the queue cannot be read.
        """
        return int(self._read("SELECT count(*) FROM quarantine")[0][0])

    def count(self) -> int:
        """Return how many events wait.

        Raises:
            SpoolError: the queue cannot be read.
        """
        return int(self._read("SELECT count(*) FROM events")[0][0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _read(self, query: str, *values: int) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise SpoolError(f"the queue cannot be read: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Make what is done inside durable as a whole; whatever is raised inside leaves the queue as it was."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise SpoolError(f"the queue cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _trim(self, excess: int, rank: int) -> tuple[dict[str, int], int]:
        """Let payloads go, lowest rank and then oldest first, none above `rank`; return how many, and the bytes."""
        trimmed: dict[str, int] = {}
        freed = 0
        while freed < excess:
            row = self._db.execute(
                "SELECT seq, kind, length(payload) FROM events WHERE payload IS NOT NULL AND rank <= ? "
                "ORDER BY rank, seq LIMIT 1",
                (rank,),
            ).fetchone()
            if row is None:
                break
            self._db.execute(
                "UPDATE events SET payload = NULL, missing = ? WHERE seq = ?", (int(Missing.QUEUE_FULL), row[0])
            )
            trimmed[row[1]] = trimmed.get(row[1], 0) + 1
            freed += row[2]
        return trimmed, freed

    def _seal(self, header: bytes, payload: Payload) -> bytes | None:
        if payload.missing is not Missing.NO:
            return None
        nonce = token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, payload.salt + payload.body, header)

    def _open(self, header: bytes, sealed: bytes | None, missing: int) -> Payload:
        if sealed is None:
            return Payload(b"", b"", Missing(missing))
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], header)
        except (InvalidTag, ValueError):
            # The header still stands, so the chain does; that the content is gone is said to the collector.
            return Payload(b"", b"", Missing.DAMAGED)
        return Payload(opened[:SALT_BYTES], opened[SALT_BYTES:])

    def _roll_back(self) -> None:
        # A disk that fails now may fail this too; the next attempt to write comes here again before anything else.
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
