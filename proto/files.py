# SPDX-License-Identifier: Apache-2.0
"""Files that only their owner can read and that are whole or not there, also after a power cut."""

import os
from pathlib import Path


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, and those above it that are not there yet."""
    # Not `parents=True`, which would let everybody into the folders above.
    if not path.parent.exists():
        make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then into its place.

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
            os.fsync(descriptor)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
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
