# SPDX-License-Identifier: Apache-2.0
"""AppImages: what the name of such a file says. That it is one, its first bytes say, which `folders` reads."""

import re

from proto.events import Program

MAX_VERSION_LENGTH = 128
_SUFFIX = re.compile(r"\.appimage$", re.IGNORECASE)
_MACHINE = re.compile(
    r"[-_. ](x86[-_]64|amd64|x64|i[3-6]86|aarch64|arm64|armhf|armv7l|linux\d*|gnu|release|stable|latest)$",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?P<name>.+?)[-_ ]v?(?P<version>\d[^\s]*)")


def to_program(file_name: str, path: str) -> Program:
    """Return the program of an AppImage: `krita`, 5.2.2 of krita-5.2.2-x86_64.appimage."""
    stem = shorter = _SUFFIX.sub("", file_name) or file_name
    while shorter := _MACHINE.sub("", stem):
        if shorter == stem:
            break
        stem = shorter
    versioned = _VERSION.fullmatch(stem)
    name, version = (versioned["name"], versioned["version"]) if versioned else (stem, "")
    return Program(name, path=path, source="appimage", version=version[:MAX_VERSION_LENGTH])
