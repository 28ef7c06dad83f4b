# SPDX-License-Identifier: Apache-2.0
"""Files that only their owner can read and that are whole or not there, also after a power cut."""

import os
from pathlib import Path


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it, that only its owner can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then into its place.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    make_private_folder(path.parent)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
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
