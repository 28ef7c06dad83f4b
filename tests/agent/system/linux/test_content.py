# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.system.linux.content: what is read of a program, once, and within limits."""

import hashlib
import os
import time
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ParseError
from agent.system.content import ALL_CONTENT, Content
from agent.system.linux import content
from agent.system.linux.content import ContentReader
from agent.system.linux.files import open_file
from proto.events import Program
from tests.agent.parsing.direct import DirectParsing
from tests.elves import make_elf, make_note, make_texts

SHA256 = frozenset({"sha256"})
ELF = make_elf(make_texts(100), notes=make_note(b"GNU", 3, bytes(range(20))))


class LyingParsing(DirectParsing):
    """A child that a hostile file has taken over."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__()
        self.told = told

    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        return self.told


class RefusingParsing(DirectParsing):
    """A child that can tell nothing, as long as `is_refusing`."""

    is_refusing = True

    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        if self.is_refusing:
            raise ParseError("it took too much time")
        return super().parse(what, descriptor)


def make_reader() -> ContentReader:
    return ContentReader(DirectParsing)


def read(reader: ContentReader, path: Path, wanted: Set[str] = SHA256) -> Content:
    with open_file(path) as descriptor:
        return reader.read_open(descriptor, wanted)


def hash_of(reader: ContentReader, path: Path) -> str:
    return read(reader, path).sha256


def test_content_is_hashed_again_when_it_changed(tmp_path: Path):
    """Also if the file has its old length and its owner sets its old time."""
    path = tmp_path / "program"
    reader = make_reader()
    path.write_bytes(b"harmless")
    before = path.stat()
    first = hash_of(reader, path)
    path.write_bytes(b"harmful!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert first == hashlib.sha256(b"harmless").hexdigest()
    assert hash_of(reader, path) == hashlib.sha256(b"harmful!").hexdigest()


def test_unchanged_content_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that was hashed before is not read again."""
    path = tmp_path / "program"
    path.write_bytes(b"content")
    monkeypatch.setattr(content, "_SETTLED_NS", -time.time_ns())  # a fresh file counts as settled
    reader = make_reader()
    first = hash_of(reader, path)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read again"))

    assert hash_of(reader, path) == first


def test_a_file_that_is_too_large_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reading ends at the limit."""
    monkeypatch.setattr(content, "MAX_READ_BYTES", 10)
    (tmp_path / "small").write_bytes(b"1234567890")
    (tmp_path / "large").write_bytes(b"12345678901")
    reader = make_reader()

    assert hash_of(reader, tmp_path / "small")
    assert read(reader, tmp_path / "large") == Content(is_complete=False)


def make_sparse(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


def test_a_hole_of_a_user_is_not_read(tmp_path: Path):
    """It costs him nothing and us the time; a small file may look like one."""
    sparse = make_sparse(tmp_path / "sparse", 1024 * 1024)
    sparse.chmod(0o777)

    assert read(make_reader(), sparse) == Content(is_complete=False)
    small = make_sparse(tmp_path / "small", 1000)
    small.chmod(0o777)
    assert hash_of(make_reader(), small) == hashlib.sha256(bytes(1000)).hexdigest()


def test_a_file_of_a_user_has_a_lower_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a user is what belongs to one, or what one may write."""
    monkeypatch.setattr(content, "MAX_READ_BYTES", 20)
    monkeypatch.setattr(content, "MAX_READ_OF_USERS_BYTES", 10)
    path = tmp_path / "program"
    path.write_bytes(b"12345678901")
    for mode in (0o775, 0o757):
        path.chmod(mode)
        assert hash_of(make_reader(), path) == ""
    path.write_bytes(b"1234567890")
    assert hash_of(make_reader(), path) == hashlib.sha256(b"1234567890").hexdigest()


@pytest.mark.parametrize(
    ("user", "mode", "limit_bytes"),
    [(0, 0o755, "MAX_READ_BYTES"), (0, 0o775, "_NO_HOLE_BYTES"), (1000, 0o755, "_NO_HOLE_BYTES")],
    ids=["root's", "root's, open to a group", "a user's"],
)
def test_whose_hole_it_is_decides(tmp_path: Path, user: int, mode: int, limit_bytes: str):
    """The system's own files are read though they have holes."""
    real = make_sparse(tmp_path / "sparse", 1024 * 1024).stat()
    values = list(real)
    values[0], values[4] = 0o100000 | mode, user
    file = os.stat_result(values, {"st_blocks": real.st_blocks})

    assert content._limit_bytes(file) == getattr(content, limit_bytes)


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The oldest goes first."""
    monkeypatch.setattr(content, "_SETTLED_NS", -time.time_ns())
    monkeypatch.setattr(ContentReader, "MAX_REMEMBERED", 2)
    reader = make_reader()
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
        hash_of(reader, tmp_path / str(number))

    assert len(reader._known) == 2


def test_only_what_is_wanted_is_read(tmp_path: Path):
    """What no rule compares costs nothing."""
    parsing = DirectParsing()
    reader = ContentReader(lambda: parsing)
    (tmp_path / "program").write_bytes(ELF)

    assert read(reader, tmp_path / "program") == Content(sha256=hashlib.sha256(ELF).hexdigest())
    assert parsing.asked == []
    known = read(reader, tmp_path / "program", {"build_id"})
    assert known == Content(build_id=bytes(range(20)).hex())
    assert read(reader, tmp_path / "program", ALL_CONTENT).sketch.startswith("s1:")


def test_what_is_known_is_not_read_for_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A new rule that asks for more makes nobody read a digest twice."""
    monkeypatch.setattr(content, "_SETTLED_NS", -time.time_ns())
    parsing = DirectParsing()
    reader = ContentReader(lambda: parsing)
    (tmp_path / "program").write_bytes(ELF)
    read(reader, tmp_path / "program", {"sketch"})
    first = read(reader, tmp_path / "program", ALL_CONTENT)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read again"))

    assert read(reader, tmp_path / "program", ALL_CONTENT) == first
    assert parsing.asked == ["elf"]


def test_what_is_no_executable_is_not_looked_into(tmp_path: Path):
    """A script has a digest; the child is not even started for it."""
    (tmp_path / "script").write_bytes(b"#!/bin/sh\n")
    reader = ContentReader(lambda: pytest.fail("nothing to look into"))

    assert read(reader, tmp_path / "script", ALL_CONTENT) == Content(hashlib.sha256(b"#!/bin/sh\n").hexdigest())


def test_what_cannot_be_looked_into_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The digest is known meanwhile; that the rest is not, is said."""
    monkeypatch.setattr(content, "_SETTLED_NS", -time.time_ns())
    parsing = RefusingParsing()
    reader = ContentReader(lambda: parsing)
    (tmp_path / "program").write_bytes(ELF)
    known = read(reader, tmp_path / "program", ALL_CONTENT)
    parsing.is_refusing = False

    assert known == Content(hashlib.sha256(ELF).hexdigest(), is_complete=False)
    assert read(reader, tmp_path / "program", ALL_CONTENT).is_complete


@pytest.mark.parametrize(
    "told",
    [
        {"build_id": "x" * 40, "sketch": ""},
        {"build_id": "ab" * 10_000, "sketch": ""},
        {"build_id": "", "sketch": "s1:" + "0" * 512},
        {"build_id": ["ab"], "sketch": ""},
    ],
)
def test_a_lie_of_the_child_is_not_taken(tmp_path: Path, told):
    """What it says goes into rules and events."""
    (tmp_path / "program").write_bytes(ELF)

    known = read(ContentReader(lambda: LyingParsing(told)), tmp_path / "program", {"build_id", "sketch"})
    assert known == Content(is_complete=False)


def test_an_image_is_looked_into_once(tmp_path: Path):
    """The processes of one program have the same; it is no file, so it has no digest."""
    parsing = DirectParsing()
    reader = ContentReader(lambda: parsing)
    (tmp_path / "image").write_bytes(ELF)
    with open_file(tmp_path / "image") as descriptor:
        known = [reader.read_image(descriptor, {"build_id"}) for _ in range(3)]
        with_digest = reader.read_image(descriptor, ALL_CONTENT)

    assert known == [Content(build_id=bytes(range(20)).hex())] * 3
    assert (with_digest.sha256, with_digest.is_complete) == ("", False)
    assert parsing.asked == ["elf"]


def test_content_is_added_to_what_is_known():
    """What was not asked for this time stays."""
    program = Program("x", sha256="aa", source="file")

    assert Content(build_id="bb").add_to(program) == Program("x", sha256="aa", source="file", build_id="bb")
