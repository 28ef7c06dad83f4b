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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import AgentError, AlreadyRunningError, SpoolDamagedError, SpoolError, SpoolFullError
from proto.chain import GENESIS, SALT_BYTES, link
from proto.errors import MalformedError
from proto.events import Missing, Payload
from proto.files import make_private_folder
from proto.wire import decode_header

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


class Spool:
    """The queue. Safe to use from several threads."""

    def __init__(self, path: Path, key: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._cipher = AESGCM(key)
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        """Notified when something was appended."""
        make_private_folder(path.parent)
        is_new = not path.exists()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        except sqlite3.Error as error:
            raise _to_opening_error(path, error) from error
        try:
            path.chmod(0o600)
            self._bytes = self._prepare(is_new=is_new)
        except (sqlite3.Error, UnicodeError) as error:
            self._db.close()
            raise _to_opening_error(path, error) from error

    def _prepare(self, *, is_new: bool) -> int:
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
        if not is_new and not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'head'").fetchone():
            # To begin again at number 1 would look like a second machine with our identity.
            raise sqlite3.DatabaseError("it was emptied")
        self._db.executescript(_SCHEMA)
        self._verify_chain()
        return int(self._db.execute(_SIZE_UP_TO, (ROW_OVERHEAD_BYTES, _LARGEST_SEQ)).fetchone()[0])

    def _verify_chain(self) -> None:
        """Check that the events follow one another up to the head; of a chain that does not, no collector takes any."""
        last = None
        for seq, header, digest in self._db.execute("SELECT seq, header, hash FROM events ORDER BY seq"):
            try:
                before = decode_header(header).previous_hash
            except MalformedError as error:
                raise sqlite3.DatabaseError(str(error)) from error
            if (last and last != (seq - 1, before)) or link(header, before) != digest:
                raise sqlite3.DatabaseError(f"event {seq} does not follow the event before it")
            last = seq, digest
        if last and last != self._db.execute("SELECT seq, hash FROM head").fetchone():
            raise sqlite3.DatabaseError("its newest event is not where the chain ends")

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
                self._seal(event),
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

    def _seal(self, event: SpooledEvent) -> bytes | None:
        if event.payload.missing is not Missing.NO:
            return None
        nonce = token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, event.payload.salt + event.payload.body, event.header)

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


def _to_opening_error(path: Path, error: Exception) -> AgentError:
    # What is no error of sqlite's is one of what it read: text that is none, or what we found ourselves.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AlreadyRunningError(
            "another agent runs with this state folder", hint="stop it first, or use another --state"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return SpoolDamagedError(f"the queue {path} is damaged: {error}")
    return SpoolError(f"the queue {path} cannot be opened: {error}", hint="is the disk full or read-only?")
