# SPDX-License-Identifier: Apache-2.0
"""What is in a folder, as far as programs go: folders, links, executables. Remembered until the folder changes.

A file that is changed in place does not change its folder, so who asks must forget everything now and then. Links are
not followed. Looking into an executable is the business of `parsed`.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.system.linux.files import open_folder
from agent.system.linux.sources.parsed import SETTLED_NS

MAX_ENTRIES = 20_000
"""In one folder. More of them are a gap."""
MAX_REMEMBERED = 8192
MAX_REMEMBERED_ENTRIES = 100_000
"""Of all the folders."""
_ELF = b"\x7fELF"
_APPIMAGE = (b"AI\x01", b"AI\x02")
_APPIMAGE_AT = slice(8, 11)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder."""

    name: str
    inode: int = 0
    """Of a file; several names may lead to one."""
    is_folder: bool = False
    is_link: bool = False
    is_executable: bool = False
    """Its mode lets somebody start it."""
    is_elf: bool = False
    is_appimage: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What matters in a folder; ordinary files are left out."""

    entries: tuple[Entry, ...]
    device: int
    is_cut: bool = False
    """There are more entries than are looked at."""


class Folders:
    """Looks into folders, once for each change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], tuple[Stamp | None, Contents]] = {}
        self._entries = 0

    def look_into(
        self, folder: str, stamp: Stamp | None, *, with_magic: bool, is_program: Callable[[int], bool]
    ) -> Contents:
        """Return what is in a folder, whose stamp was just taken. With magic, the first bytes of its files are read.

        `is_program` tells of an open ELF file whether it is one that can be started.

        Raises:
            OSError: there is no such folder, or it may not be read.
        """
        key = (folder, with_magic)
        known = self._known.get(key)
        if known is not None and stamp is not None and known[0] == stamp:
            return known[1]
        with open_folder(Path(folder)) as descriptor:
            before_ns = os.fstat(descriptor).st_ctime_ns
            contents = _read(descriptor, with_magic, is_program)
        if time.time_ns() - before_ns > SETTLED_NS:
            self._remember(key, stamp, contents)
        return contents

    def forget(self) -> None:
        """Look into every folder anew."""
        self._known.clear()
        self._entries = 0

    def _remember(self, key: tuple[str, bool], stamp: Stamp | None, contents: Contents) -> None:
        self._drop(key)
        self._known[key] = (stamp, contents)
        self._entries += len(contents.entries)
        while len(self._known) > MAX_REMEMBERED or self._entries > MAX_REMEMBERED_ENTRIES:
            self._drop(next(iter(self._known)))

    def _drop(self, key: tuple[str, bool]) -> None:
        if key in self._known:
            self._entries -= len(self._known.pop(key)[1].entries)


def find_stamp(path: str) -> Stamp | None:
    """Return what changes when something comes to a folder or goes from it; None if there is no such thing."""
    (stamp,) = find_stamps((path,))
    return stamp


def find_stamps(paths: Iterable[str]) -> Iterator[Stamp | None]:
    """Yield the stamp of each absolute path; quick where those with the same folders follow one another.

    No folder on the way may be a link: where such a one leads, nobody waits for an answer.
    """
    way: list[str] = []
    opened = [os.open("/", _FOLDER)]
    try:
        for path in paths:
            *above, name = path.strip("/").split("/")
            shared = _count_shared(way, above)
            del way[shared:]
            while len(opened) > shared + 1:
                os.close(opened.pop())
            stamp = None
            with suppress(OSError, ValueError):
                for part in above[shared:]:
                    opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
                    way.append(part)
                status = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
                stamp = (status.st_ino, status.st_ctime_ns, status.st_size)
            yield stamp
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _count_shared(one: list[str], other: list[str]) -> int:
    """Return how many parts two paths have in common, from the top."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _read(descriptor: int, with_magic: bool, is_program: Callable[[int], bool]) -> Contents:
    found: list[Entry] = []
    linked: dict[int, tuple[bool, bool]] = {}
    with os.scandir(descriptor) as entries:
        some = list(islice(entries, MAX_ENTRIES + 1))
    for each in sorted(some[:MAX_ENTRIES], key=lambda entry: entry.name):
        with suppress(OSError):  # it went away while we looked, or is not for us to read
            found += _judge(each, descriptor, with_magic, is_program, linked)
    return Contents(tuple(found), os.fstat(descriptor).st_dev, is_cut=len(some) > MAX_ENTRIES)


def _judge(
    entry: "os.DirEntry[str]",
    folder: int,
    with_magic: bool,
    is_program: Callable[[int], bool],
    linked: dict[int, tuple[bool, bool]],
) -> Iterator[Entry]:
    """Yield what matters of an entry; `linked` is what was read of files with several names, by inode."""
    if entry.is_symlink():
        yield Entry(entry.name, is_link=True)
    elif entry.is_dir(follow_symlinks=False):
        yield Entry(entry.name, is_folder=True)
    elif entry.is_file(follow_symlinks=False):
        # Named by its number the folder is read, but a name in it has to be looked up there.
        status = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
        is_executable = bool(status.st_mode & 0o111)
        is_elf = is_appimage = False
        if with_magic:
            with suppress(OSError):
                magic = linked.get(status.st_ino) or _sniff(entry.name, folder, is_program)
                is_elf, is_appimage = magic
                if status.st_nlink > 1:
                    linked[status.st_ino] = magic
        if is_executable or is_elf or is_appimage:
            yield Entry(entry.name, status.st_ino, is_executable=is_executable, is_elf=is_elf, is_appimage=is_appimage)


def _sniff(name: str, folder: int, is_program: Callable[[int], bool]) -> tuple[bool, bool]:
    """Return whether a file is an ELF program, and whether it is an AppImage."""
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False, False
        magic = os.pread(descriptor, 16, 0)
        if not magic.startswith(_ELF):
            return False, False
        if magic[_APPIMAGE_AT] in _APPIMAGE:
            return True, True
        return is_program(descriptor), False
    finally:
        os.close(descriptor)
