# SPDX-License-Identifier: Apache-2.0
"""The software that is installed on Linux, by reading files: dpkg, flatpak, snap and executables beside them.

It starts no program and asks no daemon. Which of it is allowed is not known here.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from agent.system.interface import InstalledSoftware
from agent.system.linux.files import load_bytes, open_folder, to_text
from agent.system.linux.packages import PackageListError, parse_dpkg_status, parse_flatpak_metadata, parse_snap_yaml
from proto.events import Program

SYSTEM_FOLDERS = ("usr/local/bin", "usr/local/sbin", "usr/local/games")
HOME_FOLDERS = (".local/bin", "bin")
HOME_FLATPAKS = (".local/share/flatpak/app",)

MAX_DPKG_STATUS_BYTES = 32 * 1024 * 1024
MAX_METADATA_BYTES = 64 * 1024
MAX_PASSWD_BYTES = 4 * 1024 * 1024
MAX_ENTRIES = 5000
"""In one folder."""
MAX_HOMES = 2000
MAX_NAME_LENGTH = 256
FIRST_USER_ID = 1000
NOBODY = 65534


class InstalledReader:
    """Reads what is installed below one root folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._dpkg: tuple[object, InstalledSoftware] | None = None

    def read(self) -> InstalledSoftware:
        """Return all that is installed, and in words what could not be read."""
        gaps = _Gaps()
        dpkg = self._read_dpkg()
        programs = list(dpkg.programs)
        programs.extend(self._read_flatpaks(self._system("var/lib/flatpak/app"), "flatpak applications", gaps))
        programs.extend(self._read_snaps(gaps))
        for folder in self._program_folders(gaps):
            programs.extend(_read_executables(folder, "programs in system folders", gaps))
        homes = list(self._homes(gaps))
        for folder in _find_all_inside(homes, HOME_FLATPAKS, "flatpak applications in home folders", gaps):
            programs.extend(self._read_flatpaks(folder, "flatpak applications in home folders", gaps))
        for folder in _find_all_inside(homes, HOME_FOLDERS, "programs in home folders", gaps):
            programs.extend(_read_executables(folder, "programs in home folders", gaps))
        return InstalledSoftware(tuple(dict.fromkeys(programs)), (*dpkg.unread, *gaps.to_words()))

    def fingerprint(self) -> object:
        """Return the times of everything that changes when software comes or goes."""
        gaps = _Gaps()
        places = [
            self._root / "var/lib/dpkg/status",
            self._root / "var/lib/flatpak/app",
            self._root / "snap",
            self._root / "var/lib/snapd/snaps",
            *self._program_folders(gaps),
            *_find_all_inside(self._homes(gaps), (*HOME_FLATPAKS, *HOME_FOLDERS), "home folders", gaps),
        ]
        return tuple(_find_stamp(place) for place in places)

    def _system(self, place: str) -> Path:
        # Only root can put a link there, and some distributions do (/opt -> var/opt), so it is followed once.
        return Path(os.path.realpath(self._root / place))

    def _read_dpkg(self) -> InstalledSoftware:
        path = self._system("var/lib/dpkg/status")
        stamp = _find_stamp(path)
        if stamp is None:
            return InstalledSoftware((), ("installed packages: this system has no dpkg, and only dpkg's list is read",))
        if self._dpkg is None or self._dpkg[0] != stamp:
            try:
                found = parse_dpkg_status(load_bytes(path, MAX_DPKG_STATUS_BYTES))
            except (OSError, PackageListError) as error:
                found = InstalledSoftware((), (f"Debian packages: {_reason(error)}",))
            self._dpkg = (stamp, found)
        return self._dpkg[1]

    def _read_flatpaks(self, folder: Path, what: str, gaps: "_Gaps") -> Iterator[Program]:
        for entry in _list_folder(folder, what, gaps):
            if not stat.S_ISDIR(entry.mode):
                continue
            try:
                deployed = _find_flatpak_deployment(folder / entry.name)
                if deployed is None:
                    continue
                application = parse_flatpak_metadata(load_bytes(deployed / "metadata", MAX_METADATA_BYTES))
            except (OSError, PackageListError) as error:
                gaps.add(what, error)
                application = ""
            # In a home the two may differ, for a user can rewrite either; a rule may name either.
            for name in {to_text(entry.name)[:MAX_NAME_LENGTH], application} - {""}:
                yield Program(name, source="flatpak")

    def _read_snaps(self, gaps: "_Gaps") -> Iterator[Program]:
        found: dict[str, Program] = {}
        top = self._system("snap")
        for entry in _list_folder(top, "snaps", gaps):
            current = top / entry.name / "current"
            if not stat.S_ISDIR(entry.mode) or not os.path.islink(current):
                continue
            try:
                revision = _follow_inside(current, parts=1)
                name, version = parse_snap_yaml(load_bytes(revision / "meta" / "snap.yaml", MAX_METADATA_BYTES))
            except (OSError, PackageListError) as error:
                gaps.add("snaps", error)
                name, version = to_text(entry.name)[:MAX_NAME_LENGTH], ""
            found[name] = Program(name, source="snap", version=version)
        for entry in _list_folder(self._system("var/lib/snapd/snaps"), "snaps", gaps):
            name, _, revision_and_suffix = to_text(entry.name).rpartition("_")
            if name and revision_and_suffix.endswith(".snap"):
                found.setdefault(name[:MAX_NAME_LENGTH], Program(name[:MAX_NAME_LENGTH], source="snap"))
        yield from found.values()

    def _program_folders(self, gaps: "_Gaps") -> Iterator[Path]:
        for place in SYSTEM_FOLDERS:
            yield self._system(place)
        top = self._system("opt")
        for entry in _list_folder(top, "programs in system folders", gaps):
            if stat.S_ISDIR(entry.mode) or stat.S_ISLNK(entry.mode):
                folder = self._system(f"opt/{entry.name}")
                yield folder
                yield from _find_all_inside((folder,), ("bin",), "programs in system folders", gaps)

    def _homes(self, gaps: "_Gaps") -> Iterator[Path]:
        """Yield the home folders of people: those in the local list of accounts, and all in /home.

        A school's directory accounts are not in the local list, but their homes are in /home.
        """
        homes: dict[Path, None] = {}
        try:
            accounts = load_bytes(self._system("etc/passwd"), MAX_PASSWD_BYTES)
        except OSError as error:
            gaps.add("the list of accounts", error)
            accounts = b""
        for line in accounts.splitlines():
            fields = os.fsdecode(line).split(":")
            if len(fields) == 7 and fields[2].isdecimal() and len(fields[5]) > 1 and "\0" not in fields[5]:
                user_id = int(fields[2])
                if user_id == 0 or FIRST_USER_ID <= user_id != NOBODY:
                    homes[self._system(fields[5].lstrip("/"))] = None
        top = self._system("home")
        for entry in _list_folder(top, "home folders", gaps):
            if stat.S_ISDIR(entry.mode):
                homes[top / entry.name] = None
        if len(homes) > MAX_HOMES:
            gaps.add("home folders", PackageListError(f"there are more than {MAX_HOMES}"))
        yield from list(homes)[:MAX_HOMES]


class _Entry:
    __slots__ = ("mode", "name")

    def __init__(self, name: str, mode: int) -> None:
        self.name, self.mode = name, mode


class _Gaps:
    """What could not be read, counted by reason, so that no path (it may hold a user's name) is told."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, what: str, error: OSError | PackageListError) -> None:
        words = f"{what}: {_reason(error)}"
        self._counts[words] = self._counts.get(words, 0) + 1

    def to_words(self) -> tuple[str, ...]:
        return tuple(words if count == 1 else f"{words} ({count} times)" for words, count in self._counts.items())


def _reason(error: OSError | PackageListError) -> str:
    # The text of an OSError names the path, which may hold a user's name; what the system calls the error does not.
    if isinstance(error, PackageListError):
        return str(error)
    return os.strerror(error.errno).lower() if error.errno else "not a regular file of the expected size"


def _find_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _list_folder(folder: Path, what: str, gaps: _Gaps) -> Iterator[_Entry]:
    """Yield the entries of a folder; none if there is no such folder, which is the ordinary case."""
    try:
        with open_folder(folder) as descriptor:
            names = sorted(os.listdir(descriptor))
            entries = []
            for name in names[:MAX_ENTRIES]:
                with suppress(FileNotFoundError):  # it went away while we looked
                    entries.append(_Entry(name, os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode))
    except FileNotFoundError:
        return
    except OSError as error:
        # A file of that name is no folder with programs; a link has just been put there, or leads in a circle.
        if not isinstance(error, NotADirectoryError) or os.path.islink(folder):
            gaps.add(what, error)
        return
    if len(names) > MAX_ENTRIES:
        gaps.add(what, PackageListError(f"more than {MAX_ENTRIES} entries in a folder"))
    yield from entries


def _find_all_inside(tops: Iterable[Path], folders: tuple[str, ...], what: str, gaps: _Gaps) -> Iterator[Path]:
    """Yield these folders below each of `tops` by their real paths, but for those where a link leads out of it."""
    for top in tops:
        for name in folders:
            folder = Path(os.path.realpath(top / name))
            if folder.is_relative_to(top):
                yield folder
            else:
                gaps.add(what, PackageListError("a link leads out of the folder"))


def _read_executables(folder: Path, what: str, gaps: _Gaps) -> Iterator[Program]:
    for entry in _list_folder(folder, what, gaps):
        # A link counts by its name, for that is what people type; where it leads is not looked at.
        if stat.S_ISLNK(entry.mode) or (stat.S_ISREG(entry.mode) and entry.mode & 0o111):
            yield Program(to_text(entry.name), path=to_text(str(folder / entry.name)), source="file")


def _find_flatpak_deployment(application: Path) -> Path | None:
    """Return where the application's files are, or None when it is not installed any more."""
    if not os.path.islink(application / "current"):
        return None
    branch = _follow_inside(application / "current", parts=2)
    return _follow_inside(branch / "active", parts=1)


def _follow_inside(link: Path, parts: int) -> Path:
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
