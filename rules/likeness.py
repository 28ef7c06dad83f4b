# SPDX-License-Identifier: Apache-2.0
"""How alike two programs are, by the texts inside them: what they say to people and the functions they call.

A sketch is the 64 smallest hashes of a program's texts, written as `s1:` and 64 numbers of eight hexadecimal digits.
How many of the smallest of both together stand in both sketches tells what share of all texts the programs have in
common (bottom-k MinHash). Another name, a stripped symbol table, a changed byte or a new version changes few texts or
none. Where in a file the texts are is the business of who reads files; nothing is read here.
"""

import re
from hashlib import blake2b

KEPT = 64
"""Numbers of a sketch. A program with fewer texts has none: it could be like anything."""
LIKE = 0.75
"""From this share on two programs count as the same. Measured over Debian 12 (`python -m tests.bench.likeness`):
versions of one program have 0.90 and more in common, programs of different origin at most 0.50."""

_VERSION = "s1:"
_FORM = re.compile(rf"{_VERSION}[0-9a-f]{{{8 * KEPT}}}", re.IGNORECASE)
_TEXT = re.compile(rb"[\x20-\x7e]{8,}")
# In a Go program nine texts out of ten are names from Go's own library, the same in every other one. Its own are
# those of the package `main` and of packages that are named by an address: `github.com/...`.
_OWN_OF_GO = re.compile(rb"main\.|[a-z0-9-]\.[a-z]{2,4}/")
_MAX_REST_BYTES = 64 * 1024


class Sketcher:
    """Makes the sketch of one program out of its content, part by part."""

    def __init__(self, *, is_go: bool = False) -> None:
        self._is_go = is_go
        self._least: list[bytes] = []
        self._rest = b""

    def add(self, content: bytes) -> None:
        """Take in the next part. A text may begin in one part and end in the next; a zero byte ends it."""
        content = self._rest + content
        end = content.rfind(b"\0") + 1
        if len(content) - end > _MAX_REST_BYTES:
            end = len(content)
        self._rest = content[end:]
        texts = _TEXT.findall(content, 0, end)
        if self._is_go:
            texts = [text for text in texts if _OWN_OF_GO.search(text)]
        self._least = sorted({blake2b(text, digest_size=4).digest() for text in texts}.union(self._least))[:KEPT]

    def to_sketch(self) -> str:
        """Return the sketch of all that was taken in, or "" if it holds too few texts."""
        self.add(b"\0")
        return _VERSION + b"".join(self._least).hex() if len(self._least) == KEPT else ""


def parse_sketch(text: str) -> frozenset[int] | None:
    """Return the numbers of a sketch, or None if it is none: 64 different ones, the smallest first."""
    if not _FORM.fullmatch(text):
        return None
    digits = text[len(_VERSION) :]
    numbers = [int(digits[place : place + 8], 16) for place in range(0, len(digits), 8)]
    return frozenset(numbers) if numbers == sorted(set(numbers)) else None


def measure_likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Return, from 0 to 1, what share of all texts of two programs is in both, as their sketches let it be guessed."""
    both = one & other
    return sum(number in both for number in sorted(one | other)[:KEPT]) / KEPT
