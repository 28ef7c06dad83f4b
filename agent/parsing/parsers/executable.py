# SPDX-License-Identifier: Apache-2.0
"""Whether an ELF file is a program: something that can be started, not a library, an object or the image of a crash.

Who made it and what it is like is the business of the parser `elf`.
"""

import struct
from typing import Any, BinaryIO

from agent.errors import ParseError

_EXECUTABLE, _SHARED = 2, 3
_INTERPRETER, _DYNAMIC = 3, 2
_MAX_PARTS = 128
_MAX_DYNAMIC_BYTES = 64 * 1024
_FLAGS_1, _IS_PROGRAM = 0x6FFFFFFB, 0x08000000


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `is_program`.

    Raises:
        ParseError: it is no ELF file, or ends too early.
    """
    start = stream.read(64)
    if len(start) < 52 or not start.startswith(b"\x7fELF") or start[4] not in (1, 2) or start[5] not in (1, 2):
        raise ParseError("a file that is no whole ELF file")
    is_64, order = start[4] == 2, "<" if start[5] == 1 else ">"
    (kind,) = struct.unpack_from(f"{order}H", start, 16)
    if kind != _SHARED:
        return {"is_program": kind == _EXECUTABLE}
    if is_64 and len(start) < 64:
        raise ParseError("a file that is no whole ELF file")
    (place,) = struct.unpack_from(f"{order}{'Q' if is_64 else 'I'}", start, 32 if is_64 else 28)
    size, count = struct.unpack_from(f"{order}HH", start, 54 if is_64 else 42)
    if count > _MAX_PARTS or size != (56 if is_64 else 32) or place >= 1 << 62:
        raise ParseError("a file with an odd table of parts")
    stream.seek(place)
    table = stream.read(size * count)
    if len(table) < size * count:
        raise ParseError("a file that ends before its table of parts")
    for at in range(0, len(table), size):
        (what,) = struct.unpack_from(f"{order}I", table, at)
        if what == _INTERPRETER:
            return {"is_program": True}
        if what == _DYNAMIC and _says_program(stream, table, at, is_64, order):
            return {"is_program": True}
    return {"is_program": False}


def _says_program(stream: BinaryIO, table: bytes, at: int, is_64: bool, order: str) -> bool:
    """Return whether the linker marked a program that needs no interpreter, as it does for static ones."""
    word = "Q" if is_64 else "I"
    (offset,) = struct.unpack_from(f"{order}{word}", table, at + (8 if is_64 else 4))
    (size,) = struct.unpack_from(f"{order}{word}", table, at + (32 if is_64 else 16))
    if offset >= 1 << 62:
        raise ParseError("a file with an odd table of parts")
    stream.seek(offset)
    content = stream.read(min(size, _MAX_DYNAMIC_BYTES))
    pair = struct.Struct(f"{order}{word}{word}")
    for tag, value in pair.iter_unpack(content[: len(content) - len(content) % pair.size]):
        if tag == 0:
            break
        if tag == _FLAGS_1:
            return bool(value & _IS_PROGRAM)
    return False
