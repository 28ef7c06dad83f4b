# SPDX-License-Identifier: Apache-2.0
"""What a file that came is: something that can be run, an archive with such a thing in it, or nothing of the sort.

Archives are looked into one deep: each entry's first bytes, and those of the entries of an archive in it. Nothing is
unpacked anywhere. What would take too long or too much is not looked at, and then the answer is "unknown", unless
something was found before. 7z, rar, zstd and disk images are recognised, not looked into.
"""

import bz2
import encodings.cp437  # noqa: F401 - zipfile reads names with it, and nothing can be loaded behind the jail
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from agent.parsing.formats import (
    COMPRESSED,
    HEAD_BYTES,
    ISO_MARK,
    ISO_OFFSET,
    RUNNABLE,
    RUNNABLE_ENDINGS,
    SCRIPT_ENDINGS_PACKED,
    SEALED,
    Format,
    ending_of,
    find_format,
    is_tar,
)

MAX_ENTRIES = 5000
MAX_LISTED = 20_000
"""Entries of a zip: the library makes objects of all of them before the first is looked at."""
MAX_LISTING_BYTES = 4 * 1024 * 1024
MAX_READ_BYTES = 48 * 1024 * 1024
"""Of unpacked content, for all of a file."""
MAX_NESTED_BYTES = 16 * 1024 * 1024
MAX_NESTED = 20
MAX_CPU_S = 0.5
ENTRY_HEAD_BYTES = 1024

EXECUTABLE, SCRIPT, ENCRYPTED, UNKNOWN, NOTHING = "executable", "script", "encrypted", "unknown", ""
_RANKS = (NOTHING, UNKNOWN, ENCRYPTED, SCRIPT, EXECUTABLE)
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(struct.error, EOFError, LookupError, OSError, RuntimeError, ValueError),
)
"""What the standard library raises over hostile archives."""
_ENTRY, _END, _END_64, _LOCATOR = b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
_END_BYTES, _END_64_BYTES, _LOCATOR_BYTES = 22, 56, 20
_MSI_CLASS = bytes.fromhex("84100c0000000000c000000000000046")
_MACROS_IN_OLE = "_VBA_PROJECT".encode("utf-16-le")
_MAX_OLE_BYTES = 16 * 1024 * 1024


class _EnoughError(Exception):
    """There is more than may be read."""


class _Reading:
    """What may still be read, over an archive and those in it."""

    def __init__(self) -> None:
        self.bytes_left = MAX_READ_BYTES
        self.entries_left = MAX_ENTRIES
        self.nested_left = MAX_NESTED
        self._until_s = time.process_time() + MAX_CPU_S

    def count(self, read_bytes: int) -> None:
        self.bytes_left -= read_bytes
        if self.bytes_left < 0 or time.process_time() > self._until_s:
            raise _EnoughError

    def count_entry(self) -> None:
        self.entries_left -= 1
        if self.entries_left < 0:
            raise _EnoughError


class _Counted(io.RawIOBase):
    """A stream of unpacked content, of which so much may be read and no more."""

    def __init__(self, stream: IO[bytes], reading: _Reading) -> None:
        self._stream = stream
        self._reading = reading

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self._reading.count(len(content))
        return content


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `format`, `contains` and `is_executable` of a file, as `proto.events.FileArrived` has them."""
    head = stream.read(max(HEAD_BYTES, ISO_OFFSET + len(ISO_MARK)))
    found = find_format(head)
    if found.name in ("", "script") or found.name in RUNNABLE:
        return _to_answer(found.name, NOTHING, found.is_executable)
    if found.name == "ole":
        return _parse_ole(stream, head)
    format_, contains = _look_into(stream, found, _Reading(), depth=0)
    is_runnable = format_ in RUNNABLE
    return _to_answer(format_, NOTHING if is_runnable else contains, is_runnable or contains in (EXECUTABLE, SCRIPT))


def _to_answer(format_: str, contains: str, is_executable: bool) -> dict[str, Any]:
    return {"format": format_, "contains": contains, "is_executable": is_executable}


def _parse_ole(stream: BinaryIO, head: bytes) -> dict[str, Any]:
    """Tell an installer from an old office document, and one with macros from others."""
    sector_bytes = 1 << min(head[30], 16)
    stream.seek((int.from_bytes(head[48:52], "little") + 1) * sector_bytes)
    if stream.read(128)[80:96] == _MSI_CLASS:
        return _to_answer("msi", NOTHING, is_executable=True)
    stream.seek(0)
    if _MACROS_IN_OLE in stream.read(_MAX_OLE_BYTES):
        return _to_answer("document", SCRIPT, is_executable=True)
    return _to_answer("", NOTHING, is_executable=False)


def _look_into(stream: IO[bytes], found: Format, reading: _Reading, *, depth: int) -> tuple[str, str]:
    """Return what an archive really is (a .jar and a document are zips too), and what it contains."""
    if found.name in SEALED:
        return found.name, UNKNOWN
    stream.seek(0)
    format_, contains = found.name, NOTHING
    try:
        if found.name == "zip":
            _verify_listing(stream)
            with zipfile.ZipFile(stream) as archive:
                format_ = _find_zip_format(archive)
                if format_ == "zip":
                    contains = _find_worst(_look_into_zip(archive, reading, depth))
                elif format_ == "document":
                    # What else is packed into a document does not run.
                    contains = SCRIPT
        elif found.name in COMPRESSED:
            format_, contains = _look_into_compressed(stream, found.name, reading, depth)
        else:
            contains = _find_worst(_look_into_tar(stream, reading, depth, "r:"))
    except (_EnoughError, *_BROKEN):
        contains = UNKNOWN
    return format_, contains


def _verify_listing(stream: IO[bytes]) -> None:
    """Refuse a zip with too many entries, by the record at its end and by what stands before that.

    Raises:
        _EnoughError: there are too many.
        BadZipFile: there is no such record.
    """
    stream.seek(0, io.SEEK_END)
    size_bytes = stream.tell()
    stream.seek(max(0, size_bytes - _END_BYTES - 0xFFFF))
    tail_at = stream.tell()
    tail = stream.read(_END_BYTES + 0xFFFF)
    place = tail.rfind(_END)
    # The same order as the library's: a record without a comment counts before one that stands in its last bytes.
    if tail[-_END_BYTES:].startswith(_END) and tail.endswith(b"\0\0"):
        place = len(tail) - _END_BYTES
    if place < 0 or len(tail) - place < _END_BYTES:
        raise zipfile.BadZipFile
    end = tail_at + place
    entries, listing_bytes = struct.unpack_from("<HL", tail, place + 10)
    stream.seek(max(0, end - _LOCATOR_BYTES - _END_64_BYTES))
    before = stream.read(_LOCATOR_BYTES + _END_64_BYTES)
    if before[-_LOCATOR_BYTES:].startswith(_LOCATOR):
        if not before.startswith(_END_64) or len(before) < _LOCATOR_BYTES + _END_64_BYTES:
            raise zipfile.BadZipFile
        entries, listing_bytes = struct.unpack_from("<QQ", before, 32)
        end -= len(before)
    if entries > MAX_LISTED or listing_bytes > MAX_LISTING_BYTES:
        raise _EnoughError
    # The library believes the size and not the count.
    stream.seek(max(0, end - listing_bytes))
    if stream.read(listing_bytes).count(_ENTRY) > MAX_LISTED:
        raise _EnoughError
    stream.seek(0)


def _find_worst(found: Iterator[str]) -> str:
    """Return the worst of what the entries are; the first that runs is enough. What stops us short is unknown."""
    worst = NOTHING
    try:
        for each in found:
            worst = max(worst, each, key=_RANKS.index)
            if worst == EXECUTABLE:
                break
    except (_EnoughError, *_BROKEN):
        worst = max(worst, UNKNOWN, key=_RANKS.index)
    return worst


def _find_zip_format(archive: zipfile.ZipFile) -> str:
    """Return what a zip is for those who use it: `document` is one with macros, one without is nothing of note."""
    names = {entry.filename for entry in archive.filelist[:MAX_ENTRIES]}
    if "AndroidManifest.xml" in names and "classes.dex" in names:
        return "apk"
    if "META-INF/MANIFEST.MF" in names and any(name.endswith(".class") for name in names):
        return "jar"
    if "[Content_Types].xml" in names or ("mimetype" in names and "META-INF/manifest.xml" in names):
        has_macros = any(name.endswith("vbaProject.bin") or name.startswith(("Basic/", "Scripts/")) for name in names)
        return "document" if has_macros else ""
    return "" if "mimetype" in names and "META-INF/container.xml" in names else "zip"


def _look_into_zip(archive: zipfile.ZipFile, reading: _Reading, depth: int) -> Iterator[str]:
    for entry in archive.infolist():
        reading.count_entry()
        if entry.is_dir():
            continue
        if entry.flag_bits & 1:
            yield EXECUTABLE if ending_of(entry.filename) in RUNNABLE_ENDINGS else ENCRYPTED
            continue
        with archive.open(entry) as content:
            yield _look_at(
                cast("IO[bytes]", _Counted(content, reading)), entry.filename, entry.file_size, reading, depth
            )


def _look_into_compressed(stream: IO[bytes], name: str, reading: _Reading, depth: int) -> tuple[str, str]:
    """Look into one compressed stream: most are a tar."""
    opener: Any = {"gzip": gzip.GzipFile, "xz": lzma.LZMAFile, "bzip2": bz2.BZ2File}[name]
    argument = {"fileobj": stream} if name == "gzip" else {"filename": stream}
    with opener(mode="rb", **argument) as unpacked:
        head = unpacked.read(ENTRY_HEAD_BYTES)
        if not is_tar(head):
            return name, _judge(find_format(head), "")
        unpacked.seek(0)
        counted = cast("IO[bytes]", _Counted(unpacked, reading))
        return "tar", _find_worst(_look_into_tar(counted, reading, depth, "r|"))


def _look_into_tar(stream: IO[bytes], reading: _Reading, depth: int, mode: Any) -> Iterator[str]:
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for entry in archive:
            reading.count_entry()
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                counted = cast("IO[bytes]", _Counted(content, reading))
                yield _look_at(counted, entry.name, entry.size, reading, depth)


def _look_at(content: IO[bytes], name: str, size_bytes: int, reading: _Reading, depth: int) -> str:
    """Return what one entry is."""
    head = content.read(ENTRY_HEAD_BYTES)
    found = find_format(head, name)
    is_archive = found.name in ("zip", "tar") or found.name in COMPRESSED
    if not is_archive:
        return _judge(found, name)
    if depth or size_bytes > MAX_NESTED_BYTES or not reading.nested_left:
        return UNKNOWN
    reading.nested_left -= 1
    inner = io.BytesIO(head + content.read(MAX_NESTED_BYTES))
    format_, contains = _look_into(inner, found, reading, depth=depth + 1)
    return EXECUTABLE if format_ in RUNNABLE else contains


def _judge(found: Format, name: str) -> str:
    if found.name in RUNNABLE:
        return EXECUTABLE if found.is_executable else NOTHING
    if found.name in SEALED:
        return UNKNOWN
    if found.name == "ole":
        return EXECUTABLE if ending_of(name) == "msi" else NOTHING
    # Every saved web page holds a .js, and every other package a script of a line: only what is meant to be run.
    is_script = found.name == "script" and ending_of(name) not in ("js", "py", "pl", "rb")
    return SCRIPT if is_script or ending_of(name) in SCRIPT_ENDINGS_PACKED else NOTHING
