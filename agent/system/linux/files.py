# SPDX-License-Identifier: Apache-2.0
"""Opening files and folders that users can rearrange, without being led elsewhere: no link is followed, anywhere.

The agent may run as root while a user swaps a folder for a link to another place, or a file for a pipe that never
ends. So every path is walked part by part from a folder that is held open. What the files mean is not known here.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in place of a file must not make us wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


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


def load_words(path: Path, limit_bytes: int = 4096) -> str:
    """Return what a file of the kernel's says (sysfs, where links are the kernel's own), nothing if it says nothing."""
    try:
        with open(path, "rb") as stream:
            return stream.read(limit_bytes).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def to_text(name: str | bytes) -> str:
    """Return a name from the file system as text that can be encoded; bytes that are no UTF-8 become marks."""
    return os.fsencode(name).decode("utf-8", "replace")
