# SPDX-License-Identifier: Apache-2.0
"""Protections against malware on Linux: which are installed, whether they run, and how old their signatures are.

They are known by their files and by what the kernel says that a process runs, never by the name that a process gives
itself; one that a person started counts for nothing. Other products than these are not known here.

Sources, read in November 2026: ClamAV, docs.clamav.net and the header of a database (512 bytes of text that
`sigtool --info` prints); Microsoft Defender, learn.microsoft.com, "Resources for Defender for Endpoint on Linux" and
"What's new", where definitions lie; ESET, help.eset.com/eeau, "File and folder structure", and /ess for servers;
Sophos Protection for Linux, docs.sophos.com and its published source; Bitdefender, "Endpoint Security Tools for Linux
quick start guide". Where a maker does not say which file tells the age of the signatures, it is not guessed.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import Antivirus, NotKnownError

_FIRST_PERSON = 1000
_MAX_STATUS_BYTES = 64 * 1024
_CLAMAV_HEADER_BYTES = 512
_CLAMAV_FOLDER = "var/lib/clamav"
_CLAMAV_DATABASES = ("daily.cld", "daily.cvd")
_CLAMAV_PROGRAMS = ("usr/sbin/clamd", "usr/bin/clamd", "usr/bin/clamscan")


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    marker: str
    """It is installed if this is there."""
    daemons: tuple[str, ...]
    """It runs if a process runs one of these; one that ends with a slash stands for all in that folder."""
    signatures: tuple[str, ...] = ()
    """Folders of which the newest file tells when signatures were fetched."""


_PRODUCTS = (
    _Product(
        "Microsoft Defender",
        "opt/microsoft/mdatp/sbin/wdavdaemon",
        # Not `wdavdaemonclient` beside it, which anybody can run.
        ("opt/microsoft/mdatp/sbin/wdavdaemon",),
        ("var/opt/microsoft/mdatp/definitions.noindex", "opt/microsoft/mdatp/definitions.noindex"),
    ),
    _Product("ESET Endpoint Antivirus", "opt/eset/eea/sbin", ("opt/eset/eea/lib/",), ("var/opt/eset/eea/lib",)),
    _Product("ESET Server Security", "opt/eset/efs/sbin", ("opt/eset/efs/lib/",), ("var/opt/eset/efs/lib",)),
    _Product("Sophos Protection for Linux", "opt/sophos-spl/plugins/av", ("opt/sophos-spl/plugins/av/sbin/",)),
    _Product(
        "Bitdefender Endpoint Security Tools",
        "opt/bitdefender-security-tools/bin",
        ("opt/bitdefender-security-tools/bin/bdsecd",),
    ),
)


def read_antivirus(files: SystemFiles) -> tuple[Antivirus, ...]:
    """Return the protections that are installed.

    Raises:
        NotKnownError: the processes or the files of one cannot be read.
    """
    running = _Running(files)
    found = [_read_product(files, each, running) for each in _PRODUCTS if files.exists(each.marker)]
    if any(files.exists(place) for place in _CLAMAV_PROGRAMS):
        found.append(
            Antivirus(
                "ClamAV",
                is_running=running.is_any("usr/sbin/clamd", "usr/bin/clamd"),
                signatures_at_ns=_find_clamav_time(files),
                is_on_access=running.is_any("usr/sbin/clamonacc", "usr/bin/clamonacc"),
            )
        )
    return tuple(found)


def _read_product(files: SystemFiles, product: _Product, running: "_Running") -> Antivirus:
    times = [at_ns for folder in product.signatures for at_ns in _list_times(files, folder)]
    return Antivirus(product.name, running.is_any(*product.daemons), max(times, default=None))


class _Running:
    """Which programs the processes run that no person started. They are listed when it is first asked."""

    def __init__(self, files: SystemFiles) -> None:
        self._files = files
        self._programs: set[str] | None = None
        self._are_some_unread = False

    def is_any(self, *places: str) -> bool | None:
        """Return whether one of these runs; None if a process that cannot be read may be it."""
        if self._programs is None:
            self._programs = set(self._list())
        for place in places:
            if any(each == place or (place.endswith("/") and each.startswith(place)) for each in self._programs):
                return True
        return None if self._are_some_unread else False

    def _list(self) -> Iterator[str]:
        names = [name for name in self._files.list_names("proc") if name.isdigit()]
        if not names:
            raise NotKnownError("the kernel's list of processes is not there")
        for name in names:
            try:
                program = os.readlink(self._files.to_path("proc") / name / "exe")
                uid = _read_uid(self._files, name)
            except PermissionError:
                self._are_some_unread = True
            except OSError:
                continue  # it has ended, or belongs to the kernel
            else:
                if uid < _FIRST_PERSON:
                    # Replaced by an update while it runs on.
                    yield program.removesuffix(" (deleted)").lstrip("/")


def _read_uid(files: SystemFiles, name: str) -> int:
    try:
        content = files.find(f"proc/{name}/status", _MAX_STATUS_BYTES) or b""
        line = next(each for each in content.splitlines() if each.startswith(b"Uid:"))
        return int(line.split()[1])
    except (NotKnownError, StopIteration, IndexError, ValueError):
        return _FIRST_PERSON


def _list_times(files: SystemFiles, folder: str) -> Iterator[int]:
    """Yield when each file of a folder was written, and of the folders in it."""
    top = files.to_path(folder)
    places = [top / name for name in files.list_names(folder)]
    places += [top / name / each for name in files.list_names(folder) for each in files.list_names(f"{folder}/{name}")]
    for place in places:
        try:
            status = os.stat(place, follow_symlinks=False)
        except OSError:
            continue  # it was replaced just now
        if stat.S_ISREG(status.st_mode):
            yield status.st_mtime_ns


def _find_clamav_time(files: SystemFiles) -> int | None:
    """Return when the newest daily database was built, as its header says."""
    times = []
    for name in _CLAMAV_DATABASES:
        try:
            with open(files.to_path(f"{_CLAMAV_FOLDER}/{name}"), "rb") as stream:
                times.append(parse_clamav_header(stream.read(_CLAMAV_HEADER_BYTES)))
        except OSError:
            continue  # there is one of the two, and none before the first update
    return max((each for each in times if each is not None), default=None)


def parse_clamav_header(header: bytes) -> int | None:
    """Return the time of building in the header of a ClamAV database, in nanoseconds since 1970, or None."""
    # ClamAV-VDB : time : version : signatures : level : md5 : dsig : builder : seconds since 1970
    fields = header.rstrip(b" \0").split(b":")
    if fields[0] != b"ClamAV-VDB" or len(fields) < 9:
        return None
    seconds = fields[8].strip()
    # Of twelve digits and more it is no time in seconds.
    return int(seconds) * 10**9 if seconds.isdigit() and len(seconds) < 12 else None
