# SPDX-License-Identifier: Apache-2.0
"""What the files of Debian's dpkg and of snap say about installed software. Pure functions on bytes.

Finding and opening the files is the business of `sources`. Content may be damaged or made up: a part that
makes no sense is counted or refused, and nothing else is raised.
"""

import io
import re
from collections.abc import Iterator

from agent.system.interface import InstalledSoftware
from proto.events import Program

_DPKG_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9+.\-]{0,255}")
_SNAP_NAME = re.compile(r"[a-z0-9][a-z0-9\-]{0,255}")
_MAX_VERSION_LENGTH = 128
# States in which a package's files are on the machine. The wish before it (install, hold, deinstall) does not count:
# a package that is on hold is there all the same.
_PRESENT = frozenset((b"installed", b"unpacked", b"half-configured", b"triggers-awaited", b"triggers-pending"))


class PackageListError(Exception):
    """A list of software does not have the form of one."""


def parse_dpkg_status(content: bytes) -> InstalledSoftware:
    """Read dpkg's list of packages: those whose files are on the machine, held ones included.

    Raises:
        PackageListError: it holds no package at all.
    """
    packages: dict[str, Program] = {}
    damaged = 0
    for name, status, version in _read_stanzas(content):
        words = status.split()
        if not _DPKG_NAME.fullmatch(name) or len(words) != 3:
            damaged += 1
        elif words[2] in _PRESENT:
            text = name.decode("ascii")
            # One package may be there for several architectures; for people it is one.
            packages.setdefault(text, Program(text, source="dpkg", version=_to_version(version)))
    if not packages:
        raise PackageListError("the list holds no package")
    unread = (f"Debian packages: {damaged} damaged entries",) if damaged else ()
    return InstalledSoftware(tuple(packages.values()), unread)


def parse_snap_yaml(content: bytes) -> tuple[str, str]:
    """Return name and version of a snap, from the two lines at the top level that say so.

    Raises:
        PackageListError: it has no name.
    """
    fields = {"name": "", "version": ""}
    for line in content.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and fields.get(key) == "":
            fields[key] = value.strip().strip("'\"")
    if not _SNAP_NAME.fullmatch(fields["name"]):
        raise PackageListError("its description has no name")
    return fields["name"], fields["version"][:_MAX_VERSION_LENGTH]


def _read_stanzas(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    name = status = version = b""
    is_inside = False
    for line in io.BytesIO(content):
        if not line.strip():
            if is_inside:
                yield name, status, version
            name = status = version = b""
            is_inside = False
            continue
        is_inside = True
        if line.startswith(b"Package:"):
            name = line[8:].strip()
        elif line.startswith(b"Status:"):
            status = line[7:].strip()
        elif line.startswith(b"Version:"):
            version = line[8:].strip()
    if is_inside:
        yield name, status, version


def _to_version(value: bytes) -> str:
    return value[:_MAX_VERSION_LENGTH].decode("utf-8", "replace")
