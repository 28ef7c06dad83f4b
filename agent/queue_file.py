# SPDX-License-Identifier: Apache-2.0
"""The file that the queue lies in: how it is opened, taken for one agent alone, and checked before it is used.

The standard library's sqlite3 with a rollback journal. TRUNCATE and synchronous=FULL bring each commit to the disk
before it returns, without a sync of the folder. What the rows mean is the business of `spool`.
"""

import sqlite3
from pathlib import Path

from agent.errors import AgentError, AlreadyRunningError, SpoolDamagedError, SpoolError
from proto.chain import link
from proto.errors import MalformedError
from proto.files import make_private_folder, sync_folder
from proto.wire import decode_header

_SCHEMA = """
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, rank INTEGER NOT NULL, kind TEXT NOT NULL,
    header BLOB NOT NULL, hash BLOB NOT NULL, payload BLOB, missing INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS events_to_trim ON events (rank, seq) WHERE payload IS NOT NULL;
CREATE TABLE IF NOT EXISTS quarantine (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, header BLOB NOT NULL,
    payload BLOB, missing INTEGER NOT NULL, why TEXT NOT NULL);
"""


def open_queue_file(path: Path) -> sqlite3.Connection:
    """Open the file, or make it, and hold it until the connection is closed.

    Raises:
        AlreadyRunningError: another agent has it.
        SpoolDamagedError: it is not our queue any more.
        SpoolError: it cannot be opened.
    """
    make_private_folder(path.parent)
    is_new = not path.exists()
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    except sqlite3.Error as error:
        raise _to_opening_error(path, error) from error
    try:
        path.chmod(0o600)
        _prepare(db, is_new=is_new)
        if is_new:
            # SQLite brings the file's own name to the disk with its first commit, but not the folder's.
            sync_folder(path.parent.parent)
    except (sqlite3.Error, UnicodeError) as error:
        db.close()
        raise _to_opening_error(path, error) from error
    return db


def remove_queue_file(path: Path) -> None:
    """Remove a queue and its journal, if they are there. Nobody may have it open."""
    # The journal first: one that outlives its queue would be taken for that of the next.
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def replace_queue_file(path: Path, target: Path) -> None:
    """Put a queue that was closed in another's place, which is gone with that. A power cut leaves the one or the other.

    Raises:
        OSError: it cannot be moved; the other one may be without its journal by then.
    """
    for journal in (path, target):
        journal.with_name(journal.name + "-journal").unlink(missing_ok=True)
    sync_folder(path.parent)
    path.replace(target)
    sync_folder(path.parent)


def _prepare(db: sqlite3.Connection, *, is_new: bool) -> None:
    """Set the file up and take it for ourselves."""
    # Held until we end, however we end: two agents on one queue would write two chains.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN EXCLUSIVE")
    db.execute("COMMIT")
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("quick_check found damage")
    if not is_new and not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'head'").fetchone():
        # To begin again at number 1 would look like a second machine with our identity.
        raise sqlite3.DatabaseError("it was emptied")
    db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
    _verify_chain(db)


def _verify_chain(db: sqlite3.Connection) -> None:
    """Check that the events follow one another up to the head; of a chain that does not, no collector takes any."""
    last = None
    for seq, header, digest in db.execute("SELECT seq, header, hash FROM events ORDER BY seq"):
        try:
            before = decode_header(header).previous_hash
        except MalformedError as error:
            raise sqlite3.DatabaseError(str(error)) from error
        if (last and last != (seq - 1, before)) or link(header, before) != digest:
            raise sqlite3.DatabaseError(f"event {seq} does not follow the event before it")
        last = seq, digest
    if last and last != db.execute("SELECT seq, hash FROM head").fetchone():
        raise sqlite3.DatabaseError("its newest event is not where the chain ends")


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
