# SPDX-License-Identifier: Apache-2.0
"""Files that only their owner can read and that are whole or not there, also after a power cut; and the folders they
lie in."""

import os
import stat
from pathlib import Path

from proto.errors import UnsafeFolderError


def verify_own_folder(path: Path) -> None:
    """Return if nobody but us can change what lies in a folder; one that is not there yet is made private later.

    Raises:
        UnsafeFolderError: it belongs to somebody else, or others can write to it: they could swap what is in it.
    """
    if os.name != "posix":
        return
    try:
        folder = path.stat()
    except FileNotFoundError:
        return
    if folder.st_uid != os.geteuid():
        raise UnsafeFolderError(
            f"{path} belongs to another user",
            hint="run this as the user who owns the folder (for a service: root), or choose another folder",
        )
    # Our own group is on many systems nobody but us, and new folders are open to it.
    is_shared = folder.st_mode & stat.S_IWGRP and folder.st_gid != os.getegid()
    if folder.st_mode & stat.S_IWOTH or is_shared:
        raise UnsafeFolderError(
            f"other users can write to {path}",
            hint=f"see whether what is in it is yours; then: chmod go-w {path}",
        )


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, and those above it that are not there yet."""
    # Not `parents=True`, which would let everybody into the folders above.
    if not path.parent.exists():
        make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then into its place.

    One that is not durable is not waited for: others see it whole, but a power cut may take it.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    make_private_folder(path.parent)
    temporary = path.with_name(path.name + ".new")
    # Made anew each time: what lies there already may be a link to elsewhere, or open to others.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders and needs none of this.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
