# SPDX-License-Identifier: Apache-2.0
"""Tests of reading RPM's database: one that rpm made with Debian's package `rpm`, and broken ones made here.

`lists/rpmdb-good.sql` is the dump of a database into which rpm 4.18 put one empty package, without its indexes.
"""

import sqlite3
import struct
from pathlib import Path

import pytest

from agent.system.linux.sources import rpm
from proto.events import Program
from tests.agent.system.linux.disk import LISTS, Disk

GOOD = (LISTS / "rpmdb-good.sql").read_text()


def make_database(path: Path, statements: str = GOOD) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path)
    database.executescript(statements)
    return database


def make_header(name: str, version: str = "1", *, entries: int | None = None) -> bytes:
    """Return a header as rpm writes it, of three texts."""
    texts = {1000: name, 1001: version, 1002: "1"}
    data = b"".join(text.encode() + b"\0" for text in texts.values())
    index, place = b"", 0
    for tag, text in texts.items():
        index += struct.pack(">IIII", tag, 6, place, 1)
        place += len(text.encode()) + 1
    return struct.pack(">II", entries if entries is not None else len(texts), len(data)) + index + data


def put(database: sqlite3.Connection, *headers: bytes) -> None:
    database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(header,) for header in headers])
    database.commit()


def read(disk: Disk) -> tuple[list[Program], tuple[str, ...]]:
    found = disk.look()
    return [program for program in found.programs if program.source == "rpm"], found.unread


@pytest.mark.parametrize("place", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_packages_of_a_database_that_rpm_made_are_read(disk: Disk, place: str):
    """With epoch, version and release as rpm writes them; a machine may have rpm and no dpkg."""
    (disk.root / "var/lib/dpkg/status").unlink()
    make_database(disk.root / place / "rpmdb.sqlite").close()

    assert read(disk) == ([Program("hello-school", source="rpm", version="1:1.2-3")], ())


def test_reading_leaves_nothing_behind(disk: Disk):
    """Neither a lock nor a log beside the database."""
    make_database(disk.root / "var/lib/rpm/rpmdb.sqlite").close()
    disk.look()

    assert [path.name for path in (disk.root / "var/lib/rpm").iterdir()] == ["rpmdb.sqlite"]


def test_what_is_only_in_the_log_yet_is_read_too(disk: Disk):
    """As while rpm is at work."""
    database = make_database(disk.root / "var/lib/rpm/rpmdb.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    put(database, make_header("nmap", "7"))

    assert [program.name for program in read(disk)[0]] == ["hello-school", "nmap"]
    database.close()


def test_a_key_is_no_package(disk: Disk):
    """It stands in the same list."""
    put(make_database(disk.root / "var/lib/rpm/rpmdb.sqlite"), make_header("gpg-pubkey"))

    assert [program.name for program in read(disk)[0]] == ["hello-school"]


def test_several_versions_are_one_package(disk: Disk):
    """As kernels are; the newest entry counts."""
    put(make_database(disk.root / "var/lib/rpm/rpmdb.sqlite"), make_header("kernel", "6"), make_header("kernel", "7"))

    assert Program("kernel", source="rpm", version="7-1") in read(disk)[0]
    assert len(read(disk)[0]) == 2


@pytest.mark.parametrize(
    "header", [b"", b"\xff" * 8, make_header("x", entries=3000), make_header(""), make_header("x")[:30]]
)
def test_a_broken_header_is_a_gap(disk: Disk, header: bytes):
    """Whatever stands in it."""
    put(make_database(disk.root / "var/lib/rpm/rpmdb.sqlite"), header)
    programs, unread = read(disk)

    assert programs == []
    assert len(unread) == 1
    assert unread[0].startswith("RPM packages: the database cannot be read")


def test_a_file_that_is_no_database_is_a_gap(disk: Disk):
    """Dpkg's packages are read all the same."""
    disk.write("var/lib/rpm/rpmdb.sqlite", b"no database")
    found = disk.look()

    assert found.unread == ("RPM packages: the database cannot be read (DatabaseError)",)
    assert len(found.programs) == 4


@pytest.mark.parametrize("name", ["Packages", "Packages.db"])
def test_an_older_form_of_database_is_a_gap(disk: Disk, name: str):
    """It is not read, and that is said."""
    disk.write(f"var/lib/rpm/{name}")

    assert read(disk)[1] == ("RPM packages: the database is of an older form (Berkeley DB or ndb), which is not read",)


def test_too_many_packages_are_a_gap(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """No machine has so many."""
    monkeypatch.setattr(rpm, "MAX_PACKAGES", 1)
    put(make_database(disk.root / "var/lib/rpm/rpmdb.sqlite"), make_header("nmap"))

    assert read(disk)[1] == ("RPM packages: the database cannot be read (ValueError)",)
