# SPDX-License-Identifier: Apache-2.0
"""The content of programs: its digest is made here, what is inside an executable is told by the child for parsing.

What has not changed since is not read again. Where files are and how they are opened is the business of who asks.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Set
from contextlib import suppress

from agent.errors import ParseError
from agent.parsing.interface import Parsing
from agent.system.content import Content
from rules.likeness import parse_sketch

MAX_READ_BYTES = 256 * 1024 * 1024
"""The largest file that is read. A longer copy of a listed file has another digest anyway."""
MAX_READ_OF_USERS_BYTES = 64 * 1024 * 1024
"""The same for a file that users can write: it costs them little to make many, or to run them."""
# A file system may keep a small file without blocks of its own, which then looks like a hole.
_NO_HOLE_BYTES = 64 * 1024
_CHUNK_BYTES = 256 * 1024
# Two changes within one tick of the file system's clock look like one, so what has just changed is not remembered.
_SETTLED_NS = 2 * 10**9
_INSIDE = frozenset({"build_id", "sketch"})
_MAGIC = b"\x7fELF"
_BUILD_ID = re.compile(r"([0-9a-f]{2}){0,64}")


class ContentReader:
    """Reads open files, and remembers what it found."""

    MAX_REMEMBERED = 4096

    def __init__(self, find_parsing: Callable[[], Parsing]) -> None:
        """Take what gives the child for parsing; it is asked when the first executable is looked into."""
        self._find_parsing = find_parsing
        self._known: dict[object, dict[str, str]] = {}

    def read_open(self, descriptor: int, wanted: Set[str]) -> Content:
        """Return what is wanted of an open file, but nothing of one that is changing, or that is so large or has such
        holes that users may have made it to keep us busy."""
        file = os.fstat(descriptor)
        limit_bytes = _limit_bytes(file)
        before = _identify(file)
        found = dict(self._known.get(before, {}))
        missing = wanted - found.keys()
        if missing and file.st_size <= limit_bytes:
            if "sha256" in missing and (digest := _hash(descriptor, limit_bytes)):
                found["sha256"] = digest
            if missing & _INSIDE:
                found |= self._look_inside(descriptor)
            after = os.fstat(descriptor)
            if _identify(after) != before:
                return Content(is_complete=False)
            if time.time_ns() - after.st_ctime_ns > _SETTLED_NS:
                self._remember(before, found)
        return _to_content(found, wanted)

    def read_image(self, descriptor: int, wanted: Set[str]) -> Content:
        """Return what is wanted of an image of a program as it is in memory, which has no digest of its own."""
        # Several processes of one program are the rule, and to compare is quicker than to look inside.
        digest = _hash(descriptor, MAX_READ_BYTES)
        found = self._known.get(digest, {})
        if digest and wanted & _INSIDE and not found:
            found = self._look_inside(descriptor)
            self._remember(digest, found)
        return _to_content(found, wanted)

    def _look_inside(self, descriptor: int) -> dict[str, str]:
        """Return what the child finds; nothing if it cannot tell, for it may be able to later."""
        try:
            if os.pread(descriptor, len(_MAGIC), 0) != _MAGIC:
                return dict.fromkeys(_INSIDE, "")
            told = self._find_parsing().parse("elf", descriptor)
        except (OSError, ParseError):
            return {}
        # A child that a hostile file has taken over says what it likes.
        build_id, sketch = str(told.get("build_id", "")), str(told.get("sketch", ""))
        if not _BUILD_ID.fullmatch(build_id) or (sketch and parse_sketch(sketch) is None):
            return {}
        return {"build_id": build_id, "sketch": sketch}

    def _remember(self, identity: object, found: dict[str, str]) -> None:
        if len(self._known) >= self.MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[identity] = found


def _to_content(found: dict[str, str], wanted: Set[str]) -> Content:
    return Content(**{what: found.get(what, "") for what in wanted}, is_complete=wanted <= found.keys())


def _hash(descriptor: int, limit_bytes: int) -> str | None:
    digest = hashlib.sha256()
    with suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            digest.update(chunk)
            limit_bytes -= len(chunk)
            if limit_bytes < 0:
                return None
        return digest.hexdigest()
    return None


def _limit_bytes(file: os.stat_result) -> int:
    """Return how long a file may be to be read."""
    if file.st_uid == 0 and not file.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return MAX_READ_BYTES
    # A hole costs its maker nothing, and us as much as content does.
    is_sparse = file.st_blocks * 512 < file.st_size
    return _NO_HOLE_BYTES if is_sparse else MAX_READ_OF_USERS_BYTES


def _identify(status: os.stat_result) -> tuple[int, ...]:
    # The time of modification can be set back by whoever owns the file; the time of change cannot.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
