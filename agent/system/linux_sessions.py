# SPDX-License-Identifier: Apache-2.0
"""Who is at a screen on a Linux machine: found in the environments of running processes, with no session service.

A process that has DISPLAY or WAYLAND_DISPLAY shows a screen of the user whom the kernel names. What the environment
says is the user's own text: it is read within limits, and another value in one process can only add a session. That a
session is watched is not decided here.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.system.interface import Session
from agent.system.linux_accounts import AccountReader

_PROC = Path("/proc")
_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen; only asked whether a socket is there

MAX_ENVIRONMENT_BYTES = 128 * 1024
MAX_VALUE_CHARACTERS = 1024
SESSIONS_OF_ONE_USER = 16
"""Somebody who invents displays makes work; those that have a server, and then the oldest, are kept."""
ALL_AGAIN_S = 60.0
"""A process that was read before it turned into another program is seen after so long."""

_WANTED = (
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
    *("LANG", "LC_ALL", "LC_CTYPE"),
)
_X11_DISPLAY = re.compile(r"(?P<host>[A-Za-z0-9.-]{0,64}):(?P<number>\d{1,5})(?:\.\d{1,3})?")
_WAYLAND_DISPLAY = re.compile(r"[A-Za-z0-9/._-]{1,108}")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One process on one display."""

    uid: int
    display: str
    kind: str
    started: int
    environment: tuple[tuple[str, str], ...]


class SessionReader:
    """Lists sessions. It remembers what it read, so that a look costs a listing of the process ids."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic, own_pid: int | None = None) -> None:
        """`own_pid`: whose children are watchers that we started, and make no session; this process by default."""
        self._clock_s = clock_s
        self._own_pid = os.getpid() if own_pid is None else own_pid
        self._accounts = AccountReader(clock_s)
        self._shown: dict[int, tuple[_Shown, ...]] = {}
        self._young: set[int] = set()
        self._all_again_s = 0.0

    def read(self) -> list[Session]:
        """Return the sessions of all users whose processes we may look into."""
        self._look()
        oldest: dict[tuple[int, str, str], _Shown] = {}
        for each in sorted((shown for of_one in self._shown.values() for shown in of_one), key=lambda s: s.started):
            oldest.setdefault((each.uid, each.kind, each.display), each)
        by_user: dict[int, list[_Shown]] = {}
        for each in sorted(oldest.values(), key=lambda shown: (not _has_server(shown), shown.started)):
            by_user.setdefault(each.uid, []).append(each)
        kept = [each for of_one in by_user.values() for each in of_one[:SESSIONS_OF_ONE_USER]]
        return [self._to_session(each) for each in kept]

    def _look(self) -> None:
        """Read the processes that are new, those that were new at the last look, and all of them now and then."""
        now_s = self._clock_s()
        if now_s >= self._all_again_s:
            self._shown, self._young = {}, set()
            self._all_again_s = now_s + ALL_AGAIN_S
        present = {int(name) for name in os.listdir(_PROC) if name.isdigit()}
        self._shown = {pid: shown for pid, shown in self._shown.items() if pid in present}
        fresh = present - self._shown.keys()
        for pid in fresh | (self._young & present):
            self._shown[pid] = tuple(self._read_process(pid))
        self._young = fresh

    def _read_process(self, pid: int) -> Iterator[_Shown]:
        try:
            # The environment first: it is closed to us for most processes if we are not root.
            environment = dict(_read_environment(pid))
            if not environment:
                return
            uid, parent = _read_status(pid)
            started = _read_start(pid)
        except (OSError, ValueError):
            return
        if parent == self._own_pid:
            return
        x11 = _to_x11_display(environment.get("DISPLAY", ""))
        wayland = environment.get("WAYLAND_DISPLAY", "")
        told = tuple(environment.items())
        # Under Wayland programs are told of an X11 server too, which shows only some of the windows.
        if x11 and not wayland:
            yield _Shown(uid, x11, "x11", started, told)
        if _WAYLAND_DISPLAY.fullmatch(wayland):
            yield _Shown(uid, wayland, "wayland", started, told)

    def _to_session(self, shown: _Shown) -> Session:
        account = self._accounts.read(shown.uid)
        return Session(
            uid=shown.uid,
            gid=account.gid,
            groups=account.groups,
            group_names=account.group_names,
            account_name=account.name,
            is_local=account.is_local,
            home=account.home,
            display=shown.display,
            kind=shown.kind,
            environment=dict(shown.environment) | ({"DISPLAY": shown.display} if shown.kind == "x11" else {}),
        )


def _read_environment(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the variables that are wanted, if their values are ordinary text."""
    with open(f"/proc/{pid}/environ", "rb") as stream:
        content = stream.read(MAX_ENVIRONMENT_BYTES)
    if b"DISPLAY=" not in content:
        return
    for entry in content.split(b"\0"):
        name, _, raw = entry.partition(b"=")
        if len(raw) > MAX_VALUE_CHARACTERS or name.decode("ascii", "replace") not in _WANTED:
            continue
        value = raw.decode("utf-8", "replace")
        if value.isprintable() and "\N{REPLACEMENT CHARACTER}" not in value:
            yield name.decode("ascii"), value


def _read_status(pid: int) -> tuple[int, int]:
    """Return the real user of a process, which a set-uid program keeps, and its parent."""
    with open(f"/proc/{pid}/status", "rb") as stream:
        # The kernel writes line ends in a program's name as \n in two characters.
        lines = dict(line.split(b":", 1) for line in stream.read().splitlines() if b":" in line)
    return int(lines[b"Uid"].split()[0]), int(lines[b"PPid"])


def _read_start(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as stream:
        content = stream.read()
    return int(content[content.rindex(b")") + 2 :].split()[19])


def _to_x11_display(text: str) -> str:
    """Return an X11 display in one form, so that one server is one session; empty if it is none."""
    found = _X11_DISPLAY.fullmatch(text)
    if found is None:
        return ""
    host = "" if found["host"] == "unix" else found["host"]
    return f"{host}:{int(found['number'])}"


def _has_server(shown: _Shown) -> bool:
    if shown.kind != "x11" or not shown.display.startswith(":"):
        return False
    try:
        return stat.S_ISSOCK(os.lstat(_SOCKETS / f"X{shown.display[1:]}").st_mode)
    except OSError:
        return False
