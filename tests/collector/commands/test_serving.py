# SPDX-License-Identifier: Apache-2.0
"""Tests of init and migrate."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from collector.config import Config, load_config
from collector.store.engine import open_engine, writing
from tests.collector.command import PASSWORD, Run


def test_init_prints_the_password_and_nothing_else(run: Run, tmp_path: Path) -> None:
    """What is said beside it goes to stderr: which user it is for, and what comes next."""
    assert run("init", "--dir", tmp_path / "c") == 0
    assert PASSWORD.fullmatch(run.out)
    assert "First administrator: admin" in run.err
    assert f"Next: schoolwarden-collector serve --dir {tmp_path / 'c'}" in run.err


def test_init_twice_is_refused(run: Run, folder: Path) -> None:
    """And changes nothing."""
    before = (folder / "collector.toml").read_bytes()
    assert run("init", "--dir", folder) == 2
    assert "collector's folder already" in run.err
    assert (folder / "collector.toml").read_bytes() == before


def test_init_into_other_things_is_refused(run: Run, tmp_path: Path) -> None:
    """Somebody's files are in it."""
    (tmp_path / "homework.txt").write_text("mine")
    assert run("init", "--dir", tmp_path) == 2
    assert "is not empty: it holds homework.txt" in run.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--database", "sqlite:///x.db"), 2, "cannot use sqlite"),
        (("--database", "nonsense"), 2, "not the address of a database"),
        (("--database", "postgresql://nobody@/x?host=/nowhere"), 3, "the database does not answer"),
        (("--school", "  "), 2, "a school needs a name"),
    ],
)
def test_init_with_what_cannot_be_is_refused(
    run: Run, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    """And leaves no collector."""
    assert run("init", "--dir", tmp_path / "c", *options) == code
    assert words in run.err
    assert run("devices", "--dir", tmp_path / "c") == 2


def test_migrate_says_where_it_is(run: Run, folder: Path) -> None:
    """Also when there is nothing to do."""
    assert run("migrate", "--dir", folder) == 0
    assert "The database has schema 0005" in run.err


@pytest.mark.parametrize(("command", "schema"), [("migrate", "0001"), ("devices", "0002"), ("serve", "0002")])
def test_database_from_before_this_version_is_refused(run: Run, folder: Path, command: str, schema: str) -> None:
    """It has other tables under an older number: a sentence and a way out, not an error of the database's."""
    engine = open_engine(load_config(folder))
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :schema"), {"schema": schema})
    engine.dispose()
    assert run(command, "--dir", folder) == 3
    assert "made by a version before this one, which cannot be brought up" in run.err
    assert "make reset" in run.err


def test_config_is_what_was_asked_for(made: Path) -> None:
    """The school's name stands in the settings."""
    config = load_config(made)
    assert replace(config, school_id="") == Config(made, "", "St Example", "")
