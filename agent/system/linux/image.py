# SPDX-License-Identifier: Apache-2.0
"""The program of a process as it stands in the memory: the way to it where even root may not open the file.

So it is with every AppImage: it runs from a mount of the user's own (FUSE), into which nobody else may look. Read are
only the parts of the program's own file that the process cannot write: code and constants, nothing that a person has
typed, opened or received. What they mean is not known here.

What serves such a mount is a program of the user's. If it does not answer, who reads that memory stands still in the
kernel and cannot even be killed. So the reading is left to a process of its own, of which little is lost.
"""

import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from agent.reaper import Reaper

MAX_IMAGE_BYTES = 32 * 1024 * 1024
"""Constants come first, then code: in code there is only what old linkers put there."""
MAX_MAPS_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 2.0
MAX_LEFT = 3
"""Processes that stand still; with so many of them no other is started."""
MAX_SPENT_S = 4.0
"""Waiting, within SPENT_WITHIN_S."""
SPENT_WITHIN_S = 60.0
COMMAND = (sys.executable, "-I", "-m", "agent.system.linux.image")
"""Isolated (-I): no folder and no variable of anybody decides what is imported."""
_PIECE_BYTES = 1024 * 1024
_LARGEST_PLACE = 1 << 30
_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) r-(.). ([0-9a-f]+) \S+ \d+ *(.*)")


class ImageError(OSError):
    """There is no image, and why."""


class ImageReader:
    """Has images made, and knows what that has cost."""

    def __init__(self, command: Sequence[str] = COMMAND, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._command = command
        self._clock_s = clock_s
        self._reaper = Reaper()
        self._spent: deque[tuple[float, float]] = deque()

    @contextmanager
    def open_image(self, pid: int) -> Iterator[int]:
        """Open a file in memory that has, each at its place, the read-only parts of the program that a process runs.

        Raises:
            ImageError: the process has ended, the system does not let us look, or its file system does not answer.
        """
        image = os.memfd_create("image")
        try:
            self._fill(pid, image)
            yield image
        finally:
            os.close(image)

    def _fill(self, pid: int, image: int) -> None:
        if self._reaper.count_left() >= MAX_LEFT:
            raise ImageError("too many processes that read such programs stand still")
        began_s = self._clock_s()
        while self._spent and self._spent[0][0] <= began_s - SPENT_WITHIN_S:
            self._spent.popleft()
        if sum(spent_s for _, spent_s in self._spent) > MAX_SPENT_S:
            raise ImageError("reading such programs took too long in the last minute")
        process = subprocess.Popen(
            [*self._command, str(pid), str(image)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[image],
            cwd="/",
            env={},
            start_new_session=True,
        )
        try:
            code = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._reaper.end(process, patience_s=0)
            raise ImageError("the file system of that program does not answer") from None
        finally:
            self._spent.append((began_s, self._clock_s() - began_s))
        if code:
            raise ImageError("that process has ended, or may not be looked at")


def write_image(pid: int, image: int) -> None:
    """Copy the read-only parts of a process's program into a file.

    Raises:
        OSError: the process has ended, or the system does not let us look.
    """
    # Opened first: if the process turns into another program, this still is the memory of the one before.
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _copy(memory, image, _find_parts(pid))
    finally:
        os.close(memory)


@dataclass(frozen=True, slots=True, order=True)
class _Part:
    is_code: bool
    place: int
    """In the file."""
    start: int
    """In the memory."""
    size_bytes: int


def _find_parts(pid: int) -> list[_Part]:
    program = os.readlink(f"/proc/{pid}/exe".encode()).replace(b"\n", b"\\012")
    with open(f"/proc/{pid}/maps", "rb") as stream:
        content = stream.read(MAX_MAPS_BYTES)
    mappings = filter(None, map(_MAPPING.fullmatch, content.split(b"\n")))
    return [
        _Part(each[3] == b"x", int(each[4], 16), int(each[1], 16), int(each[2], 16) - int(each[1], 16))
        for each in mappings
        if each[5] == program
    ]


def _copy(memory: int, image: int, parts: list[_Part]) -> None:
    left_bytes = MAX_IMAGE_BYTES
    for part in sorted(parts):
        if part.place > _LARGEST_PLACE:
            continue
        size_bytes = min(part.size_bytes, left_bytes)
        left_bytes -= size_bytes
        done_bytes = 0
        with suppress(OSError):  # where the file is shorter than its mapping
            while content := os.pread(memory, min(_PIECE_BYTES, size_bytes - done_bytes), part.start + done_bytes):
                os.pwrite(image, content, part.place + done_bytes)
                done_bytes += len(content)


def main(arguments: Sequence[str]) -> int:
    """Copy the program of a process (its number) into an open file (its descriptor), and return the exit code."""
    try:
        write_image(int(arguments[0]), int(arguments[1]))
    except OSError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
