# SPDX-License-Identifier: Apache-2.0
"""A wall clock of their own for processes, which can be set while they run; `clock.c` says how. Needs a C compiler."""

import mmap
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
DAY_NS = 24 * 3600 * 10**9
YEAR_NS = 365 * DAY_NS


def find_missing() -> str:
    """Say what is missing to give processes a clock; empty when nothing is."""
    return "" if shutil.which("cc") else "a C compiler (apt install gcc)"


class Clock:
    """How far a clock is off, for every process that is started with its environment."""

    def __init__(self, folder: Path, name: str) -> None:
        library = folder / "clock.so"
        if not library.exists():
            command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
            subprocess.run(command, check=True)
        file = folder / f"{name}.clock"
        file.write_bytes(bytes(mmap.PAGESIZE))
        with file.open("r+b") as opened:
            self._place = mmap.mmap(opened.fileno(), mmap.PAGESIZE)
        self.environment = {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(file)}

    def set(self, offset_ns: int) -> None:
        """Set it that far from the true time, for those that run too."""
        self._place[:8] = offset_ns.to_bytes(8, "little", signed=True)
