# SPDX-License-Identifier: Apache-2.0
"""Opening files and folders that users can rearrange, without being led elsewhere: no link is followed, anywhere.

The agent may run as root while a user swaps a folder for a link to another place, or a file for a pipe that never
ends. So every path is walked part by part from a folder that is held open. What the files mean is not known here.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in place of a file must not make us wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

MAX_HASHED_BYTES = 256 * 1024 * 1024
"""The largest file that is hashed. A longer copy of a listed file has another hash anyway."""
MAX_HASHED_OF_USERS_BYTES = 64 * 1024 * 1024
"""The same for an installed file that users can write: it costs them little to make many."""
# A file system may keep a small file without blocks of its own, which then looks like a hole.
_NO_HOLE_BYTES = 64 * 1024
_CHUNK_BYTES = 256 * 1024
# Two changes within one tick of the file system's clock look like one, so what has just changed is not remembered.
_SETTLED_NS = 2 * 10**9


class NotRegularError(OSError):
    """There is something else than a regular file of an expected size."""


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Open a folder by its absolute path, of which no part may be a link.

    Raises:
        OSError: there is none, it may not be read, or a part of the path is a link.
    """
    descriptor = os.open("/", _FOLDER)
    try:
        for part in path.parts[1:]:
            below = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(path: Path) -> Iterator[int]:
    """Open a regular file by its absolute path, of which no part may be a link.

    Raises:
        OSError: as for a folder; NotRegularError when it is a pipe, a device or the like.
    """
    with open_folder(path.parent) as folder:
        descriptor = os.open(path.name, _FILE, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRegularError(f"{path} is not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def load_bytes(path: Path, limit_bytes: int) -> bytes:
    """Load a regular file that is not larger than the limit.

    Raises:
        OSError: as for `open_file`; NotRegularError when it is larger.
    """
    with open_file(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise NotRegularError(f"{path} is larger than {limit_bytes} bytes")
    return content


class ContentHasher:
    """SHA-256 of open files. What has not changed since is not read again."""

    MAX_REMEMBERED = 4096

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}

    def hash_installed(self, descriptor: int) -> str | None:
        """Return the hex digest of an open file that users may have made to keep us busy; None also if it looks so."""
        return self._hash(descriptor, _limit_bytes(os.fstat(descriptor)))

    def hash_open(self, descriptor: int) -> str | None:
        """Return the hex digest of an open file, or None when it is too large, changing or cannot be read."""
        return self._hash(descriptor, MAX_HASHED_BYTES)

    def _hash(self, descriptor: int, limit_bytes: int) -> str | None:
        file = os.fstat(descriptor)
        before = _identify(file)
        if before in self._known:
            return self._known[before]
        if file.st_size > limit_bytes:
            return None
        digest = hashlib.sha256()
        with suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            left_bytes = limit_bytes
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                digest.update(chunk)
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    return None
            after = os.fstat(descriptor)
            if _identify(after) == before:
                if time.time_ns() - after.st_ctime_ns > _SETTLED_NS:
                    self._remember(before, digest.hexdigest())
                return digest.hexdigest()
        return None

    def _remember(self, identity: tuple[int, ...], digest: str) -> None:
        if len(self._known) >= self.MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[identity] = digest


def _limit_bytes(file: os.stat_result) -> int:
    """Return how long an installed file may be to be read."""
    if file.st_uid == 0 and not file.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return MAX_HASHED_BYTES
    # A hole costs its maker nothing, and us as much as content does.
    is_sparse = file.st_blocks * 512 < file.st_size
    return _NO_HOLE_BYTES if is_sparse else MAX_HASHED_OF_USERS_BYTES


def _identify(status: os.stat_result) -> tuple[int, ...]:
    # The time of modification can be set back by whoever owns the file; the time of change cannot.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def to_text(name: str | bytes) -> str:
    """Return a name from the file system as text that can be encoded; bytes that are no UTF-8 become marks."""
    return os.fsencode(name).decode("utf-8", "replace")
