# SPDX-License-Identifier: Apache-2.0
"""Tests of telling programs from other ELF files."""

import io
import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing.parsers.executable import parse

FLAGS_1 = 0x6FFFFFFB
IS_PROGRAM = 0x08000000


def make_elf(kind: int, *parts: tuple[int, bytes], bits: int = 64, order: str = "<") -> bytes:
    """Return an ELF file of a kind with parts, each of a type and with a content."""
    is_64 = bits == 64
    start_size, part_size = (64, 56) if is_64 else (52, 32)
    table, data = b"", b""
    for what, content in parts:
        place = start_size + part_size * len(parts) + len(data)
        numbers = (what, 0, place, 0, 0, len(content), 0, 0) if is_64 else (what, place, 0, 0, len(content), 0, 0, 0)
        table += struct.pack(f"{order}{'IIQQQQQQ' if is_64 else 'IIIIIIII'}", *numbers)
        data += content
    start = b"\x7fELF" + bytes((2 if is_64 else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    start += struct.pack(f"{order}HHI", kind, 62, 1)
    start += struct.pack(f"{order}{'QQQ' if is_64 else 'III'}", 0x1000, start_size, 0)
    start += struct.pack(f"{order}IHHHHHH", 0, start_size, part_size, len(parts), 0, 0, 0)
    return start + table + data


def is_program(content: bytes) -> bool:
    found = parse(io.BytesIO(content))["is_program"]
    assert isinstance(found, bool)
    return found


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_kinds_are_told_apart_on_every_machine(bits: int, order: str):
    """A program, one that can be loaded anywhere, a static one of these; a library, an object, a crash."""
    word = "I" if bits == 32 else "Q"
    marked = struct.pack(f"{order}6{word}", 1, 5, FLAGS_1, IS_PROGRAM, 0, 0)
    unmarked = struct.pack(f"{order}6{word}", 1, 5, FLAGS_1, 1, 0, 0)

    def make(kind: int, *parts: tuple[int, bytes]) -> bytes:
        return make_elf(kind, *parts, bits=bits, order=order)

    assert is_program(make(2))
    assert is_program(make(3, (1, b""), (3, b"/lib/ld.so\0")))
    assert is_program(make(3, (2, marked)))
    assert not is_program(make(3, (2, unmarked)))
    assert not is_program(make(3, (1, b"code")))
    assert not is_program(make(1))
    assert not is_program(make(4))


def test_real_files_are_told_apart():
    """The Python that runs this, and a library of it."""
    assert is_program(Path(sys.executable).read_bytes())
    library = find_spec("psutil._psutil_linux")
    assert library is not None
    assert not is_program(Path(str(library.origin)).read_bytes())


GOOD = make_elf(3, (1, b""), (3, b"/lib/ld.so\0"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ",
        GOOD[:51],
        GOOD[:63],
        GOOD[:100],
        GOOD[:4] + b"\x09" + GOOD[5:],
        GOOD[:32] + b"\xff" * 8 + GOOD[40:],
        GOOD[:54] + b"\xff" * 4 + GOOD[58:],
        make_elf(3, (2, b""))[:72] + b"\xff" * 8 + make_elf(3, (2, b""))[80:],
    ],
)
def test_a_broken_file_is_refused(content: bytes):
    """Whatever its numbers say, reading it ends."""
    with pytest.raises(ParseError):
        parse(io.BytesIO(content))


def test_any_bytes_are_judged_or_refused():
    """Each byte of the beginning changed, one after the other."""
    for place in range(5, len(GOOD)):
        for value in (0, 1, 0x7F, 0xFF):
            content = GOOD[:place] + bytes((value,)) + GOOD[place + 1 :]
            try:
                is_program(content)
            except ParseError:
                continue
