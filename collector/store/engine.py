# SPDX-License-Identifier: Apache-2.0
"""Opens the database: SQLCipher in the collector's folder, or PostgreSQL at a URL; and brings its schema up to date.

The embedded engine is `sqlcipher3` and not the standard library's sqlite3, whose version has the WAL-reset
corruption bug (https://sqlite.org/wal.html#walresetbug, fixed in 3.51.3), and because a stolen disk or backup
should not hold readable evidence. Its key is a raw 256-bit key: a passphrase would cost 0.1 s a connection.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from collector.config import Config
from collector.errors import StoreError, UsageError
from proto.files import write_private

FIRST_SOUND_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_MS = 10_000
LEDGER_KEY_BYTES = 32

UNRELEASED_SCHEMAS = frozenset({"0001", "0002", "0003", "0004"})
"""What databases of versions before the first release are stamped with. Nothing leads from there to here."""

# A PostgreSQL that hangs must become an error that devices and people are told, not a wait without end. An address
# can set others: postgresql+psycopg://.../name?connect_timeout=20
STATEMENT_TIMEOUT_MS = 30_000
_POSTGRESQL_LIMITS = {"connect_timeout": "5", "tcp_user_timeout": "15000"}


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads: it waits for no writer and holds none up. `engine.begin()` is for writing.

    Raises:
        StoreError: the database does not answer.
    """
    options: dict[str, Any] = {"read_only": True}
    if engine.dialect.name == "postgresql":
        # One view of everything, however many statements: SQLite gives that anyway.
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _store_errors(engine), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction of its own, committed at the end and rolled back by any error.

    Raises:
        StoreError: the database does not answer or refuses; nothing was written.
    """
    with _store_errors(engine), engine.begin() as connection:
        yield connection


def take_turns(connection: Connection, what: str) -> None:
    """Let this transaction wait for others that do the same; SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})


def make_ledger_key(path: Path) -> None:
    """Make the key of an embedded database."""
    write_private(path, secrets.token_hex(LEDGER_KEY_BYTES).encode())


def open_engine(config: Config) -> Engine:
    """Return an engine on the collector's database; no connection is made yet.

    Raises:
        UsageError: the settings name a database that is none of ours.
        StoreError: the database's driver or key is missing, or the embedded engine is too old to be trusted.
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
    if found is None:
        # `init` makes the schema, so this is no new collector but one that lost its evidence.
        raise StoreError("the database is empty", hint="restore the newest backup of it")
    _verify_known(found)
    raise StoreError(
        f"the database has schema {found}, this collector needs {wanted}",
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
        StoreError: the database does not answer or refuses, or its schema is newer than this version's
            or older than the first that can be brought up.
    """
    _verify_known(find_schema_version(engine))
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            # A large table may take longer than any statement of the day.
            connection.execute(text("set local statement_timeout = 0"))
        settings = _alembic_config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def _verify_known(found: str | None) -> None:
    if found in UNRELEASED_SCHEMAS:
        raise StoreError(
            "this database was made by a version before this one, which cannot be brought up",
            hint="make a new collector: schoolwarden-collector init; or, if make run made it: make reset",
        )
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"the database has schema {found}, which is newer than this collector",
            hint="install the collector that last served it, or a newer one; nothing was changed",
        )


@contextmanager
def _store_errors(engine: Engine) -> Iterator[None]:
    """Turn what a database raises into StoreErrors; the driver's own too, since `append` works on the driver."""
    driver = engine.dialect.loaded_dbapi
    try:
        yield
    except (DBAPIError, PoolTimeoutError, driver.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, driver.DataError):
            raise  # A value that no column takes: our mistake, not the database's.
        if isinstance(cause, driver.IntegrityError):
            hint = "run one collector on it"
            raise StoreError("somebody else wrote into the database at the same moment", hint=hint) from error
        raise _to_store_error(str(cause)) from error


def _to_store_error(said: str) -> StoreError:
    """Say in an operator's words what a driver's error means."""
    if "full" in said or "No space" in said:
        return StoreError(
            "the disk of the database is full", hint="free some space; devices keep what they could not send"
        )
    if "file is not a database" in said:
        return StoreError(
            "the database does not open with its key", hint="restore store/ledger.key and ledger.db together"
        )
    if "unable to open" in said or "readonly" in said:
        return StoreError(f"the database cannot be opened: {said}", hint="check the folder's owner and permissions")
    if "malformed" in said:
        return StoreError("the database is damaged", hint="stop the collector and restore the newest backup")
    return StoreError(f"the database does not answer: {(said.strip() or 'no reason given').splitlines()[0]}")


def _open_sqlite(path: Path, key_path: Path) -> Engine:
    import sqlcipher3.dbapi2

    if sqlcipher3.dbapi2.sqlite_version_info < FIRST_SOUND_SQLITE:
        raise StoreError(
            f"SQLite {sqlcipher3.dbapi2.sqlite_version} can corrupt a database in WAL mode",
            hint="install sqlcipher3 with SQLite 3.51.3 or newer",
        )
    key = _load_ledger_key(key_path)

    def connect() -> Any:
        connection = sqlcipher3.dbapi2.connect(
            str(path), timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None
        )
        connection.execute("PRAGMA cipher_log_level = NONE")  # What it has to say comes as an error, too.
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    # Without parameters in errors: what is written in a table must not go into a log by way of a mistake.
    # The module by name, or SQLAlchemy looks for errors of the standard library's and knows none of these; QueuePool
    # by name, because the dialect's own choice for sqlcipher crashes with several threads.
    engine = sqlalchemy.create_engine(
        "sqlite://",
        module=sqlcipher3.dbapi2,
        creator=connect,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=8,
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Taking the write lock at once avoids the upgrade that SQLite refuses with "database is locked".
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if not connection.get_execution_options().get("read_only") else "BEGIN"
        )

    return engine


def _load_ledger_key(path: Path) -> bytes:
    hint = f"restore {path} from a backup: without it nobody can read the database"
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise StoreError(f"the key of the database cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise StoreError("the key of the database is damaged", hint=hint) from error
    if len(key) != LEDGER_KEY_BYTES:
        raise StoreError("the key of the database is damaged", hint=hint)
    return key


def _open_postgresql(url: str) -> Engine:
    hint = "for example postgresql+psycopg://user@host/name; without --database an encrypted file is used"
    try:
        address = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise UsageError("this is not the address of a database", hint=hint) from error
    if address.drivername not in ("postgresql", "postgresql+psycopg"):
        raise UsageError(f"a collector cannot use {address.drivername}, only PostgreSQL", hint=hint)
    try:
        return sqlalchemy.create_engine(
            address.set(drivername="postgresql+psycopg", query=_POSTGRESQL_LIMITS | _join_options(address.query)),
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=8,
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError("the driver for PostgreSQL is not installed", hint="install schoolwarden[postgres]") from error


def _join_options(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return an address's own settings with our limit of statements before them: the last word is the operator's."""
    theirs = query.get("options", "")
    ours = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
    return dict(query) | {"options": f"{ours} {theirs if isinstance(theirs, str) else ' '.join(theirs)}".strip()}


def _alembic_config() -> AlembicConfig:
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic_config())
