# SPDX-License-Identifier: Apache-2.0
"""Files that arrive in users' folders on Linux: told by the kernel, looked for again where it could not tell all.

`folders` says which folders, `events` watches them, `media` counts. What a file is, the
child without rights says (`agent.parsing`). What came before the watch began is not told.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from agent.errors import ParseError
from agent.parsing.formats import SCRIPT_ENDINGS, ending_of, is_library_name
from agent.parsing.interface import Parsing
from agent.system.arrivals import Arrival, ArrivalCoverage, Arrivals, ArrivalWatch, Look, MediaCount
from agent.system.linux.arrivals.events import FolderEvents, Watched, is_of_note
from agent.system.linux.arrivals.folders import Folder, FolderSurvey, has_come_since, list_files
from agent.system.linux.arrivals.media import MediaCounter
from agent.system.linux.files import open_file, open_folder, to_text
from agent.system.linux.gaps import Gaps
from agent.system.linux.homes import FIRST_USER_ID

SURVEY_EVERY_S = 300.0
"""New homes, and whatever nobody told."""
SURVEY_AGAIN_S = 5.0
"""After folders have come or gone."""
SURVEY_SHARE = 0.002
"""Of the time that passes: where it takes long to go through the folders, the next time is put off for long."""
MAX_HASHED_BYTES = 64 * 1024 * 1024
MAX_NAME_CHARACTERS = 128
_CHUNK_BYTES = 256 * 1024
_MARGIN_NS = 10**9
"""Files get their times from a clock that is a little behind."""


class LinuxArrivals(ArrivalWatch):
    """Watches the folders of users below a root folder."""

    def __init__(
        self,
        root: Path,
        parsing: Parsing,
        wake: Callable[[], None],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parsing = parsing
        self._clock_s = clock_s
        self._survey = FolderSurvey(root, parsing)
        self._media = MediaCounter(root)
        self._watched: dict[tuple[int, int], int] = {}
        self._gaps: tuple[str, ...] = ()
        self._has_looked = False
        self._may_survey_s = self._survey_due_s = 0.0
        self._is_behind = False
        self._known_until_ns = 0
        self._events = self._begin(wake)
        self._look_through({})

    def take(self) -> Arrivals:
        """Return what came since the last call, looking through the folders where the kernel could not tell."""
        if self._events is None:
            return Arrivals((), is_complete=False)
        taken = self._events.take()
        files = taken.files
        for path in filter(_is_hard_link, taken.made):
            if not self._events.keep_back(path, taken.made[path]):
                files[path] = taken.made[path]
        self._is_behind |= not taken.is_complete
        if self._is_behind or taken.have_folders_changed:
            self._survey_due_s = min(self._survey_due_s, self._may_survey_s)
        if self._clock_s() >= self._survey_due_s:
            self._look_through(files)
        elif not (self._is_behind or taken.have_folders_changed):
            self._known_until_ns = time.time_ns() - _MARGIN_NS
        return Arrivals(tuple(Arrival(path, place) for path, place in files.items()))

    def look(self, file: Arrival) -> Look | None:
        """Return what a file is; None when it has gone, cannot be read, or is no user's."""
        try:
            with open_file(Path(file.path)) as descriptor:
                status = os.fstat(descriptor)
                if file.place == "temporary" and status.st_uid < FIRST_USER_ID:
                    # The system's own programs unpack there what they install.
                    return None
                if not status.st_size:
                    # A browser's mark of where something will be.
                    return Look("", name=_to_name(Path(file.path).name))
                return self._look_at(descriptor, Path(file.path).name, status.st_size)
        except OSError:
            return None

    def count_media(self) -> MediaCount:
        """Count for a moment; the last complete count stands until the next is complete."""
        return self._media.count()

    def coverage(self) -> ArrivalCoverage:
        """Return how many folders are watched now, and what is not."""
        return ArrivalCoverage(len(self._watched), self._gaps)

    def close(self) -> None:
        """End the watch. A second call does nothing."""
        if self._events is not None:
            self._events.close()
            self._events = None
        self._media.close()
        self._watched = {}

    def _begin(self, wake: Callable[[], None]) -> FolderEvents | None:
        try:
            return FolderEvents(wake, clock_s=self._clock_s)
        except OSError:
            self._gaps = ("the system's limit of inotify instances is reached",)
            return None

    def _look_through(self, files: dict[str, str]) -> None:
        """Go through the folders: watch new ones, leave those that have gone, and add the files that nobody told of.

        In a folder that came into a watched one every file is new. In one that was there before (a home that was
        mounted), and in all of them when the kernel had too much to tell, those are that changed since the last time.
        """
        if self._events is None:
            return
        began_s, began_ns = self._clock_s(), time.time_ns() - _MARGIN_NS
        since_ns = self._known_until_ns if self._has_looked else began_ns
        gaps = Gaps()
        watched: dict[tuple[int, int], int] = {}
        fresh: set[str] = set()
        for folder in self._survey.walk(gaps):
            if folder.identity in watched:
                continue
            known = self._watched.get(folder.identity)
            number = self._watch(folder, known, gaps)
            if number is None:
                continue
            watched[folder.identity] = number
            if known is None:
                # It came below a folder that was watched before.
                came = self._has_looked and folder.depth > 0 and folder.path.rpartition("/")[0] not in fresh
                if not came:
                    fresh.add(folder.path)
                self._add_files(folder, 0 if came else since_ns, files, gaps)
            elif self._is_behind:
                self._add_files(folder, since_ns, files, gaps)
        for identity in self._watched.keys() - watched.keys():
            self._events.remove(self._watched[identity])
        self._watched, self._gaps = watched, gaps.to_words()
        self._has_looked, self._is_behind = True, False
        self._known_until_ns = began_ns
        now_s = self._clock_s()
        self._may_survey_s = now_s + max(SURVEY_AGAIN_S, (now_s - began_s) / SURVEY_SHARE)
        self._survey_due_s = max(self._may_survey_s, now_s + SURVEY_EVERY_S)

    def _watch(self, folder: Folder, known: int | None, gaps: Gaps) -> int | None:
        assert self._events is not None
        watched = Watched(folder.path, folder.place, folder.is_deepest)
        if known is not None and self._events.rename(known, watched):
            return known
        try:
            return self._events.add(folder.descriptor, watched)
        except OSError as error:
            why = "the system's limit of inotify watches is reached" if error.errno == errno.ENOSPC else error
            gaps.add(f"a folder ({folder.place})", why)
            return None

    def _add_files(self, folder: Folder, since_ns: int, files: dict[str, str], gaps: Gaps) -> None:
        events = self._events
        assert events is not None

        def add(entry: "os.DirEntry[str]") -> None:
            if not is_of_note(folder.place, entry.name) or not has_come_since(entry, since_ns):
                return
            path = f"{folder.path}/{entry.name}"
            if not events.keep_back(path, folder.place):
                files.setdefault(path, folder.place)

        list_files(folder, add, gaps)

    def _look_at(self, descriptor: int, name: str, size_bytes: int) -> Look:
        try:
            found = self._parsing.parse("archive", descriptor)
        except ParseError:
            # It may well be made to be unreadable.
            sha256 = _hash(descriptor, size_bytes)
            return Look("unknown", "unknown", size_bytes=size_bytes, sha256=sha256, name=_to_name(name))
        format_, contains = str(found.get("format", "")), str(found.get("contains", ""))
        is_executable = found.get("is_executable") is True
        if not format_ and ending_of(name) in SCRIPT_ENDINGS:
            format_, is_executable = "script", True
        elif is_library_name(name):
            is_executable = False
        return Look(
            format=format_,
            contains=contains,
            is_executable=is_executable,
            size_bytes=size_bytes,
            sha256=_hash(descriptor, size_bytes) if is_executable or contains else "",
            name=_to_name(name),
        )


def _is_hard_link(path: str) -> bool:
    """Tell whether a name leads to a regular file that has others."""
    try:
        with open_folder(Path(path).parent) as folder:
            status = os.stat(Path(path).name, dir_fd=folder, follow_symlinks=False)
    except OSError:  # it has gone
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _to_name(name: str) -> str:
    """Return a name as it may be told."""
    text = to_text(name)[:MAX_NAME_CHARACTERS]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _hash(descriptor: int, size_bytes: int) -> str:
    """Return the hex SHA-256 of an open file, empty when it is too large or grows."""
    if size_bytes > MAX_HASHED_BYTES:
        return ""
    digest = hashlib.sha256()
    at = 0
    while at <= size_bytes and (chunk := os.pread(descriptor, _CHUNK_BYTES, at)):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest() if at == size_bytes else ""
