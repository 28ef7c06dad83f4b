# SPDX-License-Identifier: Apache-2.0
"""Tests of the verifier with zips that lie: each is refused in words, before anything in it is believed or grows."""

import io
import json
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable

import pytest

from collector.evidence.archive import to_zip
from collector.verifier.schoolwarden_verify import MAX_FILE_BYTES, read_zip, verify
from tests.collector.verifier.conftest import Exported
from tests.collector.verifier.forgery import Forgery

END_BYTES = 22


def write(
    *entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED, extra: bytes = b"", mode: int = 0o644
) -> bytes:
    """Write a zip as we would, but for what is asked."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, content in entries:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr, entry.extra = 3, mode << 16, extra
            entry.compress_type = compression
            archive.writestr(entry, content)
    return target.getvalue()


def lie_about_size(data: bytes) -> bytes:
    """Let the first entry claim four gigabytes."""
    return data[:18] + struct.pack("<II", 2**32 - 1, 2**32 - 1) + data[26:]


def lie_about_count(data: bytes) -> bytes:
    """Let the directory claim many entries."""
    end = len(data) - END_BYTES
    return data[: end + 8] + struct.pack("<HH", 65535, 65535) + data[end + 12 :]


def add_comment(data: bytes) -> bytes:
    """Put a comment behind the directory."""
    return data[:-2] + struct.pack("<H", 5) + b"hello"


def add_second_directory(data: bytes) -> bytes:
    """Put another directory behind the first."""
    return data + data[data.index(b"PK\x01\x02") :]


def add_zip64(data: bytes) -> bytes:
    """Put the marks of a large zip between entries and end."""
    end = len(data) - END_BYTES
    return data[:end] + b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(16) + data[end:]


SOUND = write(("case.json", b"{}"), ("manifest.json", b"{}"))
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no zip": lambda: b"PK",
    "an empty zip": lambda: write(),
    "half a header": lambda: SOUND[:20],
    "a bomb": lambda: write(("case.json", bytes(10_000_000)), compression=zipfile.ZIP_DEFLATED),
    "a name twice": lambda: write(("case.json", b"{}"), ("case.json", b"[]")),
    "names out of order": lambda: write(("manifest.json", b"{}"), ("case.json", b"{}")),
    "a path upwards": lambda: write(("../case.json", b"{}")),
    "a path from the root": lambda: write(("/case.json", b"{}")),
    "a folder": lambda: write(("devices/", b"")),
    "a name of another alphabet": lambda: write(("cаse.json", b"{}")),
    "a symlink": lambda: write(("case.json", b"/etc/passwd"), mode=0o120777),
    "an extra field": lambda: write(("case.json", b"{}"), extra=b"\x01\x00\x00\x00"),
    "a size that lies": lambda: lie_about_size(SOUND),
    "a count that lies": lambda: lie_about_count(SOUND),
    "a comment": lambda: add_comment(SOUND),
    "two directories": lambda: add_second_directory(SOUND),
    "marks of a large zip": lambda: add_zip64(SOUND),
    "bytes behind it": lambda: SOUND + b"\0",
    "bytes before it": lambda: b"#!/bin/sh\n" + SOUND,
    "very many entries": lambda: write(
        *((f"checkpoints-{number:04}.json", b"") for number in range(10_000)), ("z", b"")
    ),
}


def test_the_sound_one_of_these_tests_is_read() -> None:
    """What the hostile ones are made of can be read, so it is the lie that is refused."""
    assert {name: bytes(content) for name, content in read_zip(SOUND).items()} == {
        "case.json": b"{}",
        "manifest.json": b"{}",
    }


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_zip_is_refused_in_words(what: str) -> None:
    """One problem, one sentence, no crash."""
    (problem,) = verify(HOSTILE[what]())["problems"]
    assert problem.startswith("this is no whole and unchanged file of evidence: ")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b"NaN",
        b"1" * 10_000,
        b"\xff",
        b"[]",
        b'{"events":[[1,2,3]],"word":{}}',
        json.dumps({"events": [["0" * 16, 1, 2**70]], "word": {}}, separators=(",", ":")).encode(),
    ],
    ids=["deep", "a name twice", "blanks", "no number", "a long number", "no text", "a list", "no id", "a huge number"],
)
@pytest.mark.parametrize("name", ["case.json", "keys.json", "checkpoints-0001.json", "manifest.json"])
def test_hostile_json_is_refused_in_words(exported: Exported, name: str, content: bytes) -> None:
    """Also when whoever holds the collector's key signed it."""
    forged = Forgery.of(exported.data)
    forged.files[name] = content
    if name != "manifest.json":
        forged.sign(exported.key)
    assert verify(forged.to_zip())["problems"]


def test_memory_stays_bounded() -> None:
    """What is read costs no more than a few times its own size: nothing is unpacked."""
    data = write(("case.json", bytes(20_000_000)))
    tracemalloc.start()
    try:
        assert verify(data)["problems"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data)


def test_larger_than_evidence_may_be_is_refused_unread() -> None:
    """The limit of the verifier is told, and the exporter's is the same."""

    class Huge(bytes):
        def __len__(self) -> int:
            return MAX_FILE_BYTES + 1

    assert "too large" in verify(Huge())["problems"][0]


def test_ordinary_programs_open_it(exported: Exported) -> None:
    """The canonical form is an ordinary zip all the same."""
    with zipfile.ZipFile(io.BytesIO(exported.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist())
        assert to_zip({name: archive.read(name) for name in archive.namelist()}) == exported.data
