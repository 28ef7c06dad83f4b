# SPDX-License-Identifier: Apache-2.0
"""One look at the machine: below which folder, what could not be read, and which places tell that something changed.

What is remembered from look to look is kept in `folders` and `parsed`. Which places are looked at, the sources know.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from agent.errors import ParseError
from agent.system.linux.files import open_file, open_folder
from agent.system.linux.gaps import Gaps
from agent.system.linux.links import find_target, resolve_inside
from agent.system.linux.packages import PackageListError
from agent.system.linux.sources import folders
from agent.system.linux.sources.folders import Contents, Entry, Folders, Stamp, find_stamp
from agent.system.linux.sources.parsed import ParsedFiles

MAX_PLACES = 10_000
"""What is more is noticed at the next look that comes by itself."""


class Survey:
    """What a source needs, and tells, during one look."""

    def __init__(self, root: Path, folders: Folders, parsed: ParsedFiles) -> None:
        self.gaps = Gaps()
        self.places: dict[str, Stamp | None] = {}
        """Places with the stamp that they had before they were looked into."""
        self._root = root
        self._folders = folders
        self._parsed = parsed

    def to_system(self, place: str) -> Path:
        """Return where a place of the system is.

        Only root can put a link there, and some distributions do (/opt -> var/opt), so it is followed.
        """
        return Path(os.path.realpath(self._root / place))

    def note(self, path: Path | str) -> Stamp | None:
        """Note a place that changes when software comes or goes; return its stamp, None if there is nothing yet."""
        place = str(path)
        stamp = find_stamp(place)
        if len(self.places) < MAX_PLACES:
            self.places.setdefault(place, stamp)
        return stamp

    def find_inside(self, top: Path, place: str, what: str) -> Path | None:
        """Return where a place below a folder really is; None if there is none or a link leads out of the folder."""
        try:
            real, links = resolve_inside(top, place)
        except (OSError, PackageListError) as error:
            self.gaps.add(what, error)
            return None
        for link in links:
            self.note(link)
        return None if self.note(real) is None else real

    def list_folder(self, folder: Path, what: str, *, with_magic: bool = False) -> tuple[Entry, ...]:
        """Return what is in a folder, nothing if there is none, which is the ordinary case."""
        contents = self.look_into(folder, what, with_magic=with_magic)
        return contents.entries if contents else ()

    def look_into(self, folder: Path | str, what: str, *, with_magic: bool = False) -> Contents | None:
        """Return the contents of a folder, None if there are none that can be read."""
        stamp = self.note(folder)
        try:
            contents = self._folders.look_into(str(folder), stamp, with_magic=with_magic, is_program=self._is_program)
        except FileNotFoundError:
            return None
        except OSError as error:
            # A file of that name is no folder with programs; a link may have just been put there.
            if not isinstance(error, NotADirectoryError) or _is_link(Path(folder)):
                self.gaps.add(what, error)
            return None
        if contents.is_cut:
            self.gaps.add(what, f"more than {folders.MAX_ENTRIES} entries in a folder")
        return contents

    def list_names(self, folder: Path, what: str) -> list[str]:
        """Return the names of all that is in a folder, in order; nothing is remembered."""
        self.note(folder)
        try:
            with open_folder(folder) as descriptor, os.scandir(descriptor) as entries:
                names = [entry.name for entry in islice(entries, folders.MAX_ENTRIES + 1)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.gaps.add(what, error)
            return []
        if len(names) > folders.MAX_ENTRIES:
            self.gaps.add(what, f"more than {folders.MAX_ENTRIES} entries in a folder")
        return sorted(names[: folders.MAX_ENTRIES])

    def subfolders(self, folder: Path, what: str) -> Iterator[str]:
        """Yield the names of the folders in a folder."""
        for entry in self.list_folder(folder, what):
            if entry.is_folder:
                yield entry.name

    def parse(self, parser: str, path: Path, what: str) -> Mapping[str, Any] | None:
        """Return what a parser finds in a file; None, and a gap, when it is broken or cannot be read."""
        try:
            with open_file(path) as descriptor:
                return self._parsed.parse(parser, descriptor)
        except (OSError, ParseError) as error:
            self.gaps.add(what, error)
            return None

    def _is_program(self, descriptor: int) -> bool:
        try:
            return bool(self._parsed.parse("executable", descriptor).get("is_program"))
        except ParseError:
            # It begins as an executable does. One that is broken does not run, and one that hides might.
            return True


def _is_link(path: Path) -> bool:
    try:
        return find_target(path) is not None
    except OSError:  # it has gone, or a link was put above it, which the folder above tells
        return False
