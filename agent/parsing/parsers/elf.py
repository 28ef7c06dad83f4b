# SPDX-License-Identifier: Apache-2.0
"""Executables of Linux (ELF): what the linker wrote into them, and a sketch of the texts that are loaded to be read.

Only what the kernel would map is looked at, so that stripping changes nothing and an image taken from the memory of a
process gives the same answer as its file. What is like what, `rules.likeness` knows.
"""

import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from agent.errors import ParseError
from rules.likeness import Sketcher

MAX_SEGMENTS = 128
MAX_NOTES_BYTES = 64 * 1024
MAX_BUILD_ID_BYTES = 64
MAX_SKETCHED_BYTES = 16 * 1024 * 1024
"""Of larger programs the sketch is made of the first part."""

_PIECE_BYTES = 1024 * 1024
_KINDS = {1: "object", 2: "exec", 3: "dyn", 4: "core"}
_LOAD, _NOTE = 1, 4
_EXECUTE, _WRITE = 1, 2
_BUILD_ID = (b"GNU", 3)
_GO_BUILD_ID = (b"Go", 4)


class _Segment(NamedTuple):
    type: int
    flags: int
    offset: int
    size_bytes: int
    align: int


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `build_id` (hex), `sketch`, `kind` (exec, dyn, object, core or other), `is_appimage` and `inside_bytes`:
    how much follows behind the program itself, which is how programs are packed that others run. "" is: there is none.

    Raises:
        ParseError: it is no ELF file, or it is broken.
    """
    try:
        header = stream.read(64)
        if header[:4] != b"\x7fELF":
            raise ParseError("it is no ELF file")
        order = "<" if header[5] == 1 else ">"
        segments = list(_read_segments(stream, header, order))
        notes = dict(_read_notes(stream, segments, order))
        return {
            "build_id": notes.get(_BUILD_ID, b"")[:MAX_BUILD_ID_BYTES].hex(),
            "sketch": _make_sketch(stream, segments, is_go=_GO_BUILD_ID in notes),
            "kind": _KINDS.get(struct.unpack_from(f"{order}H", header, 16)[0], "other"),
            "is_appimage": header[8:10] == b"AI" and header[10] in (1, 2),
            "inside_bytes": max(0, _find_size(stream) - _find_end(header, order, segments)),
        }
    except (struct.error, IndexError, OverflowError, OSError, ValueError) as error:
        raise ParseError("it is broken") from error


def _read_segments(stream: BinaryIO, header: bytes, order: str) -> Iterator[_Segment]:
    is_64 = header[4] == 2
    (place,) = struct.unpack_from(f"{order}Q", header, 32) if is_64 else struct.unpack_from(f"{order}I", header, 28)
    size_bytes, count = struct.unpack_from(f"{order}HH", header, 54 if is_64 else 42)
    if count > MAX_SEGMENTS:
        raise ParseError(f"it has more than {MAX_SEGMENTS} segments")
    stream.seek(place)
    table = stream.read(size_bytes * count)
    for start in range(0, size_bytes * count, size_bytes or 1):
        if is_64:
            type_, flags, offset, _, _, length, _, align = struct.unpack_from(f"{order}IIQQQQQQ", table, start)
        else:
            type_, offset, _, _, length, _, flags, align = struct.unpack_from(f"{order}IIIIIIII", table, start)
        yield _Segment(type_, flags, offset, length, align)


def _read_notes(stream: BinaryIO, segments: list[_Segment], order: str) -> Iterator[tuple[tuple[bytes, int], bytes]]:
    """Yield what the linker left for others: who defined a note, its type, and its content."""
    left_bytes = MAX_NOTES_BYTES
    for segment in segments:
        if segment.type != _NOTE:
            continue
        stream.seek(segment.offset)
        notes = stream.read(min(segment.size_bytes, left_bytes))
        left_bytes -= len(notes)
        place, align = 0, 8 if segment.align == 8 else 4
        while place + 12 <= len(notes):
            name_bytes, content_bytes, type_ = struct.unpack_from(f"{order}III", notes, place)
            name_end = place + 12 + name_bytes
            content = -(-name_end // align) * align
            yield (notes[place + 12 : name_end].rstrip(b"\0"), type_), notes[content : content + content_bytes]
            place = -(-(content + content_bytes) // align) * align


def _make_sketch(stream: BinaryIO, segments: list[_Segment], *, is_go: bool) -> str:
    # Written pages differ from their file as soon as the program runs.
    read_only = [each for each in segments if each.type == _LOAD and each.size_bytes and not each.flags & _WRITE]
    # Code has sequences in it that look like text. Only old linkers put the two together.
    regions = [each for each in read_only if not each.flags & _EXECUTE] or read_only
    sketcher = Sketcher(is_go=is_go)
    left_bytes = MAX_SKETCHED_BYTES
    for region in regions:
        stream.seek(region.offset)
        region_bytes = min(region.size_bytes, left_bytes)
        left_bytes -= region_bytes
        while region_bytes > 0 and (piece := stream.read(min(region_bytes, _PIECE_BYTES))):
            region_bytes -= len(piece)
            sketcher.add(piece)
        sketcher.add(b"\0")
    return sketcher.to_sketch()


def _find_end(header: bytes, order: str, segments: list[_Segment]) -> int:
    """Return where the program ends: behind its segments and its table of sections."""
    is_64 = header[4] == 2
    (place,) = struct.unpack_from(f"{order}Q", header, 40) if is_64 else struct.unpack_from(f"{order}I", header, 32)
    size_bytes, count = struct.unpack_from(f"{order}HH", header, 58 if is_64 else 46)
    end: int = place + size_bytes * count
    return max([end, *(each.offset + each.size_bytes for each in segments)])


def _find_size(stream: BinaryIO) -> int:
    stream.seek(0, os.SEEK_END)
    return stream.tell()
