# SPDX-License-Identifier: Apache-2.0
"""Following the few links that flatpak and snap put beside their files, and no others."""

import os
from pathlib import Path

from agent.system.linux.files import open_folder
from agent.system.linux.packages import PackageListError


def follow_inside(link: Path, parts: int) -> Path:
    """Return where a link leads that must go down from its own folder, by so many parts.

    Raises:
        PackageListError: it leads elsewhere.
        OSError: it is no link or cannot be read.
    """
    with open_folder(link.parent) as folder:
        target = Path(os.readlink(link.name, dir_fd=folder))
    if target.is_absolute() or len(target.parts) != parts or ".." in target.parts:
        raise PackageListError("a link leads out of its folder")
    return link.parent / target
