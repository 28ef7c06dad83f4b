# SPDX-License-Identifier: Apache-2.0
"""How much music, video and pictures lie in users' homes: counted a slice at a time, over all of them, never listed.

A file counts by the ending of its name. What is hidden, is smaller than a photograph, lies deeper than eight folders
or behind a link does not count, so a count is the least there is.
"""

import os
import stat
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from agent.system.arrivals import MediaCount
from agent.system.linux.arrivals.folders import SKIPPED
from agent.system.linux.files import open_folder
from agent.system.linux.gaps import Gaps
from agent.system.linux.homes import find_homes

SLICE_S = 0.05
DEEPEST = 8
MAX_FOLDERS = 100_000
SMALLEST_BYTES = 32 * 1024
"""Pictures of buttons and sounds of programs are smaller."""

_ENDINGS = {
    **dict.fromkeys("mp3 m4a aac flac ogg oga opus wav wma aiff aif alac ape m4b".split(), "audio"),
    **dict.fromkeys("mp4 m4v mkv avi mov wmv webm flv mpg mpeg vob 3gp ts m2ts ogv".split(), "video"),
    **dict.fromkeys("jpg jpeg png gif webp heic heif tif tiff bmp raw cr2 nef arw dng avif".split(), "picture"),
}


class MediaCounter:
    """Counts over and over, as long as somebody asks."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._complete = MediaCount(is_complete=False)
        self._counting: Generator[None, None, None] | None = None
        self._counts: Counter[str] = Counter()

    def count(self) -> MediaCount:
        """Go on for a moment, and return the last complete count; before there is any, one that says so."""
        now_s = time.monotonic()
        if self._counting is None:
            self._counts = Counter()
            self._counting = self._go_through()
        for _ in self._counting:
            if time.monotonic() - now_s >= SLICE_S:
                return self._complete
        self._counting = None
        counts: dict[str, Any] = dict(self._counts)
        self._complete = MediaCount(**counts)
        return self._complete

    def close(self) -> None:
        """Leave off counting."""
        if self._counting is not None:
            self._counting.close()
            self._counting = None

    def _go_through(self) -> Generator[None, None, None]:
        """Count, and give way after every few files. No folder stays open meanwhile but the one being listed."""
        waiting = [(home, 0) for home in find_homes(self._root, Gaps())]
        seen = 0
        while waiting and seen < MAX_FOLDERS:
            path, depth = waiting.pop()
            seen += 1
            try:
                with open_folder(path) as descriptor:
                    for name in self._count_folder(descriptor):
                        if name and depth < DEEPEST:
                            waiting.append((path / name, depth + 1))
                        yield
            except OSError:  # it has gone, or cannot be read: then it is not counted
                continue

    def _count_folder(self, descriptor: int) -> Iterator[str]:
        """Count the files of one folder, and yield for each entry: the name of a folder to count, or nothing."""
        device = os.fstat(descriptor).st_dev
        with os.scandir(descriptor) as entries:
            for entry in entries:
                kind = _ENDINGS.get(entry.name.rpartition(".")[2].lower())
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name.startswith(".") or entry.name in SKIPPED or not (kind or is_folder):
                    yield ""
                    continue
                status = entry.stat(follow_symlinks=False)
                if is_folder:
                    yield entry.name if status.st_dev == device else ""
                    continue
                if kind and stat.S_ISREG(status.st_mode) and status.st_size >= SMALLEST_BYTES:
                    self._counts[f"{kind}_files"] += 1
                    self._counts[f"{kind}_bytes"] += status.st_size
                yield ""
