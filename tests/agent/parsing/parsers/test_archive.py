# SPDX-License-Identifier: Apache-2.0
"""Tests of what is found in files that came: archives that a test makes, whole, broken and hostile."""

import gzip
import io
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ParseError
from agent.parsing.launch import ParsingChild
from agent.parsing.parsers import archive

ELF = Path("/bin/true").read_bytes()
DOS = b"MZ" + bytes(58) + struct.pack("<I", 64)
PROGRAM = DOS + b"PE\0\0" + bytes(18) + struct.pack("<H", 0x0002)
LIBRARY = DOS + b"PE\0\0" + bytes(18) + struct.pack("<H", 0x2002)
SHELL = b"#!/bin/sh\necho hello\n"
DESKTOP = b"[Desktop Entry]\nType=Application\nName=Game\nExec=/home/x/game\n"
TEXT = b"Once upon a time.\n" * 40


def look(content: bytes) -> dict[str, Any]:
    """Return what the parser says."""
    return archive.parse(io.BytesIO(content))


def found(content: bytes) -> tuple[str, str, bool]:
    """Return the same, short."""
    answer = look(content)
    assert set(answer) == {"format", "contains", "is_executable"}
    return answer["format"], answer["contains"], answer["is_executable"]


def make_zip(entries: dict[str, bytes], *, is_encrypted: bool = False) -> bytes:
    """Return a zip; the standard library writes none that is encrypted, so the mark is set afterwards."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    made_of = bytearray(stream.getvalue())
    if is_encrypted:
        for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            at = made_of.find(mark)
            while at >= 0:
                made_of[at + offset] |= 1
                at = made_of.find(mark, at + 4)
    return bytes(made_of)


def make_tar(entries: dict[str, bytes], mode: str = "w:", form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as made:  # type: ignore[call-overload]
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (ELF, "elf"),
        (ELF[:8] + b"AI\x02" + ELF[11:], "appimage"),
        (PROGRAM, "pe"),
        (DOS[:60] + struct.pack("<I", 70_000) + bytes(80_000), "pe"),
        (SHELL, "script"),
        (b"\xef\xbb\xbf#!/usr/bin/env python3\n", "script"),
        (DESKTOP, "shortcut"),
        (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46" + bytes(56), "shortcut"),
        (b"!<arch>\ndebian-binary   1", "deb"),
        (b"\xed\xab\xee\xdb\x03\0", "rpm"),
        (make_zip({"META-INF/MANIFEST.MF": b"", "Main.class": b""}), "jar"),
        (make_zip({"AndroidManifest.xml": b"", "classes.dex": b""}), "apk"),
    ],
)
def test_what_can_be_run_is_known_by_its_content(content: bytes, format_: str):
    """Whatever it is called."""
    assert found(content) == (format_, "", True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7f",
        b"MZ",
        b"PK",
        TEXT,
        b"MZ is how this letter begins. " + TEXT,
        b"[Desktop Entry]\nType=Link\nURL=https://example.org/\n",
        b"\xff\xd8\xff\xe0" + bytes(600),
        make_zip({"[Content_Types].xml": b"", "word/document.xml": TEXT}),
        make_zip({"mimetype": b"application/vnd.oasis.opendocument.text", "META-INF/manifest.xml": b""}),
        make_zip({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"", "x.js": b""}),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000),
    ],
)
def test_what_cannot_be_run_is_nothing_of_note(content: bytes):
    """Documents, pictures, links to pages, and files that break off."""
    assert found(content) == ("", "", False)


def test_libraries_and_objects_do_not_run_by_themselves():
    """They are told as what they are."""
    assert found(LIBRARY) == ("pe", "", False)
    assert found(ELF[:16] + b"\x01\0" + ELF[18:]) == ("elf", "", False)


@pytest.mark.parametrize("inner", [ELF, PROGRAM])
def test_a_program_is_found_in_every_kind_of_archive(inner: bytes):
    """Behind other files, and one archive deep."""
    entries = {"a.txt": TEXT, "folder/b": inner}
    for content, format_ in [
        (make_zip(entries), "zip"),
        (make_tar(entries), "tar"),
        (make_tar(entries, form=tarfile.USTAR_FORMAT), "tar"),
        (make_tar(entries, "w:gz"), "tar"),
        (make_tar(entries, "w:xz"), "tar"),
        (make_tar(entries, "w:bz2"), "tar"),
        (gzip.compress(inner), "gzip"),
        (lzma.compress(inner), "xz"),
        (make_zip({"inner.zip": make_zip(entries)}), "zip"),
        (make_zip({"inner.tar.gz": make_tar(entries, "w:gz")}), "zip"),
        (make_tar({"inner.zip": make_zip(entries)}, "w:gz"), "tar"),
        (make_zip({"game.jar": make_zip({"META-INF/MANIFEST.MF": b"", "A.class": b""})}), "zip"),
    ]:
        assert found(content) == (format_, "executable", True)


def test_the_same_is_found_behind_the_jail():
    """Where nothing can be loaded any more: also names in other alphabets."""
    parsing = ParsingChild()
    entries = {"größe.txt": TEXT, "игра": ELF}
    for mode in ("w:", "w:gz", "w:xz", "w:bz2", "zip", "gzip"):
        content = {"zip": make_zip(entries), "gzip": gzip.compress(ELF)}.get(mode) or make_tar(entries, mode)
        with tempfile.TemporaryFile() as stream:
            stream.write(content)
            stream.flush()
            assert parsing.parse("archive", stream.fileno())["contains"] == "executable"
    parsing.close()


def test_scripts_are_found_by_mark_and_by_name():
    """What belongs to a saved page, to coursework or to a package of a language is not."""
    assert found(make_zip({"run": SHELL})) == ("zip", "script", True)
    assert found(make_tar({"setup.ps1": TEXT}, "w:gz")) == ("tar", "script", True)
    assert found(make_zip({"page.html": TEXT, "page.js": TEXT})) == ("zip", "", False)
    assert found(make_zip({"main.py": b"#!/usr/bin/env python3\nprint()"})) == ("zip", "", False)
    assert found(make_zip({"libx.so.1": ELF, "x.dll": LIBRARY})) == ("zip", "", False)


def test_documents_with_macros_contain_a_script():
    """New and old ones, and those of LibreOffice; one inside of an archive too."""
    new = make_zip({"[Content_Types].xml": b"", "xl/vbaProject.bin": b""})
    free = make_zip({"mimetype": b"x", "META-INF/manifest.xml": b"", "Basic/Standard/Module1.xml": b""})
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000) + "_VBA_PROJECT".encode("utf-16-le")
    for content in (new, free, old):
        assert found(content) == ("document", "script", True)
    assert found(make_zip({"letter.docm": new})) == ("zip", "script", True)


def test_an_installer_of_windows_is_told_from_a_document():
    """By the class of its root entry."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = struct.pack("<H", 9)
    header[48:52] = struct.pack("<I", 1)
    directory = bytearray(512)
    directory[80:96] = bytes.fromhex("84100c0000000000c000000000000046")
    assert found(bytes(header) + bytes(512) + bytes(directory)) == ("msi", "", True)


def test_an_encrypted_archive_says_so():
    """Its names can be read, and a program is known by its name."""
    assert found(make_zip({"secret": TEXT}, is_encrypted=True)) == ("zip", "encrypted", False)
    assert found(make_zip({"game.EXE": TEXT}, is_encrypted=True)) == ("zip", "executable", True)


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7z"),
        (b"Rar!\x1a\x07\x01\0" + bytes(100), "rar"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (bytes(32769) + b"CD001", "iso"),
    ],
)
def test_what_cannot_be_listed_is_unknown(content: bytes, format_: str):
    """Unknown is not nothing, also for one inside of another."""
    assert found(content) == (format_, "unknown", False)
    if format_ != "iso":
        assert found(make_zip({"inner": content})) == ("zip", "unknown", False)


def test_three_archives_deep_is_unknown():
    """Only one deep is looked into."""
    deepest = make_zip({"a": ELF})
    assert found(make_zip({"c": make_zip({"b": deepest})})) == ("zip", "unknown", False)


def test_a_program_in_a_broken_archive_is_still_found():
    """What comes before the damage counts; after it nobody knows."""
    content = make_tar({"game": ELF, "a.txt": TEXT}, "w:gz")
    assert found(content[: len(content) - 30]) == ("tar", "executable", True)
    content = make_tar({"a.txt": random.Random(1).randbytes(50_000), "game": ELF}, "w:gz")
    assert found(content[:30_000]) == ("tar", "unknown", False)
    assert found(make_zip({"a.txt": TEXT})[:60]) == ("zip", "unknown", False)


def test_bombs_are_unknown_within_the_limits_of_the_child():
    """A file of 4 GB of nothing, thousands of entries, archives in archives, a name as long as a disk."""
    nothing = gzip.compress(bytes(1 << 20)) * 4096
    many = make_zip({f"{number}.txt": b"" for number in range(archive.MAX_ENTRIES + 1)})
    zeros = gzip.compress(bytes(4 << 20))
    nested = make_zip({f"{number}.gz": zeros for number in range(100)})
    block = tarfile.TarInfo("big")
    block.size, block.type = 1 << 40, tarfile.GNUTYPE_LONGNAME
    long_name = block.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    parsing = ParsingChild()
    for content in (nothing, make_tar({"zeros": bytes(50 << 20)}, "w:gz"), many, nested, long_name):
        with tempfile.TemporaryFile() as stream:
            stream.write(content)
            stream.flush()
            try:
                answer = parsing.parse("archive", stream.fileno())
            except ParseError as error:
                assert error.message == "it takes too much memory"
                continue
        assert answer["contains"] in ("", "unknown")
        assert not answer["is_executable"]
    parsing.close()


LOCAL = b"PK\3\4" + bytes(26)


def list_entries(count: int) -> bytes:
    """Return the list of a zip with so many entries, all of them folders."""
    return (b"PK\1\2" + bytes(24) + struct.pack("<H", 2) + bytes(16) + b"a/") * count


def end_of(listing: bytes, told: int, *, is_long: bool = False) -> bytes:
    """Return what stands behind the list; the long form has its numbers in a record of its own."""
    if not is_long:
        return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, told, told, len(listing), len(LOCAL), 0)
    at = len(LOCAL) + len(listing)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told, told, len(listing), len(LOCAL))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return record + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


@pytest.mark.parametrize("is_long", [False, True], ids=["short", "zip64"])
@pytest.mark.parametrize(
    ("count", "told"),
    [(300_000, 0xFFFF), (300_000, 1), (archive.MAX_LISTED + 1, 1)],
    ids=["too many", "too large", "more than told"],
)
def test_a_zip_of_too_many_entries_is_not_listed(monkeypatch: pytest.MonkeyPatch, count: int, told: int, is_long: bool):
    """Whatever its end says of their number: the library would make an object of each."""
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was listed"))
    listing = list_entries(count)
    for comment in (b"", b"a comment"):
        end = end_of(listing, told, is_long=is_long)
        end = end[:-2] + struct.pack("<H", len(comment)) + comment
        assert found(LOCAL + listing + end) == ("zip", "unknown", False)


def test_what_the_library_lists_is_listed():
    """Many entries, a comment, and the long form are no reason to refuse it."""
    classes = {f"{number}.class": b"" for number in range(archive.MAX_ENTRIES + 1)}
    assert found(make_zip({"META-INF/MANIFEST.MF": b"", **classes})) == ("jar", "", True)
    short = make_zip({"game": ELF})
    assert found(short[:-2] + b"\4\0game") == ("zip", "executable", True)
    listing = short[short.index(b"PK\1\2") : -22]
    at = len(short) - 22 - len(listing)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(listing), at)
    long = short[:-22] + record + struct.pack("<4sLQL", b"PK\6\7", 0, len(short) - 22, 1) + short[-22:]
    assert found(long) == ("zip", "executable", True)


def test_random_damage_raises_nothing_but_our_own_errors():
    """Whatever is changed in an archive, the parser answers."""
    chance = random.Random(7)
    samples = [
        make_zip({"a.txt": TEXT, "b": ELF[:3000]}),
        make_tar({"a.txt": TEXT, "b": ELF[:3000]}),
        make_tar({"a.txt": TEXT, "b": ELF[:3000]}, "w:gz"),
        make_tar({"a.txt": TEXT, "b": ELF[:3000]}, "w:xz"),
        PROGRAM,
        ELF[:2000],
    ]
    for _ in range(600):
        content = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        answer = look(bytes(content[: chance.randrange(1, len(content) + 1)]))
        assert answer["contains"] in ("", "unknown", "encrypted", "script", "executable")
