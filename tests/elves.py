# SPDX-License-Identifier: Apache-2.0
"""Small executables of Linux, made by hand: with the texts, notes and segments that a test is about.

    content = make_elf([b"first text", b"second text"], notes=make_note(b"GNU", 3, bytes(20)))

They are laid out as linkers do it: headers and notes, code, constants, data, and behind all of that what `strip` takes
away. They are read, not run; `tests.disguises` changes programs that run.
"""

import struct
from collections.abc import Iterable

PAGE_BYTES = 4096
READ, READ_EXECUTE, READ_WRITE = 4, 5, 6
LOAD, NOTE = 1, 4
SHARED = 3


def make_texts(count: int, word: str = "says") -> list[bytes]:
    """Return so many different texts."""
    return [f"what a program {word}, number {number}".encode() for number in range(count)]


def make_note(owner: bytes, type_: int, content: bytes, *, order: str = "<") -> bytes:
    """Return one note as linkers write it."""
    parts = (owner + b"\0", content)
    padded = b"".join(part + bytes(-len(part) % 4) for part in parts)
    return struct.pack(f"{order}III", len(parts[0]), len(content), type_) + padded


def make_elf(
    texts: Iterable[bytes] = (),
    *,
    notes: bytes = b"",
    code: bytes = b"",
    data: bytes = b"",
    symbols: bytes = b"symbols that nobody needs to run it",
    is_64: bool = True,
    order: str = "<",
    mark: bytes = b"",
) -> bytes:
    """Return a whole file; `mark` stands where AppImages have theirs."""
    header_bytes, entry_bytes, section_bytes = (64, 56, 64) if is_64 else (52, 32, 40)
    start = header_bytes + 5 * entry_bytes
    parts = [
        (READ, bytes(start) + notes),
        (READ_EXECUTE, code),
        (READ, b"".join(text + b"\0" for text in texts)),
        (READ_WRITE, data),
    ]
    entries, whole = [(NOTE, READ, start, len(notes))], b""
    for flags, content in parts:
        entries.append((LOAD, flags, len(whole), len(content)))
        whole += content + bytes(-len(content) % PAGE_BYTES)
    whole += symbols
    header = _make_header(is_64, order, mark, len(entries), len(whole))
    table = b"".join(_make_entry(is_64, order, *entry) for entry in entries)
    return header + table + whole[start:] + bytes(section_bytes)


def _make_header(is_64: bool, order: str, mark: bytes, entries: int, sections_place: int) -> bytes:
    ident = (b"\x7fELF" + bytes([2 if is_64 else 1, 1 if order == "<" else 2, 1, 0]) + mark).ljust(16, b"\0")
    word, header_bytes, entry_bytes, section_bytes = ("Q", 64, 56, 64) if is_64 else ("I", 52, 32, 40)
    places = (0, header_bytes, sections_place)
    sizes = (header_bytes, entry_bytes, entries, section_bytes, 1, 0)
    return ident + struct.pack(f"{order}HHI3{word}I6H", SHARED, 62, 1, *places, 0, *sizes)


def _make_entry(is_64: bool, order: str, type_: int, flags: int, place: int, size_bytes: int) -> bytes:
    if is_64:
        return struct.pack(f"{order}IIQQQQQQ", type_, flags, place, place, place, size_bytes, size_bytes, 4)
    return struct.pack(f"{order}IIIIIIII", type_, place, place, place, size_bytes, size_bytes, flags, 4)
