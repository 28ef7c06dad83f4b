# SPDX-License-Identifier: Apache-2.0
"""The kernel's word on watched folders (inotify), through watchdog: which files were written or moved there.

watchdog's observers are not used. They follow links, take a thread for each folder tree and a watch for each folder in
it without an end, and say nothing when the system's limit leaves a part unwatched or the kernel's queue overflows. Its
`InotifyFD` underneath, one thread for all, does what is needed. Which folders there are is `folders`' part.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import CallbackId, InotifyEvent, Mask

MAX_WAITING = 20_000
"""Files kept until they are taken."""
WAKE_EVERY_S = 5.0
"""A compiler writes hundreds of temporary files: the first is told at once, the rest when somebody asks anyway."""
UNFINISHED_ENDINGS = (".crdownload", ".part", ".partial", ".download", ".opdownload", ".aria2", "~")
UNFINISHED_BEGINNINGS = (".com.google.Chrome.", ".org.chromium.Chromium.", ".goutputstream-")
"""Of names of files under way: they get another one at the end, which is seen."""
UNFINISHED_FOR_S = 300.0
"""What still has such a name after that is told all the same: it runs as well under this one."""
MAX_UNFINISHED = 1000
"""What is more is told at once."""
MAX_MADE = 1000
"""Names that came without a word on their content; what is more, the folders are looked through for."""

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE = 0x8, 0x40, 0x80, 0x100
_DELETE_SELF, _MOVE_SELF, _ONLY_FOLDERS = 0x400, 0x800, 0x01000000
_MASK = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS


def is_of_note(place: str, name: str) -> bool:
    """Tell whether a file or folder of that name may be what somebody wanted to have there."""
    return not (place == "home" and name.startswith("."))  # those are programs' own


def is_unfinished(name: str) -> bool:
    """Tell whether a file of that name is under way, by the ways of programs that fetch or write files."""
    return name.endswith(UNFINISHED_ENDINGS) or name.startswith(UNFINISHED_BEGINNINGS)


class Watched(NamedTuple):
    """A folder that is watched."""

    path: str
    place: str
    is_deepest: bool
    """What happens to folders in it is no news."""


class Taken(NamedTuple):
    """What happened since the last time, each file by its path and with its place."""

    files: dict[str, str]
    made: dict[str, str]
    """Came to be without a word on their content: hard links, and what is still being written."""
    is_complete: bool
    have_folders_changed: bool


class FolderEvents:
    """One inotify instance over many folders."""

    def __init__(self, wake: Callable[[], None], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Begin, with no folder.

        Raises:
            OSError: the system gives no more inotify instances.
        """
        # 1.6 MB with the rest of watchdog, so only where a policy has files watched.
        from watchdog.observers.inotify_c import InotifyFD

        self._wake = wake
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._folders: dict[int, Watched] = {}
        self._files: dict[str, str] = {}
        self._made: dict[str, str] = {}
        self._unfinished: dict[str, tuple[str, float]] = {}
        self._is_complete = True
        self._have_folders_changed = False
        self._may_wake_s = 0.0
        self._inotify = InotifyFD()
        self._inotify.start()

    def add(self, descriptor: int, folder: Watched) -> int:
        """Watch an open folder and return the number of the watch.

        Raises:
            OSError: the system's limit of watches is reached, or the folder has gone.
        """
        # The descriptor, not the path: so no link can lead us elsewhere. The dot makes the kernel follow this one.
        watched = os.fsencode(f"/proc/self/fd/{descriptor}/.")
        with self._lock:
            number = int(self._inotify.add_callback(watched, cast("Mask", _MASK), self, cast("CallbackId", id(self))))
            if number < 0:
                raise PermissionError(13, "Permission denied")
            self._folders[number] = folder
        return number

    def rename(self, number: int, folder: Watched) -> bool:
        """Note as what a watched folder is known now; return whether it is still watched."""
        with self._lock:
            if number not in self._folders:
                return False
            self._folders[number] = folder
            return True

    def remove(self, number: int) -> None:
        """End the watch of one folder; nothing if it has ended."""
        with self._lock:
            if self._folders.pop(number, None) is not None:
                self._inotify.remove_callbacks([(number, id(self))])  # type: ignore[list-item]

    def keep_back(self, path: str, place: str) -> bool:
        """Return whether a file that came is kept back, for its name says that it is under way; told if it stays."""
        with self._lock:
            return self._keep_back(path, place)

    def take(self) -> Taken:
        """Return what came since the last call, with the unfinished files that have been there for long."""
        with self._lock:
            long_ago_s = self._clock_s() - UNFINISHED_FOR_S
            for path in [path for path, (_, since_s) in self._unfinished.items() if since_s <= long_ago_s]:
                self._add(path, self._unfinished.pop(path)[0])
            taken = Taken(self._files, self._made, self._is_complete, self._have_folders_changed)
            self._files, self._made, self._is_complete, self._have_folders_changed = {}, {}, True, False
        return taken

    def close(self) -> None:
        """End the thread. A second call does nothing."""
        self._inotify.stop()
        if self._inotify.ident is not None:
            self._inotify.join()

    # What watchdog calls, in its thread.

    def on_event(self, event: "InotifyEvent") -> None:
        """Note a file that was written or moved here, or that folders are others than before."""
        with self._lock:
            folder = self._folders.get(event.wd)
            if folder is None:
                return
            name = os.fsdecode(event.name)
            if not is_of_note(folder.place, name):
                return
            if event.is_directory:
                if event.mask & (_DELETE_SELF | _MOVE_SELF) or not folder.is_deepest:
                    self._have_folders_changed = True
                return
            path = f"{folder.path}/{name}"
            if event.mask & _CREATE:
                self._note_made(path, folder.place)
            if not event.mask & (_CLOSE_WRITE | _MOVED_TO) or not self._note(path, folder.place):
                return
            now_s = self._clock_s()
            if now_s < self._may_wake_s:
                return
            self._may_wake_s = now_s + WAKE_EVERY_S
        self._wake()

    def on_watch_deleted(self, wd: int) -> None:
        """Forget a folder that has gone."""
        with self._lock:
            self._folders.pop(wd, None)

    def on_queue_overflow(self) -> None:
        """Note that the kernel had more to tell than there was room for."""
        with self._lock:
            self._is_complete = False
        self._wake()

    def _note(self, path: str, place: str) -> bool:
        self._made.pop(path, None)
        if self._keep_back(path, place):
            return False
        self._add(path, place)
        return True

    def _keep_back(self, path: str, place: str) -> bool:
        if not is_unfinished(path.rpartition("/")[2]):
            return False
        if path not in self._unfinished:
            if len(self._unfinished) >= MAX_UNFINISHED:
                return False
            # By the first time, so that whoever writes it again and again does not put it off.
            self._unfinished[path] = place, self._clock_s()
        return True

    def _note_made(self, path: str, place: str) -> None:
        if len(self._made) < MAX_MADE:
            self._made[path] = place
        else:
            self._is_complete = False

    def _add(self, path: str, place: str) -> None:
        if len(self._files) < MAX_WAITING:
            self._files[path] = place
        else:
            self._is_complete = False
