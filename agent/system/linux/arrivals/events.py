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

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE = 0x8, 0x40, 0x80, 0x100
_DELETE_SELF, _MOVE_SELF, _ONLY_FOLDERS = 0x400, 0x800, 0x01000000
_MASK = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS


def is_of_note(place: str, name: str) -> bool:
    """Tell whether a file or folder of that name may be what somebody wanted to have there."""
    if place == "home" and name.startswith("."):
        return False  # programs' own
    return not name.endswith(UNFINISHED_ENDINGS) and not name.startswith(UNFINISHED_BEGINNINGS)


class Watched(NamedTuple):
    """A folder that is watched."""

    path: str
    place: str
    is_deepest: bool
    """What happens to folders in it is no news."""


class FolderEvents:
    """One inotify instance over many folders."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Begin, with no folder.

        Raises:
            OSError: the system gives no more inotify instances.
        """
        # 1.6 MB with the rest of watchdog, so only where a policy has files watched.
        from watchdog.observers.inotify_c import InotifyFD

        self._wake = wake
        self._lock = threading.Lock()
        self._folders: dict[int, Watched] = {}
        self._files: dict[str, str] = {}
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

    def take(self) -> tuple[dict[str, str], bool, bool]:
        """Return the files since the last call with their places, whether these are all, and whether folders moved."""
        with self._lock:
            taken = self._files, self._is_complete, self._have_folders_changed
            self._files, self._is_complete, self._have_folders_changed = {}, True, False
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
            if not event.mask & (_CLOSE_WRITE | _MOVED_TO):
                return
            self._note(f"{folder.path}/{name}", folder)
            now_s = time.monotonic()
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

    def _note(self, path: str, folder: Watched) -> None:
        if len(self._files) < MAX_WAITING:
            self._files[path] = folder.place
        else:
            self._is_complete = False
