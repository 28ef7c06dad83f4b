# SPDX-License-Identifier: Apache-2.0
"""Tests of the command line as a stranger finds it: wrong calls, folders that are none, and what is broken in one.

What each verb does is in `tests/collector/commands`; `serve` is in `test_app`, as a program of its own.
"""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from collector.config import Addresses, load_config, write_addresses
from collector.store.engine import open_engine, writing
from tests.collector.command import ON_A_FOLDER, Run


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frobnicate",),
        ("devices",),
        ("devices", "--dir"),
        ("devices", "--dir", ".", "--format", "xml"),
        ("devices", "--dir", ".", "--colour"),
        ("user",),
        ("user", "add"),
        ("user", "add", "anna", "--dir", "."),
        ("token", "--dir", ".", "--uses", "1"),
        ("token", "--dir", ".", "--uses", "many", "--valid-for", "7d"),
        ("rules",),
        ("rules", "check"),
        ("serve",),
    ],
)
def test_wrong_call_ends_with_2_and_how_it_is_called(run: Run, arguments: tuple[str, ...]) -> None:
    """Nothing on stdout, the usage on stderr."""
    assert run(*arguments) == 2
    assert run.out == ""
    assert run.err.startswith("usage: schoolwarden-collector")


@pytest.mark.parametrize(
    "verb", ["", *ON_A_FOLDER, "init", "user", "rules", "rules check", "rules add", "packs", "coverage"]
)
def test_every_verb_has_help(run: Run, verb: str) -> None:
    """It says what the verb does and what each of its arguments is."""
    assert run(*verb.split(), "--help") == 0
    assert run.out.startswith("usage: schoolwarden-collector")
    options = run.out.partition("options:\n")[2].splitlines()
    assert options
    assert all(len(line.split()) > 2 or index + 1 < len(options) for index, line in enumerate(options))
    assert run.err == ""


def test_version_is_printed(run: Run) -> None:
    """On stdout, for scripts."""
    assert run("--version") == 0
    assert re.fullmatch(r"schoolwarden-collector \d+\.\d+\.\d+\n", run.out)


@pytest.mark.parametrize("verb", ON_A_FOLDER)
def test_folder_that_is_no_collector_is_refused(run: Run, tmp_path: Path, verb: str) -> None:
    """With how one is made; and nothing is written into it."""
    assert run(*ON_A_FOLDER[verb], "--dir", tmp_path) == 2
    assert run.out == ""
    assert run.err == (
        f"schoolwarden-collector: {tmp_path} is not a collector's folder\n"
        f"  make one: schoolwarden-collector init --dir {tmp_path}\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [verb for verb in ON_A_FOLDER if verb != "migrate"])
def test_newer_database_is_refused(run: Run, folder: Path, verb: str) -> None:
    """A collector that is older than its database touches nothing, whatever it is asked for."""
    set_schema_version(folder, "9999")
    write_addresses(folder, Addresses("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"))
    assert run(*ON_A_FOLDER[verb], "--dir", folder) == 3
    assert run.out == ""
    assert "schema 9999, which is newer than this collector" in run.err
    assert run("migrate", "--dir", folder) == 3
    assert "nothing was changed" in run.err


def set_schema_version(folder: Path, version: str) -> None:
    """Let a database say that it has another schema."""
    engine = open_engine(load_config(folder))
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "verb", "code", "words"),
    [
        ("store/ledger.key", "devices", 3, "key of the database is damaged"),
        ("store/ledger.db", "incidents", 3, "does not open with its key"),
        ("signing/signing.key", "verify", 3, "holds no private key"),
        ("authority/ca.key", "token", 2, "cannot be loaded"),
        ("collector.toml", "devices", 2, "is not readable"),
    ],
)
def test_broken_file_is_named(run: Run, folder: Path, name: str, verb: str, code: int, words: str) -> None:
    """In words, with what to do, and without a trace of Python."""
    write_addresses(folder, Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"))
    (folder / name).write_bytes(b"\xff" * 5000)
    assert run(*ON_A_FOLDER[verb], "--dir", folder) == code
    assert words in run.err
    assert run.out == ""


@pytest.mark.parametrize("option", ["--grpc", "--enrol", "--http"])
@pytest.mark.parametrize("address", ["7443", "127.0.0.1", "127.0.0.1:70000", "http://127.0.0.1:7443", "::1:7443"])
def test_no_address_to_serve_is_a_wrong_call(run: Run, folder: Path, option: str, address: str) -> None:
    """The error shows a right one."""
    assert run("serve", option, address, "--dir", folder) == 2
    assert run.out == ""
    assert f"{address!r} is not an address" in run.err
