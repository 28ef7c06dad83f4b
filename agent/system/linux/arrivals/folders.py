# SPDX-License-Identifier: Apache-2.0
"""Which folders are watched for files that arrive: a few of each user, so deep and no deeper, without following links.

Downloads and the desktop (as the user's own settings name them, too) three deep, the folders from which programs are
run one deep; of homes and of temporary folders only what lies at their top. Who watches them is `events`.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from agent.errors import ParseError
from agent.parsing.interface import Parsing
from agent.system.linux.files import open_file, open_folder
from agent.system.linux.gaps import Gaps
from agent.system.linux.homes import find_homes

MAX_FOLDERS = 4000
"""Of all users together."""
MAX_FOLDERS_OF_HOME = 500
"""Of one home, so that whoever has many leaves the others unseen no sooner than that."""
MAX_ENTRIES = 20_000
"""Of one folder."""
SKIPPED = frozenset({".git", ".hg", ".svn", ".cache", "__pycache__", "node_modules", ".venv", "venv"})
"""Where programs keep their own things by the thousand."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_IN_HOMES = (
    # path below the home, place, how many folders deep
    ("", "home", 0),
    ("Downloads", "downloads", 3),
    ("Desktop", "desktop", 3),
    ("bin", "programs", 1),
    (".local/bin", "programs", 1),
    ("Applications", "programs", 1),
)
_DOWNLOAD, _DESKTOP = "download", "desktop"
_TEMPORARY = ("tmp", "var/tmp")


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder, open for as long as whoever goes through the folders does not ask for the next."""

    path: str
    place: str
    depth: int
    """Below its place."""
    descriptor: int
    identity: tuple[int, int]
    """Device and inode."""
    is_deepest: bool
    """Folders in it are not watched."""


OnFile = Callable[["os.DirEntry[str]"], None]


class FolderSurvey:
    """Goes through the folders; remembers what users' settings said as long as they do not change."""

    def __init__(self, root: Path, parsing: Parsing) -> None:
        self._root = Path(os.path.realpath(root))
        self._parsing = parsing
        self._settings: dict[Path, tuple[tuple[int, ...], dict[str, str]]] = {}

    def walk(self, gaps: Gaps) -> Iterator[Folder]:
        """Yield each folder before those in it. What cannot be watched is added to the gaps."""
        left = MAX_FOLDERS
        # The temporary ones first: they are few, and no home can use up what is left for them.
        homes = chain.from_iterable(self._walk_home(home, gaps) for home in find_homes(self._root, gaps))
        for folder in chain(_walk_places(self._list_temporary(), gaps), homes):
            if not left:
                gaps.add("folders of users", f"there are more than {MAX_FOLDERS}")
                return
            left -= 1
            yield folder

    def _walk_home(self, home: Path, gaps: Gaps) -> Iterator[Folder]:
        left = MAX_FOLDERS_OF_HOME
        told = self._load_settings(home)
        known = [(home / path, place, depth) for path, place, depth in _IN_HOMES]
        if _DOWNLOAD in told:
            known.append((home / told[_DOWNLOAD], "downloads", 3))
        if _DESKTOP in told:
            known.append((home / told[_DESKTOP], "desktop", 3))
        for folder in _walk_places(dict.fromkeys(known), gaps):
            if not left:
                gaps.add("folders of users", f"a home with more than {MAX_FOLDERS_OF_HOME}")
                return
            left -= 1
            yield folder

    def _list_temporary(self) -> Iterator[tuple[Path, str, int]]:
        for name in _TEMPORARY:
            yield Path(os.path.realpath(self._root / name)), "temporary", 0
        try:
            with open_folder(self._root / "run" / "user") as descriptor:
                users = [name for name in os.listdir(descriptor) if name.isdecimal()]
        except OSError:  # no sessions
            users = []
        for name in sorted(users):
            yield self._root / "run" / "user" / name, "temporary", 0

    def _load_settings(self, home: Path) -> dict[str, str]:
        """Return what the user's settings say, parsed again only when they have changed."""
        try:
            with open_file(home / ".config" / "user-dirs.dirs") as descriptor:
                file = os.fstat(descriptor)
                state = (file.st_dev, file.st_ino, file.st_size, file.st_ctime_ns)
                if home not in self._settings or self._settings[home][0] != state:
                    self._settings[home] = state, self._parse(descriptor)
                return self._settings[home][1]
        except OSError:  # most have none
            self._settings.pop(home, None)
            return {}

    def _parse(self, descriptor: int) -> dict[str, str]:
        try:
            found = self._parsing.parse("user_dirs", descriptor)
        except ParseError:  # then the usual names are all there is
            return {}
        texts = {key: value for key, value in found.items() if isinstance(value, str)}
        # The child's word is as good as the user's: no more than a path below the home.
        return {key: value for key, value in texts.items() if value and not {"", ".", ".."} & set(value.split("/"))}


def list_files(folder: Folder, on_file: OnFile, gaps: Gaps) -> None:
    """Call for each regular file that lies in an open folder."""
    for entry in _list_entries(folder.descriptor, gaps):
        if entry.is_file(follow_symlinks=False):
            on_file(entry)


def _walk_places(places: Iterable[tuple[Path, str, int]], gaps: Gaps) -> Iterator[Folder]:
    for path, place, depth in places:
        try:
            with open_folder(path) as descriptor:
                yield from _walk_below(descriptor, str(path), place, depth, gaps)
        except FileNotFoundError:
            continue
        except OSError as error:
            gaps.add(f"a folder ({place})", error)


def _walk_below(
    descriptor: int, path: str, place: str, deepest: int, gaps: Gaps, *, depth: int = 0
) -> Iterator[Folder]:
    status = os.fstat(descriptor)
    # Only what lies at the top of a home is watched, but the folders above may appear there.
    is_deepest = depth == deepest and place != "home"
    yield Folder(path, place, depth, descriptor, (status.st_dev, status.st_ino), is_deepest)
    if depth == deepest:
        return
    names = [
        entry.name
        for entry in _list_entries(descriptor, gaps)
        if entry.name not in SKIPPED and entry.is_dir(follow_symlinks=False)
    ]
    for name in sorted(names):
        try:
            below = os.open(name, _FOLDER, dir_fd=descriptor)
        except OSError:  # it has gone, or is a link by now
            continue
        try:
            # What is mounted there may be a network's, or a program's own idea of files, and take for ever to answer.
            if os.fstat(below).st_dev == status.st_dev:
                yield from _walk_below(below, f"{path}/{name}", place, deepest, gaps, depth=depth + 1)
            else:
                gaps.add(f"a folder ({place})", "it is on another file system")
        finally:
            os.close(below)


def _list_entries(descriptor: int, gaps: Gaps) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(descriptor) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    gaps.add("folders of users", f"more than {MAX_ENTRIES} entries in one")
                    return
                yield entry
    except OSError as error:
        gaps.add("folders of users", error)


def has_come_since(entry: "os.DirEntry[str]", since_ns: int) -> bool:
    """Tell whether a file changed, or came to where it is, after a time: by the one of its times that no user sets."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_ctime_ns >= since_ns
