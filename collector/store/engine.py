# SPDX-License-Identifier: Apache-2.0
"""Opens the database: SQLCipher in the collector's folder, or PostgreSQL at a URL; and brings its schema up to date.

The embedded engine is `sqlcipher3` and not the standard library's sqlite3, whose version has the WAL-reset
corruption bug (https://sqlite.org/wal.html#walresetbug, fixed in 3.51.3), and because a stolen disk or backup
should not hold readable evidence. Its key is a raw 256-bit key: a passphrase would cost 0.1 s a connection.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from collector.config import Config
from collector.errors import StoreError
from proto.files import write_private

FIRST_SOUND_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_MS = 10_000


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads: it waits for no writer and holds none up. `engine.begin()` is for writing.

    Raises:
        StoreError: the database does not answer.
    """
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            yield connection
    except DBAPIError as error:
        raise to_store_error(error) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction of its own, committed at the end and rolled back by any error.

    Raises:
        StoreError: the database does not answer or refuses; nothing was written.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise to_store_error(error) from error


def make_ledger_key(path: Path) -> None:
    """Make the key of an embedded database."""
    write_private(path, secrets.token_hex(32).encode())


def open_engine(config: Config) -> Engine:
    """Return an engine on the collector's database; no connection is made yet.

    Raises:
        StoreError: the database's driver is missing, or the embedded engine is too old to be trusted.
    """
    if config.database:
        return _open_postgresql(config.database)
    return _open_sqlite(config.ledger_file, config.ledger_key)


def open_checked_engine(config: Config) -> Engine:
    """Return an engine whose database answers and has the schema of this version.

    Raises:
        StoreError: it does not answer, or its schema is older or newer than this version's.
    """
    engine = open_engine(config)
    found, wanted = find_schema_version(engine), _scripts().get_current_head()
    if found == wanted:
        return engine
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"the database has schema {found}, which is newer than this collector",
            hint="install the collector that last served it, or a newer one; nothing was changed",
        )
    raise StoreError(
        f"the database has schema {found or 'none'}, this collector needs {wanted}",
        hint=f"back it up, then: schoolwarden-collector migrate --dir {config.folder}",
    )


def find_schema_version(engine: Engine) -> str | None:
    """Return the revision that a database is at, or None when it is empty.

    Raises:
        StoreError: the database does not answer.
    """
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> None:
    """Bring the schema of a database to this version's, in one transaction.

    Raises:
        StoreError: the database does not answer or refuses.
    """
    with writing(engine) as connection:
        settings = _alembic_config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def to_store_error(error: DBAPIError) -> StoreError:
    """Say in an operator's words what a driver's error means."""
    text = str(error.orig)
    if "full" in text or "No space" in text:
        return StoreError(
            "the disk of the database is full", hint="free some space; devices keep what they could not send"
        )
    if "file is not a database" in text:
        return StoreError(
            "the database does not open with its key", hint="restore store/ledger.key and ledger.db together"
        )
    if "unable to open" in text or "readonly" in text:
        return StoreError(f"the database cannot be opened: {text}", hint="check the folder's owner and permissions")
    if "malformed" in text:
        return StoreError("the database is damaged", hint="stop the collector and restore the newest backup")
    return StoreError(f"the database does not answer: {text.strip().splitlines()[0] if text.strip() else error}")


def _open_sqlite(path: Path, key_path: Path) -> Engine:
    import sqlcipher3.dbapi2

    if sqlcipher3.dbapi2.sqlite_version_info < FIRST_SOUND_SQLITE:
        raise StoreError(
            f"SQLite {sqlcipher3.dbapi2.sqlite_version} can corrupt a database in WAL mode",
            hint="install sqlcipher3 with SQLite 3.51.3 or newer",
        )
    try:
        key = key_path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StoreError(f"the key of the database cannot be read: {error.strerror}", hint=str(key_path)) from error

    def connect() -> Any:
        connection = sqlcipher3.dbapi2.connect(
            str(path), timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None
        )
        connection.execute(f"PRAGMA key = \"x'{key}'\"")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    # QueuePool by name: the dialect's own choice for sqlcipher crashes with several threads.
    engine = sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=8)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Taking the write lock at once avoids the upgrade that SQLite refuses with "database is locked".
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if not connection.get_execution_options().get("read_only") else "BEGIN"
        )

    return engine


def _open_postgresql(url: str) -> Engine:
    try:
        return sqlalchemy.create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=8)
    except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise StoreError(
            f"not a database this collector knows: {error}", hint="for example postgresql+psycopg://user@host/name"
        ) from error
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the driver for this database is not installed: {error.name}", hint="install schoolwarden[postgres]"
        ) from error


def _alembic_config() -> AlembicConfig:
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic_config())
