# SPDX-License-Identifier: Apache-2.0
"""A folder of this run's own for targets that need files, such as a CA; it is gone when the process ends."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def _make() -> Path:
    # In memory where there is such a place: a target that writes a file writes it half a million times.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
    maker = os.getpid()
    # A fuzzer's own process ends too, and must not take the folder from the others.
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == maker else None)
    return folder


def scratch_folder(name: str) -> Path:
    """Return a folder of that name, made when it is not there."""
    folder = _make() / name
    folder.mkdir(exist_ok=True)
    return folder
