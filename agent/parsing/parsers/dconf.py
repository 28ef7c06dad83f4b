# SPDX-License-Identifier: Apache-2.0
"""Databases of dconf (the GVDB format): when a GNOME, Cinnamon or MATE desktop locks, and nothing else in them.

A user's database holds what he has changed, a system's what an administrator set and which keys are locked. What a
missing key means is decided in `agent.system.linux.screens.lock_settings`.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from agent.errors import ParseError

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_ITEMS = 100_000
MAX_DEPTH = 16
MAX_KEY_BYTES = 512

_OF_GNOME = (
    "desktop/session/idle-delay",
    "desktop/screensaver/lock-enabled",
    "desktop/screensaver/lock-delay",
    "desktop/lockdown/disable-lock-screen",
)
_OF_MATE = (
    "session/idle-delay",
    "screensaver/lock-enabled",
    "screensaver/lock-delay",
    "screensaver/idle-activation-enabled",
    "lockdown/disable-lock-screen",
)
WANTED = frozenset(
    f"/org/{desktop}/{key}"
    for desktop, keys in {"gnome": _OF_GNOME, "cinnamon": _OF_GNOME, "mate": _OF_MATE}.items()
    for key in keys
)
"""The keys that are read."""

_SIGNATURE = b"GVariant"
_HEADER = struct.Struct("<8sIIII")
_TABLE = struct.Struct("<II")
_ITEM = struct.Struct("<IIIHBxII")
"""Hash, parent, start and length of the key, type, start and end of the value."""
_NO_PARENT = 0xFFFFFFFF
_BLOOM_WORDS = (1 << 27) - 1
_LOCKS = ".locks"


class _Database:
    """The bytes of one database, all places in which are checked before they are read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def find_root(self) -> tuple[int, int]:
        """Return where the outermost table lies."""
        signature, _, _, start, end = _HEADER.unpack(self._slice(0, _HEADER.size))
        if signature != _SIGNATURE:
            raise ParseError("it is no database of dconf")
        return start, end

    def list_items(self, start: int, end: int) -> Iterator[tuple[str, bytes, tuple[int, int]]]:
        """Yield key, type and place of the value of everything in a table."""
        table = self._slice(start, end)
        bloom, buckets = _TABLE.unpack_from(table) if len(table) >= _TABLE.size else (0, 0)
        first = _TABLE.size + 4 * ((bloom & _BLOOM_WORDS) + buckets)
        count = (len(table) - first) // _ITEM.size
        if count > MAX_ITEMS:
            raise ParseError("it has too many keys")
        items = [_ITEM.unpack_from(table, first + _ITEM.size * each) for each in range(max(0, count))]
        for number, (*_, kind, value_start, value_end) in enumerate(items):
            yield self._to_key(items, number), bytes([kind]), (value_start, value_end)

    def read_value(self, start: int, end: int) -> Any:
        """Return a value of one of the simple types, or None for one of another."""
        value, _, type_ = self._slice(start, end).rpartition(b"\0")
        if type_ == b"b" and len(value) == 1:
            return value != b"\0"
        if type_ in (b"u", b"i") and len(value) == 4:
            return int.from_bytes(value, "little", signed=type_ == b"i")
        return None

    def _to_key(self, items: list[tuple[Any, ...]], number: int) -> str:
        """Return a whole key: an item has only what comes after its parent's."""
        parts: list[bytes] = []
        for _ in range(MAX_DEPTH):
            _, parent, start, length, *_ = items[number]
            if length > MAX_KEY_BYTES:
                return ""
            parts.append(self._slice(start, start + length))
            if parent == _NO_PARENT:
                return b"".join(reversed(parts)).decode("utf-8", "replace")
            if parent >= len(items):
                raise ParseError("a key lies below one that is not there")
            number = parent
        # Nothing that is read lies so deep: a made-up database, or one that bites its own tail.
        return ""

    def _slice(self, start: int, end: int) -> bytes:
        if not 0 <= start <= end <= len(self._content):
            raise ParseError("it points beyond its end")
        return self._content[start:end]


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `values`, of the wanted keys, and `locked`, the wanted keys that a user cannot change.

    Raises:
        ParseError: it is no such database, or a broken one.
    """
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ParseError("it is too large")
    if not content:
        # dconf takes an empty file for an empty database.
        return {"values": {}, "locked": []}
    database = _Database(content)
    values: dict[str, Any] = {}
    locked: list[str] = []
    try:
        for key, kind, place in database.list_items(*database.find_root()):
            if kind == b"v" and key in WANTED:
                values[key] = database.read_value(*place)
            elif kind == b"H" and key == _LOCKS:
                locked += [each for each, *_ in database.list_items(*place) if each in WANTED]
    except struct.error as error:
        raise ParseError("it ends too soon") from error
    return {"values": {key: value for key, value in values.items() if value is not None}, "locked": sorted(locked)}
