# SPDX-License-Identifier: Apache-2.0
"""Tests of how a database is opened and brought up to date, and of what an operator reads when that does not work."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from collector import setup
from collector.config import Config, load_config
from collector.errors import StoreError, UsageError
from collector.setup import initialise
from collector.store.engine import (
    find_schema_version,
    migrate,
    open_checked_engine,
    open_engine,
    reading,
    writing,
)
from collector.store.schema import metadata
from collector.verify import verify
from tests.collector.school import School
from tests.postgres import Cluster


def set_schema_version(config: Config, version: str) -> None:
    """Let a database say that it has another schema."""
    engine = open_engine(config)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()


# The schema


def test_migration_makes_every_table(empty_config: Config) -> None:
    """An empty database becomes one of this version, with the tables that the code knows and no others."""
    engine = open_engine(empty_config)
    assert find_schema_version(engine) is None
    migrate(engine)
    assert find_schema_version(engine) is not None
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_migration_can_be_repeated(empty_config: Config) -> None:
    """A database that is up to date stays as it is."""
    engine = open_engine(empty_config)
    migrate(engine)
    migrate(engine)
    open_checked_engine(empty_config).dispose()
    engine.dispose()


def test_migrated_tables_are_those_of_the_code(empty_config: Config) -> None:
    """Columns, and what may be empty, are the same in the database and in the code."""
    engine = open_engine(empty_config)
    migrate(engine)
    for name, table in metadata.tables.items():
        found = {column["name"]: column["nullable"] for column in inspect(engine).get_columns(name)}
        assert found == {column.name: bool(column.nullable) for column in table.columns}, name
    engine.dispose()


def test_migration_that_fails_leaves_nothing(empty_config: Config) -> None:
    """A database that holds a table in our way is refused, and none of ours is made."""
    engine = open_engine(empty_config)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE incidents (something_else integer)"))
    with pytest.raises(StoreError):
        migrate(engine)
    assert set(inspect(engine).get_table_names()) == {"incidents"}
    engine.dispose()


def test_newer_schema_is_refused_and_left_alone(config: Config) -> None:
    """An old collector does not touch the database of a newer one, not even when told to migrate."""
    set_schema_version(config, "9999")
    with pytest.raises(StoreError, match="schema 9999, which is newer") as caught:
        open_checked_engine(config)
    assert "nothing was changed" in caught.value.hint
    engine = open_engine(config)
    with pytest.raises(StoreError, match="schema 9999, which is newer"):
        migrate(engine)
    assert find_schema_version(engine) == "9999"
    engine.dispose()


def test_empty_database_is_a_loss_and_no_new_start(empty_config: Config) -> None:
    """A collector whose database is empty has lost its evidence: it says so instead of beginning anew."""
    with pytest.raises(StoreError, match="the database is empty") as caught:
        open_checked_engine(empty_config)
    assert "restore" in caught.value.hint


def test_database_of_another_collector_is_refused(config: Config, tmp_path: Path) -> None:
    """`init` does not move in where somebody lives already, and leaves both as they were."""
    if not config.database:
        with pytest.raises(UsageError, match="not empty"):
            initialise(config.folder, database="", school_name="Another")
        return
    with pytest.raises(UsageError, match="holds a collector already"):
        initialise(tmp_path / "another", database=config.database, school_name="Another")
    open_checked_engine(config).dispose()


def test_new_collector_verifies_from_the_first_minute(empty_config: Config, tmp_path: Path) -> None:
    """A collector made by `init`, on any engine, has evidence without a fault."""
    folder = tmp_path / "made"
    initialise(folder, database=empty_config.database, school_name="A school")
    made = load_config(folder)
    engine = open_checked_engine(made)
    report = verify(engine, made)
    assert (report.problems, report.bundles) == ([], 1)
    engine.dispose()


# Transactions


def test_reading_cannot_write(school: School) -> None:
    """What is opened for reading leaves no trace, whatever is tried."""
    version = find_schema_version(school.engine)
    try:
        with reading(school.engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'x'"))
    except StoreError:
        pass  # PostgreSQL refuses at once; SQLite rolls back at the end.
    assert find_schema_version(school.engine) == version


def test_reader_sees_one_moment(school: School) -> None:
    """Two statements of one reader see the same, though somebody writes in between."""
    school.add_device("library-01")
    with reading(school.engine) as connection:
        count = text("SELECT count(*) FROM devices")
        before = connection.execute(count).scalar_one()
        school.add_device("library-02")
        assert connection.execute(count).scalar_one() == before


# What can be wrong with it


def test_stolen_database_holds_nothing_readable(embedded: Config) -> None:
    """What lies on the disk of an embedded database is not readable without its key."""
    school = School(embedded, open_engine(embedded))
    school.add_device("a-telling-hostname")
    school.engine.dispose()
    raw = b"".join(path.read_bytes() for path in embedded.ledger_file.parent.glob("ledger.db*"))
    assert b"a-telling-hostname" not in raw
    assert not raw.startswith(b"SQLite format 3")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("00" * 32, "does not open with its key"),
        ("00" * 31, "key of the database is damaged"),
        ("", "key of the database is damaged"),
        ("x'; DROP TABLE devices", "key of the database is damaged"),
        ("\u00e4" * 64, "key of the database is damaged"),
        (None, "key of the database cannot be read"),
    ],
)
def test_key_that_does_not_fit_is_told(embedded: Config, key: str | None, message: str) -> None:
    """A wrong, damaged or missing key is named as such, with what to do, and changes nothing."""
    before = embedded.ledger_file.read_bytes()
    if key is None:
        embedded.ledger_key.unlink()
    else:
        embedded.ledger_key.write_text(key, encoding="utf-8")
    with pytest.raises(StoreError, match=message) as caught:
        open_checked_engine(embedded)
    assert "restore" in caught.value.hint
    assert embedded.ledger_file.read_bytes() == before


@pytest.mark.parametrize("content", [b"\x00" * 40_960, b"not a database", b"SQLite format 3\x00" + bytes(8192)])
def test_file_that_is_no_database_is_told(embedded: Config, content: bytes) -> None:
    """Whatever else lies in its place is not opened and not overwritten."""
    embedded.ledger_file.write_bytes(content)
    with pytest.raises(StoreError, match="does not open with its key"):
        open_checked_engine(embedded)
    assert embedded.ledger_file.read_bytes() == content


def test_damaged_page_is_told(embedded: Config) -> None:
    """A database with a page that was overwritten is said to be damaged, at the latest when the page is read."""
    raw = bytearray(embedded.ledger_file.read_bytes())
    for start in range(4096, len(raw), 4096):
        raw[start : start + 64] = bytes(64)
    embedded.ledger_file.write_bytes(raw)
    with pytest.raises(StoreError):
        open_checked_engine(embedded)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "not the address of a database"),
        ("sqlite:////var/lib/x.db", "cannot use sqlite"),
        ("mysql://user@host/name", "cannot use mysql"),
        ("postgresql+asyncpg://user@host/name", r"cannot use postgresql\+asyncpg"),
    ],
)
def test_address_of_no_database_of_ours_is_refused(tmp_path: Path, address: str, message: str) -> None:
    """Only PostgreSQL can stand behind an address; nothing else is tried, and a password in it is not repeated."""
    config = replace(Config(tmp_path, "a" * 16, "A school", ""), database=address)
    with pytest.raises(UsageError, match=message) as caught:
        open_engine(config)
    assert caught.value.exit_code == 2


def test_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A database server that does not answer is an error of the environment, without its password."""
    address = f"postgresql+psycopg://user:secret-word@/name?host={tmp_path}"
    config = replace(Config(tmp_path, "a" * 16, "A school", ""), database=address)
    with pytest.raises(StoreError, match="the database does not answer") as caught:
        open_checked_engine(config)
    assert caught.value.exit_code == 3
    assert "secret-word" not in str(caught.value) + caught.value.hint


@pytest.mark.postgres
def test_postgresql_does_not_wait_for_ever(cluster: Cluster, empty_collector: Path) -> None:
    """A statement has a limit of ours, unless the address names another one."""
    address = cluster.create_database("limits")
    for added, limit in (("", "30s"), ("&options=-c%20statement_timeout%3D5000", "5s")):
        config = Config(empty_collector, "a" * 16, "A school", address + added)
        engine = open_engine(config)
        with reading(engine) as connection:
            assert connection.execute(text("show statement_timeout")).scalar_one() == limit
            driver = connection.connection.driver_connection
            assert driver is not None
            said = driver.info.get_parameters()
            assert (said["connect_timeout"], said["tcp_user_timeout"]) == ("5", "15000")
        engine.dispose()
    cluster.drop_database("limits")


@pytest.mark.postgres
@pytest.mark.parametrize("step", ["migrated", "choose_pack", "add_user"])
def test_interrupted_start_on_postgresql_can_be_repeated(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever of a school `init` had already put into the database, it begins anew there."""
    address = cluster.create_database("unfinished")

    def fail(*_: object, **__: object) -> None:
        raise StoreError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(setup, "writing" if step == "migrated" else step, fail)
        with pytest.raises(StoreError, match="the power went"):
            initialise(tmp_path / "c", database=address, school_name="A school")
    initialise(tmp_path / "c", database=address, school_name="A school")
    config = load_config(tmp_path / "c")
    engine = open_checked_engine(config)
    assert verify(engine, config).problems == []
    engine.dispose()
    cluster.drop_database("unfinished")


@pytest.mark.postgres
def test_interrupted_start_never_drops_another_school(cluster: Cluster, tmp_path: Path) -> None:
    """A folder that was refused a database is refused it again, and what the database holds stays."""
    address = cluster.create_database("taken")
    initialise(tmp_path / "first", database=address, school_name="A school")
    for _ in range(2):
        with pytest.raises(UsageError, match="holds a collector already"):
            initialise(tmp_path / "second", database=address, school_name="Another school")
    config = load_config(tmp_path / "first")
    engine = open_checked_engine(config)
    assert verify(engine, config).bundles == 1
    engine.dispose()
    cluster.drop_database("taken")
