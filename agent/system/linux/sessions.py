# SPDX-License-Identifier: Apache-2.0
"""Who is at a screen on a Linux machine: found in the environments of running processes, with no session service.

A process that has DISPLAY or WAYLAND_DISPLAY shows a screen of the user whom the kernel names. What the environment
says is the user's own text: it is read within limits. Another value in one process can add a session and takes none
away while any other process of the user names the display. A value that we do not understand stands for every display
of this machine that has a server and nobody else on it. What is not found: a session in which no process at all has a
display in its environment, or all of them name that of another server. That a session is watched is not decided here.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.system.interface import Session
from agent.system.linux.accounts import AccountReader
from agent.system.linux.displays import is_of_this_machine, list_servers, to_display

_PROC = Path("/proc")

MAX_ENVIRONMENT_BYTES = 128 * 1024
MAX_VALUE_CHARACTERS = 1024
SESSIONS_OF_ONE_USER = 16
"""Somebody who invents displays makes work; those of this machine's servers, and then the oldest, are kept."""
ALL_AGAIN_S = 60.0
"""A process that was read before it turned into another program is seen after so long."""

_WANTED = (
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
    *("LANG", "LC_ALL", "LC_CTYPE"),
)
_WAYLAND_DISPLAY = re.compile(r"[A-Za-z0-9/._-]{1,108}")
_UNCLEAR = "?"
"""In place of a DISPLAY that is too long, no ordinary text, or behind more environment than is read."""

_Key = tuple[int, str, str]
"""User, kind and display."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One process on one display."""

    pid: int
    uid: int
    display: str
    """Empty for an X11 display that we do not understand."""
    kind: str
    started: int
    environment: tuple[tuple[str, str], ...]

    @property
    def key(self) -> _Key:
        """What tells one display of one user from another."""
        return self.uid, self.kind, self.display


@dataclass(frozen=True, slots=True)
class _Sitting:
    """One account on one display, from the first program to the last."""

    server: str
    began: int
    processes: frozenset[tuple[int, int]]
    """Those of the last look: process id and start."""


class SessionReader:
    """Lists sessions. It remembers what it read, so that a look costs a listing of the process ids."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic, own_pid: int | None = None) -> None:
        """`own_pid`: whose children are watchers that we started, and make no session; this process by default."""
        self._clock_s = clock_s
        self._own_pid = os.getpid() if own_pid is None else own_pid
        self._accounts = AccountReader(clock_s)
        self._shown: dict[int, tuple[_Shown, ...]] = {}
        self._sittings: dict[_Key, _Sitting] = {}
        self._young: set[int] = set()
        self._all_again_s = 0.0

    def read(self) -> list[Session]:
        """Return the sessions of all users whose processes we may look into."""
        self._look()
        servers = list_servers()
        by_key: dict[_Key, list[_Shown]] = {}
        for each in sorted(self._list_shown(servers), key=lambda shown: shown.started):
            by_key.setdefault(each.key, []).append(each)
        self._sittings = {
            key: self._follow(key, of_one, servers.get(key[2], "") if key[1] == "x11" else "")
            for key, of_one in by_key.items()
        }
        by_user: dict[int, list[_Shown]] = {}
        oldest = [of_one[0] for of_one in by_key.values()]
        for each in sorted(oldest, key=lambda shown: (not _has_server(shown), shown.started)):
            by_user.setdefault(each.uid, []).append(each)
        kept = [each for of_one in by_user.values() for each in of_one[:SESSIONS_OF_ONE_USER]]
        return [self._to_session(each) for each in kept]

    def _list_shown(self, servers: dict[str, str]) -> Iterator[_Shown]:
        """Yield every process on every display that it shows. Where the server has ended it shows none."""
        shown = [each for of_one in self._shown.values() for each in of_one]
        unnamed = servers.keys() - {each.display for each in shown if each.kind == "x11"}
        for each in shown:
            if each.kind == "x11" and not each.display:
                yield from (replace(each, display=display) for display in unnamed)
            elif each.kind != "x11" or not is_of_this_machine(each.display) or each.display in servers:
                yield each

    def _follow(self, key: _Key, shown: list[_Shown], server: str) -> _Sitting:
        """Return the sitting on one display: the same as at the last look if a process and the server still are."""
        processes = frozenset((each.pid, each.started) for each in shown)
        last = self._sittings.get(key)
        is_same = last is not None and last.server == server and not last.processes.isdisjoint(processes)
        return _Sitting(server, last.began if last is not None and is_same else shown[0].started, processes)

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
        told = tuple(environment.items())
        # Under Wayland there is an X11 server too, for some windows. Nothing tells that from a lie, so it is both.
        if environment.get("DISPLAY"):
            yield _Shown(pid, uid, to_display(environment["DISPLAY"]), "x11", started, told)
        wayland = environment.get("WAYLAND_DISPLAY", "")
        if _WAYLAND_DISPLAY.fullmatch(wayland):
            yield _Shown(pid, uid, wayland, "wayland", started, told)

    def _to_session(self, shown: _Shown) -> Session:
        account = self._accounts.read(shown.uid)
        sitting = self._sittings[shown.key]
        return Session(
            uid=shown.uid,
            gid=account.gid,
            groups=account.groups,
            group_names=account.group_names,
            are_groups_known=account.are_groups_known,
            account_name=account.name,
            is_local=account.is_local,
            home=account.home,
            display=shown.display,
            kind=shown.kind,
            began=f"{sitting.server}.{sitting.began}",
            environment=dict(shown.environment) | ({"DISPLAY": shown.display} if shown.kind == "x11" else {}),
        )


def _read_environment(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the variables that are wanted, if their values are ordinary text."""
    # No file system of the user's own can keep us waiting here: since Linux 4.17 the kernel reads only anonymous pages
    # for this file (FOLL_ANON), never one that it would have to fetch from a file.
    with open(f"/proc/{pid}/environ", "rb") as stream:
        content = stream.read(MAX_ENVIRONMENT_BYTES)
    if len(content) >= MAX_ENVIRONMENT_BYTES:
        # A display may stand behind it; if one stands before, that comes later and counts.
        yield "DISPLAY", _UNCLEAR
    elif b"DISPLAY=" not in content:
        return
    for entry in content.split(b"\0"):
        name, _, raw = entry.partition(b"=")
        if name.decode("ascii", "replace") not in _WANTED:
            continue
        value = raw[: MAX_VALUE_CHARACTERS + 1].decode("utf-8", "replace")
        if len(raw) <= MAX_VALUE_CHARACTERS and value.isprintable() and "\N{REPLACEMENT CHARACTER}" not in value:
            yield name.decode("ascii"), value
        elif name == b"DISPLAY":
            yield "DISPLAY", _UNCLEAR


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


def _has_server(shown: _Shown) -> bool:
    return shown.kind == "x11" and is_of_this_machine(shown.display)
