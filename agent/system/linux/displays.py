# SPDX-License-Identifier: Apache-2.0
"""The X11 displays of this machine: how programs write them, and which of them have a server.

Who is on them is found by `linux_sessions`.
"""

import os
import re
import stat
from pathlib import Path

_UNIX = Path("/proc/net/unix")
_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen; only asked which sockets are there

MAX_LIST_BYTES = 4 * 1024 * 1024
_LISTENS = 0x10000  # SO_ACCEPTCON, which the kernel sets in the flags of a socket that listens
_BY_NUMBER = re.compile(r"(?P<host>[A-Za-z0-9.-]{0,64}):(?P<number>\d{1,5})(?:\.\d{1,3})?")
_BY_SOCKET = re.compile(r"(?:unix:)?/tmp/\.X11-unix/X(?P<number>\d{1,5})(?:\.\d{1,3})?")
_SOCKET = re.compile(rb"@?/tmp/\.X11-unix/X(\d{1,5})")
_FILE = re.compile(r"X(\d{1,5})")


def to_display(text: str) -> str:
    """Return an X11 display in one form, so that one server is one session; empty if it is none that we understand."""
    found = _BY_SOCKET.fullmatch(text)
    if found is not None:
        return f":{int(found['number'])}"
    found = _BY_NUMBER.fullmatch(text)
    if found is None:
        return ""
    host = "" if found["host"] == "unix" else found["host"]
    return f"{host}:{int(found['number'])}"


def is_of_this_machine(display: str) -> bool:
    """Return whether a display is reached by a socket of this machine, so that we can see whether it has a server."""
    return display.startswith(":")


def list_servers(unix: Path = _UNIX, sockets: Path = _SOCKETS) -> dict[str, str]:
    """Return the local displays that have a server, each with what tells it from an earlier one; empty if unknown.

    The kernel's list has servers that are asked without a file too, or whose file somebody took away. The folder has
    those of another network namespace.
    """
    return dict.fromkeys(_list_files(sockets), "") | _list_listening(unix)


def _list_listening(unix: Path) -> dict[str, str]:
    try:
        with unix.open("rb") as stream:
            lines = stream.read(MAX_LIST_BYTES).splitlines()
    except OSError:
        return {}
    found = set()
    for line in lines:
        # Num RefCount Protocol Flags Type St Inode Path
        fields = line.split(maxsplit=7) if b".X11-unix" in line else []
        name = _SOCKET.fullmatch(fields[7]) if len(fields) == 8 else None
        if name is not None and _is_listening(fields[3]):
            # A name that begins with @ is anybody's to take, a file is the server's: that one goes last and counts.
            found.add((not fields[7].startswith(b"@"), f":{int(name[1])}", fields[6].decode("ascii", "replace")))
    return {display: inode for _, display, inode in sorted(found)}


def _is_listening(flags: bytes) -> bool:
    try:
        return bool(int(flags, 16) & _LISTENS)
    except ValueError:
        # A name can hold a line end, and what follows is anybody's text.
        return False


def _list_files(sockets: Path) -> list[str]:
    try:
        with os.scandir(sockets) as entries:
            return [
                f":{int(found[1])}"
                for entry in entries
                if (found := _FILE.fullmatch(entry.name)) and stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)
            ]
    except OSError:
        return []
