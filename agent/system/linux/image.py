# SPDX-License-Identifier: Apache-2.0
"""The program of a process as it stands in the memory: the way to it where even root may not open the file.

So it is with every AppImage: it runs from a mount of the user's own (FUSE), into which nobody else may look. Read are
only the parts of the program's own file that the process cannot write: code and constants, nothing that a person has
typed, opened or received. What they mean is not known here.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

MAX_IMAGE_BYTES = 32 * 1024 * 1024
"""Constants come first, then code: in code there is only what old linkers put there."""
MAX_MAPS_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_LARGEST_PLACE = 1 << 30
_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) r-(.). ([0-9a-f]+) \S+ \d+ *(.*)")


@contextmanager
def open_image(pid: int) -> Iterator[int]:
    """Open a file in memory that has, each at its place, the read-only parts of the program that a process runs.

    Raises:
        OSError: the process has ended, or the system does not let us look.
    """
    # Opened first: if the process turns into another program, this still is the memory of the one before.
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        image = os.memfd_create("image")
        try:
            _copy(memory, image, _find_parts(pid))
            yield image
        finally:
            os.close(image)
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
