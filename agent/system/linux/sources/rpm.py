# SPDX-License-Identifier: Apache-2.0
"""RPM packages: names and versions from the database that rpm keeps in SQLite, which only root can write.

Its older forms (Berkeley DB, ndb) are not read, and that is said. Of each package's header only the index and three
short strings are read, all within limits.
"""

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from agent.system.linux.sources.folders import Stamp
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDERS = ("usr/lib/sysimage/rpm", "var/lib/rpm")
FILE = "rpmdb.sqlite"
OLD_FILES = ("Packages", "Packages.db")
MAX_PACKAGES = 50_000
_WHAT = "RPM packages"

# A header: the number of entries and of data bytes, then entries of four numbers (tag, type, offset, count), then data.
_START = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_MAX_ENTRIES = 4096
_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_STRING, _INT32 = 6, 4
_MAX_TEXT_BYTES = 256
_KEY = "gpg-pubkey"
"""Keys stand in the list of packages, but are none."""


class RpmSource(Source):
    """Reads the database when it has changed."""

    def __init__(self) -> None:
        self._known: tuple[tuple[Stamp, Stamp | None], tuple[Program, ...]] | None = None

    def find(self, survey: Survey) -> Finds:
        """Find the packages of the first database that is there."""
        for folder in dict.fromkeys(survey.to_system(place) for place in FOLDERS):
            stamp = survey.note(folder / FILE)
            if stamp is None:
                if any(survey.note(folder / old) is not None for old in OLD_FILES):
                    survey.gaps.add(_WHAT, "the database is of an older form (Berkeley DB or ndb), which is not read")
                    return
                continue
            stamps = stamp, survey.note(folder / f"{FILE}-wal")
            if self._known is None or self._known[0] != stamps:
                try:
                    self._known = stamps, _load(folder / FILE)
                except (sqlite3.Error, struct.error, ValueError) as error:
                    self._known = None
                    survey.gaps.add(_WHAT, f"the database cannot be read ({type(error).__name__})")
                    return
            yield from self._known[1]
            return


def _load(path: Path) -> tuple[Program, ...]:
    """Read all packages.

    Raises:
        sqlite3.Error: it is no such database, or is being changed.
        ValueError: a header makes no sense, or there are too many.
        struct.error: a header is not of the form of one.
    """
    log = path.with_name(f"{FILE}-wal")
    # Only somebody who writes leaves something in the log. Without it nothing is made beside the file, not even a lock.
    is_at_rest = not log.exists() or log.stat().st_size == 0
    address = f"{path.as_uri()}?{'immutable=1' if is_at_rest else 'mode=ro'}"
    programs: dict[str, Program] = {}
    with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as database:
        rows = database.execute("SELECT hnum FROM Packages ORDER BY hnum LIMIT ?", (MAX_PACKAGES + 1,)).fetchall()
        if len(rows) > MAX_PACKAGES:
            raise ValueError("too many packages")
        for (number,) in rows:
            with database.blobopen("Packages", "blob", number, readonly=True) as header:
                program = _read_header(header)
            if program.name != _KEY:
                # One package may be there for several architectures or, as kernels are, in several versions.
                programs[program.name] = program
    return tuple(programs.values())


def _read_header(header: sqlite3.Blob) -> Program:
    entries, _ = _START.unpack(header.read(_START.size))
    if entries > _MAX_ENTRIES:
        raise ValueError("a header with too many entries")
    index = header.read(entries * _ENTRY.size)
    data = _START.size + entries * _ENTRY.size
    found: dict[int, str] = {}
    for tag, kind, offset, _ in _ENTRY.iter_unpack(index):
        if tag in (_NAME, _VERSION, _RELEASE) and kind == _STRING:
            found[tag] = _read_at(header, data + offset, _MAX_TEXT_BYTES).partition(b"\0")[0].decode("utf-8", "replace")
        elif tag == _EPOCH and kind == _INT32:
            found[tag] = str(int.from_bytes(_read_at(header, data + offset, 4), "big"))
    if not found.get(_NAME):
        raise ValueError("a header without a name")
    version = f"{found.get(_VERSION, '')}-{found.get(_RELEASE, '')}".strip("-")
    return Program(found[_NAME], source="rpm", version=f"{found[_EPOCH]}:{version}" if _EPOCH in found else version)


def _read_at(header: sqlite3.Blob, place: int, size: int) -> bytes:
    header.seek(min(place, len(header)))
    return header.read(size)
