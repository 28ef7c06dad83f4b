# SPDX-License-Identifier: Apache-2.0
"""Looks for a text wherever it could have been left: as it is, as UTF-16, base64, percent-encoded, and in pieces.

A search that finds nothing proves something only if the same search finds what is there: plant a control in each
haystack and look for it too.
"""

import base64
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

PIECE = 12
"""Characters of the pieces that a longer text is looked for in."""
STEP = 6
"""Between the beginnings of pieces: whatever is left of 17 characters and more holds a whole one."""
CHUNK_BYTES = 16 * 1024 * 1024


def spell(text: str, *, in_pieces: bool = False) -> set[bytes]:
    """Return every form in which a text is looked for, as a whole or in pieces."""
    pieces = {text}
    if in_pieces:
        pieces = {text[start : start + PIECE] for start in range(0, len(text) - PIECE + 1, STEP)} | {text[-PIECE:]}
    found: set[bytes] = set()
    for piece in pieces:
        raw = piece.encode()
        found |= {raw, piece.encode("utf-16-le"), piece.encode("utf-16-be")}
        found |= {quote(piece, safe="").encode(), quote_plus(piece).encode()}
        # Base64 of a longer text holds one of three spellings of it; its first and last signs depend on the neighbours.
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + raw)
            cut = encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            found |= {cut, cut.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def search(forms: Iterable[bytes], haystack: Iterable[bytes]) -> set[bytes]:
    """Return which forms stand in the pieces of a haystack, over the seams between them too."""
    forms = set(forms)
    longest = max(map(len, forms))
    found: set[bytes] = set()
    tail = b""
    for piece in haystack:
        content = tail + piece
        found |= {form for form in forms - found if form in content}
        tail = content[-longest:]
    return found


def read_folder(folder: Path) -> Iterator[bytes]:
    """Yield all that lies in the files of a folder, and their names.

    It is a copy that is read, and another process makes it: whoever closes a database's file takes away every lock that
    his own process has on it, and a test that looks into the same database would then write where nobody reads.
    """
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        subprocess.run(["cp", "--recursive", "--no-dereference", "--", str(folder), str(copy)], check=True)
        for path in sorted(copy.rglob("*")):
            yield os.fsencode(path.relative_to(copy)) + b"\n"
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    while content := file.read(CHUNK_BYTES):
                        yield content


def read_memory(pid: int) -> Iterator[bytes]:
    """Yield the memory that a process writes to; what it only reads are its programs. For its owner or root."""
    ranges = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *_ = line.split()
        if rights.startswith("rw"):
            start, end = (int(part, 16) for part in place.split("-"))
            ranges.append((start, end))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in ranges:
            while start < end:
                memory.seek(start)
                try:
                    content = memory.read(min(CHUNK_BYTES, end - start))
                except OSError:
                    break
                if not content:
                    break
                yield content
                start += len(content)
            yield b"\n"


def list_family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    family = [pid]
    for parent in family:
        for task in Path(f"/proc/{parent}/task").iterdir():
            family += [int(child) for child in (task / "children").read_text().split()]
    return family
