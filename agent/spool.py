# SPDX-License-Identifier: Apache-2.0
"""The queue between the machine and the collector: on the disk, encrypted, bounded, in order.

`append` MUST return only after the events are on the disk; `acknowledge` MUST be called only with what the collector
says is durable. The standard library's sqlite3 with a rollback journal: TRUNCATE and synchronous=FULL bring each
commit to the disk without a sync of the folder, so that a power cut never takes back a number that was sent.
Payloads are AES-256-GCM under the identity's key. When the queue is full the oldest event of the lowest rank loses
its payload and keeps its header, so that the chain verifies and the gap shows. It neither numbers nor signs.
"""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import AlreadyRunningError, SpoolDamagedError, SpoolError, SpoolFullError
from proto.chain import GENESIS, SALT_BYTES
from proto.events import Missing, Payload
from proto.files import make_private_folder

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
ROW_OVERHEAD_BYTES = 64
NONCE_BYTES = 12
RANK_SAFEGUARDING = 100
"""Above every severity: flags lose their payload last."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, rank INTEGER NOT NULL, kind TEXT NOT NULL,
    header BLOB NOT NULL, hash BLOB NOT NULL, payload BLOB, missing INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS events_to_trim ON events (rank, seq) WHERE payload IS NOT NULL;
"""


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


class Spool:
    """The queue. Safe to use from several threads."""

    def __init__(self, path: Path, key: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._cipher = AESGCM(key)
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        """Notified when something was appended."""
        make_private_folder(path.parent)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
            path.chmod(0o600)
            self._bytes = self._prepare()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise AlreadyRunningError(
                    "another agent runs with this state folder", hint="stop it first, or use another --state"
                ) from error
            raise SpoolError(
                f"the queue {path} cannot be opened: {error}", hint="is the disk full or read-only?"
            ) from error
        except sqlite3.DatabaseError as error:
            raise SpoolDamagedError(f"the queue {path} is damaged: {error}") from error

    def _prepare(self) -> int:
        """Set the file up, take it for ourselves, and return the size of what it holds."""
        # Held until we end, however we end: two agents on one queue would write two chains.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = TRUNCATE")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("BEGIN EXCLUSIVE")
        self._db.execute("COMMIT")
        if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check found damage")
        self._db.executescript(_SCHEMA)
        query = "SELECT coalesce(sum(length(header) + coalesce(length(payload), 0) + ?), 0) FROM events"
        return int(self._db.execute(query, (ROW_OVERHEAD_BYTES,)).fetchone()[0])

    def head(self, epoch: int) -> Head:
        """Return the newest event of an epoch's chain; number 0 before its first.

        Raises:
            SpoolError: the queue cannot be read.
            SpoolDamagedError: it holds another epoch than the identity.
        """
        with self._lock:
            try:
                row = self._db.execute("SELECT epoch, seq, hash FROM head").fetchone()
            except sqlite3.Error as error:
                raise SpoolError(f"the queue cannot be read: {error}") from error
        if row is None:
            return Head(epoch, 0, GENESIS)
        if row[0] != epoch:
            raise SpoolDamagedError(f"the queue is of epoch {row[0]}, the identity of epoch {epoch}")
        return Head(*row)

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
                self._seal(epoch, event),
                int(event.payload.missing),
            )
            for event in events
        ]
        size = sum(len(row[3]) + len(row[5] or b"") + ROW_OVERHEAD_BYTES for row in rows)
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                trimmed, freed = self._trim(self._bytes + size - self._max_bytes, max(row[1] for row in rows))
                if self._bytes + size - freed > self._max_bytes:
                    raise SpoolFullError("the queue is full")
                self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                last = rows[-1]
                self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", (epoch, last[0], last[4]))
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise SpoolError(f"the queue cannot be written: {error}") from error
            except SpoolFullError:
                self._roll_back()
                raise
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
        with self._lock:
            try:
                rows = self._db.execute(
                    "SELECT seq, kind, rank, header, hash, payload, missing FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after_seq, max_events),
                ).fetchall()
            except sqlite3.Error as error:
                raise SpoolError(f"the queue cannot be read: {error}") from error
        for seq, kind, rank, header, digest, sealed, missing in rows:
            size += len(header) + len(sealed or b"")
            if taken and size > max_bytes:
                break
            taken.append(SpooledEvent(seq, kind, rank, header, digest, self._open(seq, header, sealed, missing)))
        return taken

    def find_hash(self, seq: int) -> bytes | None:
        """Return the hash of an event that still waits, or None if it is not here any more."""
        with self._lock:
            row = self._db.execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else None

    def acknowledge(self, seq: int) -> None:
        """Forget everything up to a number: the collector holds it durably.

        Raises:
            SpoolError: the disk does not take it; it will be sent again and found to be known.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                (freed,) = self._db.execute(
                    "SELECT coalesce(sum(length(header) + coalesce(length(payload), 0) + ?), 0) FROM events WHERE seq <= ?",
                    (ROW_OVERHEAD_BYTES, seq),
                ).fetchone()
                self._db.execute("DELETE FROM events WHERE seq <= ?", (seq,))
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise SpoolError(f"the queue cannot be written: {error}") from error
            self._bytes -= freed

    def count(self) -> int:
        """Return how many events wait."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM events").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _trim(self, excess: int, rank: int) -> tuple[dict[str, int], int]:
        """Let payloads go, lowest rank first and oldest first, none above `rank`; return them by kind, and the bytes."""
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

    def _seal(self, epoch: int, event: SpooledEvent) -> bytes | None:
        if event.payload.missing is not Missing.NO:
            return None
        nonce = token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, event.payload.salt + event.payload.body, event.header)

    def _open(self, seq: int, header: bytes, sealed: bytes | None, missing: int) -> Payload:
        if sealed is None:
            return Payload(b"", b"", Missing(missing))
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], header)
        except (InvalidTag, ValueError):
            # The header still stands, so the chain does; that the content is gone is said to the collector.
            return Payload(b"", b"", Missing.DAMAGED)
        return Payload(opened[:SALT_BYTES], opened[SALT_BYTES:])

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
