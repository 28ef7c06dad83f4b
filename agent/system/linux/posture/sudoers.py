# SPDX-License-Identifier: Apache-2.0
"""Who may become root through sudo: users and groups with a line in sudoers that ends in ALL commands.

Lines for single commands do not make an administrator. What is not understood is counted, never guessed. Read are
user lines, aliases of users, continued lines and includes, as sudoers(5) describes them; rules in a directory are not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import NotKnownError

_FILE = "etc/sudoers"
_FOLDER = "etc/sudoers.d"
_MAX_FILES = 200
_MAX_NAMES = 2000
_INCLUDE = re.compile(r"[@#](include|includedir)\s+\"?([^\"]+?)\"?\s*")
_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\b(.*)")
# Users, hosts, and what they may do. A list of users has no blank but after a comma.
_USERS = re.compile(r"((?:[^\s,=\\]|\\.)+(?:\s*,\s*(?:[^\s,=\\]|\\.)+)*)\s+[^=]+=(.*)")
_RUN_AS_AND_TAGS = re.compile(r"\([^)]*\)|[A-Z_]+\s*:")
_NAME = re.compile(r"%?[A-Za-z0-9_.][A-Za-z0-9_.@$ \\+-]*")


@dataclass(slots=True)
class Sudoers:
    """Who is named."""

    users: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    is_everybody: bool = False
    """A line lets every user become root with his own password."""
    unclear: int = 0
    """Lines that were not understood."""


def read_sudoers(files: SystemFiles) -> Sudoers:
    """Return who may do everything; nobody if there is no sudo.

    Raises:
        NotKnownError: a file cannot be read.
    """
    lines = list(_list_lines(files, _FILE, [_MAX_FILES]))
    aliases = dict(_list_aliases(lines))
    found = Sudoers()
    for line in lines:
        if line.startswith("Defaults") or _ALIAS.match(line):
            continue
        parts = _USERS.fullmatch(line)
        if parts is None:
            found.unclear += 1
        elif _grants_all(parts[2]):
            _add(found, parts[1], aliases, depth=8)
    if any(re.match(r"Defaults\b.*(?<!!)\b(targetpw|rootpw)\b", line) for line in lines):
        # Whoever runs sudo needs root's password then, so nobody is let in by a line for everybody.
        found.is_everybody = False
    return found


def _list_lines(files: SystemFiles, place: str, left: list[int]) -> Iterator[str]:
    """Yield whole lines of a file and of those it includes, without comments."""
    left[0] -= 1
    if left[0] < 0:
        raise NotKnownError(f"sudoers includes more than {_MAX_FILES} files")
    content = (files.find(place) or b"").decode("utf-8", "replace").replace("\\\n", " ")
    for text in content.splitlines():
        line = text.strip()
        included = _INCLUDE.fullmatch(line)
        if included is None:
            # `#1000` is a user id, any other number sign begins a comment.
            line = re.sub(r"(^|\s)#(?!\d).*", "", line).strip()
            if line:
                yield line
        elif included[1] == "include":
            yield from _list_lines(files, _to_place(included[2]), left)
        else:
            folder = _to_place(included[2])
            for name in files.list_names(folder):
                if "." not in name and not name.endswith("~"):
                    yield from _list_lines(files, f"{folder}/{name}", left)


def _to_place(path: str) -> str:
    return path if path.startswith("/") else f"etc/{path}"


def _list_aliases(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _ALIAS.match(line)
        if found and found[1] == "User":
            for definition in found[2].split(":"):
                name, equals, users = definition.partition("=")
                if equals:
                    yield name.strip(), users.strip()


def _grants_all(commands: str) -> bool:
    """Return whether a list of commands ends in ALL, or has it in the middle."""
    words = [word.strip() for word in _RUN_AS_AND_TAGS.sub("", commands).split(",")]
    return "ALL" in words


def _add(found: Sudoers, users: str, aliases: dict[str, str], depth: int) -> None:
    for word in users.split(","):
        name = word.strip().replace("\\", "").strip('"')
        if name in aliases and depth:
            _add(found, aliases[name], aliases, depth - 1)
        elif name == "ALL":
            found.is_everybody = True
        elif not _NAME.fullmatch(name) or len(found.users) + len(found.groups) >= _MAX_NAMES:
            # Numbers, netgroups, groups of plugins, and exceptions (`!name`).
            found.unclear += 1
        elif name.startswith("%"):
            found.groups.add(name[1:])
        else:
            found.users.add(name)
