# SPDX-License-Identifier: Apache-2.0
"""Security updates that wait on Debian and its kin: dpkg's list against apt's lists of the security archives.

The lists are what the machine last fetched. They do not say when an update was released; since when one waits is
remembered by the check. Not seen: updates of flatpaks and snaps, of programs that apt does not know, and those of
archives that are not called security (Ubuntu's -updates, a maker's own).
"""

import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from agent.system.linux.packages import PackageListError, parse_dpkg_status
from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.versions import is_newer
from agent.system.posture import NotKnownError, PendingUpdate, Updates

_STATUS = "var/lib/dpkg/status"
_LISTS = "var/lib/apt/lists"
# Debian since bullseye and Ubuntu: <codename>-security; Debian before: <codename>/updates.
_SECURITY = re.compile(
    r"(?P<archive>.*_dists_([a-z-]+-security|[a-z]+_updates))_.*_binary-(?P<architecture>[a-z0-9]+)_Packages(\.\w+)?"
)
_UNPACK: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_DATE = re.compile(r"Date: [A-Z][a-z]{2}, +(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{1,2}):(\d\d):(\d\d) (UTC|GMT|\+0000)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MAX_STATUS_BYTES = 32 * 1024 * 1024
_MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""Of one list; the largest there are have 60 MB."""
_MAX_RELEASE_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_MAX_STANZA_BYTES = 1024 * 1024
_AUTOMATIC = ("usr/bin/unattended-upgrade", "usr/bin/unattended-upgrades")
_SETTINGS = "etc/apt/apt.conf.d"
_IS_SWITCHED_ON = re.compile(rb'^\s*APT::Periodic::Unattended-Upgrade\s+"?([^";]*)"?\s*;', re.MULTILINE)


class UpdateReader:
    """Reads the lists again when they or what is installed have changed."""

    def __init__(self, files: SystemFiles) -> None:
        self._files = files
        self._last: tuple[object, Updates] | None = None

    def read(self) -> Updates:
        """Return what waits.

        Raises:
            NotKnownError: this system has no apt, or its lists cannot be read.
        """
        if not self._files.exists(_STATUS):
            raise NotKnownError("only apt's lists of updates are read, and this system has none")
        lists = _list_native(self._files)
        if not lists:
            raise NotKnownError("apt has fetched no list of security updates")
        packed = {name.rpartition("_Packages")[2] for name in lists} - {"", *_UNPACK}
        if packed:
            raise NotKnownError(f"apt keeps its lists packed as {min(packed)[1:8]}, which is not read")
        stamp = tuple(self._files.find_stamp(place) for place in (_STATUS, *(f"{_LISTS}/{name}" for name in lists)))
        if self._last is None or self._last[0] != stamp:
            self._last = stamp, self._compare(lists)
        return self._last[1]

    def _compare(self, lists: list[str]) -> Updates:
        installed = _read_installed(self._files)
        newest: dict[str, str] = {}
        for name in lists:
            for package, version in self._read_list(name, installed):
                if is_newer(version, newest.get(package, installed[package])):
                    newest[package] = version
        return Updates(
            tuple(PendingUpdate(package, version) for package, version in sorted(newest.items())),
            min(_read_date(self._files, name) for name in lists),
            _is_automatic(self._files),
        )

    def _read_list(self, name: str, installed: dict[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the offers of one list for packages that are installed."""
        try:
            with closing(_open(self._files, name)) as stream:
                for stanza in _split(stream):
                    # Most stanzas are about packages that are not here: their name is all that is looked at.
                    line, _, rest = stanza.partition(b"\n")
                    package = line.removeprefix(b"Package: ").decode("ascii", "replace")
                    if package in installed:
                        _, _, version = (b"\n" + rest).partition(b"\nVersion: ")
                        yield package, version.partition(b"\n")[0].decode("utf-8", "replace").strip()
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise NotKnownError("a list of security updates cannot be read") from error


def _list_native(files: SystemFiles) -> list[str]:
    """Return the names of the security lists for the machine's own architecture."""
    # Of others, a package may be rebuilt with a higher version that is no update of ours. The first line is our own.
    known = (files.find("var/lib/dpkg/arch") or b"").decode("ascii", "replace").split()
    found = (each for each in map(_SECURITY.fullmatch, files.list_names(_LISTS)) if each)
    return [each[0] for each in found if not known or each["architecture"] == known[0]]


def _read_installed(files: SystemFiles) -> dict[str, str]:
    try:
        programs = parse_dpkg_status(files.load(_STATUS, _MAX_STATUS_BYTES)).programs
    except PackageListError as error:
        raise NotKnownError(f"dpkg's list of packages cannot be read: {error}") from error
    return {program.name: program.version for program in programs}


def _open(files: SystemFiles, name: str) -> BinaryIO:
    path = files.to_path(f"{_LISTS}/{name}")
    unpack = _UNPACK.get(name.rpartition("_Packages")[2])
    return cast("BinaryIO", unpack(path, "rb")) if unpack else path.open("rb")


def _split(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the parts of a list that stand between empty lines."""
    rest, read_bytes = b"", 0
    while chunk := stream.read(_CHUNK_BYTES):
        read_bytes += len(chunk)
        *stanzas, rest = (rest + chunk).split(b"\n\n")
        if read_bytes > _MAX_UNPACKED_BYTES or len(rest) > _MAX_STANZA_BYTES:
            raise NotKnownError("a list of security updates is too long")
        yield from stanzas
    yield rest


def _read_date(files: SystemFiles, name: str) -> int:
    """Return the date that the archive wrote into the list of its lists, in nanoseconds since 1970."""
    found = _SECURITY.fullmatch(name)
    archive = found["archive"] if found else ""
    for place in (f"{_LISTS}/{archive}_InRelease", f"{_LISTS}/{archive}_Release"):
        lines = (files.find(place, _MAX_RELEASE_BYTES) or b"").decode("utf-8", "replace").splitlines()
        told = next((date for date in map(_DATE.fullmatch, lines) if date), None)
        if told is not None and told[2] in _MONTHS:
            day, year, hour, minute, second = (int(told[place]) for place in (1, 3, 4, 5, 6))
            try:
                date = datetime(year, _MONTHS.index(told[2]) + 1, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                continue  # a day or an hour that there is not
            return int(date.timestamp()) * 10**9
    raise NotKnownError("a list of security updates does not tell of what day it is")


def _is_automatic(files: SystemFiles) -> bool | None:
    """Return whether unattended-upgrades is installed and switched on; the last file that says so counts."""
    if not any(files.exists(place) for place in _AUTOMATIC):
        return False
    try:
        contents = [files.find(f"{_SETTINGS}/{name}") or b"" for name in files.list_names(_SETTINGS)]
    except NotKnownError:
        return None
    values = [value.strip() for content in contents for value in _IS_SWITCHED_ON.findall(content)]
    return bool(values) and values[-1] not in (b"0", b"")
