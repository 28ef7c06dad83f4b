# SPDX-License-Identifier: Apache-2.0
"""What is in a folder, as far as programs go: folders, links, executables. Remembered until the folder changes.

A file that is changed in place does not change its folder, so who asks must forget everything now and then. Links are
not followed. Looking into an executable is the business of `parsed`.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.system.linux.files import open_folder
from agent.system.linux.sources.parsed import SETTLED_NS

MAX_ENTRIES = 20_000
"""In one folder. More of them are a gap."""
MAX_REMEMBERED = 8192
_ELF = b"\x7fELF"
_APPIMAGE = (b"AI\x01", b"AI\x02")
_APPIMAGE_AT = slice(8, 11)
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder."""

    name: str
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
            if key not in self._known and len(self._known) >= MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = (stamp, contents)
        return contents

    def forget(self) -> None:
        """Look into every folder anew."""
        self._known.clear()


def find_stamp(path: str) -> Stamp | None:
    """Return what changes when something comes to a folder or goes from it; None if there is no such thing."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns, status.st_size


def _read(descriptor: int, with_magic: bool, is_program: Callable[[int], bool]) -> Contents:
    found: list[Entry] = []
    with os.scandir(descriptor) as entries:
        some = list(islice(entries, MAX_ENTRIES + 1))
    for each in sorted(some[:MAX_ENTRIES], key=lambda entry: entry.name):
        with suppress(OSError):  # it went away while we looked, or is not for us to read
            found += _judge(each, descriptor, with_magic, is_program)
    return Contents(tuple(found), os.fstat(descriptor).st_dev, is_cut=len(some) > MAX_ENTRIES)


def _judge(
    entry: "os.DirEntry[str]", folder: int, with_magic: bool, is_program: Callable[[int], bool]
) -> Iterator[Entry]:
    if entry.is_symlink():
        yield Entry(entry.name, is_link=True)
    elif entry.is_dir(follow_symlinks=False):
        yield Entry(entry.name, is_folder=True)
    elif entry.is_file(follow_symlinks=False):
        # Named by its number the folder is read, but a name in it has to be looked up there.
        mode = os.stat(entry.name, dir_fd=folder, follow_symlinks=False).st_mode
        is_executable = bool(mode & 0o111)
        is_elf = is_appimage = False
        if with_magic:
            with suppress(OSError):
                is_elf, is_appimage = _sniff(entry.name, folder, is_program)
        if is_executable or is_elf or is_appimage:
            yield Entry(entry.name, is_executable=is_executable, is_elf=is_elf, is_appimage=is_appimage)


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
