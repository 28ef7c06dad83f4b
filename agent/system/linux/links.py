# SPDX-License-Identifier: Apache-2.0
"""Following links that stay inside a folder, part by part, and no others: where one leads is judged before it is gone.

A user can point a link at what is mounted on demand or answers no more, so a path in a home is never handed whole to
the kernel. Opening what lies at the end is the business of `files`.
"""

import errno
import os
from pathlib import Path

from agent.system.linux.files import open_folder
from agent.system.linux.packages import PackageListError

MAX_LINKS = 40
"""On one way, as the kernel has it."""
_NOTHING = (errno.ENOENT, errno.ENOTDIR)


def find_target(path: Path) -> Path | None:
    """Return what a link says; None if there is something else at this path.

    Raises:
        OSError: there is nothing, or one of the folders above is a link or may not be read.
    """
    with open_folder(path.parent) as folder:
        try:
            return Path(os.readlink(path.name, dir_fd=folder))
        except OSError as error:
            if error.errno != errno.EINVAL:  # as it is called where there is no link
                raise
            return None


def follow_inside(link: Path, parts: int) -> Path:
    """Return where a link leads that must go down from its own folder, by so many parts.

    Raises:
        PackageListError: it leads elsewhere.
        OSError: it is no link or cannot be read.
    """
    target = find_target(link)
    if target is None:
        raise FileNotFoundError(errno.ENOENT, "there is no link")
    if target.is_absolute() or len(target.parts) != parts or ".." in target.parts:
        raise PackageListError("a link leads out of its folder")
    return link.parent / target


def resolve_inside(top: Path, place: str) -> tuple[Path, tuple[Path, ...]]:
    """Return where a place below a folder really is, there or not, and the links on the way.

    Raises:
        PackageListError: a link leads out of the folder, or they lead in a circle.
        OSError: a folder on the way may not be read.
    """
    waiting = list(reversed(Path(place).parts))
    real = top
    links: list[Path] = []
    while waiting:
        part = waiting.pop()
        if part == "..":
            if real == top:
                raise PackageListError("a link leads out of the folder")
            real = real.parent
            continue
        real /= part
        try:
            target = find_target(real)
        except OSError as error:
            if error.errno not in _NOTHING:
                raise
            return real.joinpath(*reversed(waiting)), tuple(links)
        if target is None:
            continue
        links.append(real)
        if len(links) > MAX_LINKS:
            raise PackageListError("links lead in a circle")
        if target.is_absolute() and not target.is_relative_to(top):
            raise PackageListError("a link leads out of the folder")
        real = top if target.is_absolute() else real.parent
        waiting += reversed((target.relative_to(top) if target.is_absolute() else target).parts)
    return real, tuple(links)
