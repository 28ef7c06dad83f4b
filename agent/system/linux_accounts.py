# SPDX-License-Identifier: Apache-2.0
"""Whose user id it is: name, home and groups, from the machine's own files or its directory (NSS).

A name is told by the system for an id that the kernel named, never by the user. Who is watched is not decided here.
"""

import grp
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PASSWD = Path("/etc/passwd")
KEPT_S = 300.0
"""So long an answer is used again: a directory is far away, and groups change seldom."""
MAX_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """What the system says of one user id."""

    name: str
    gid: int
    groups: tuple[int, ...]
    group_names: tuple[str, ...]
    home: str
    is_local: bool


class AccountReader:
    """Answers, and remembers its answers for a while."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic, passwd: Path = _PASSWD) -> None:
        self._clock_s = clock_s
        self._passwd = passwd
        self._known: dict[int, tuple[float, Account]] = {}

    def read(self, uid: int) -> Account:
        """Return the account of a user id; one without a name if nobody knows it."""
        now_s = self._clock_s()
        read_s, account = self._known.get(uid, (now_s - KEPT_S, None))
        if account is None or now_s - read_s >= KEPT_S:
            account = self._ask(uid)
            self._known[uid] = now_s, account
        return account

    def _ask(self, uid: int) -> Account:
        is_local = self._is_local(uid)
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            # A number sign cannot begin a name, so this is nobody else's.
            return Account(f"#{uid}", uid, (uid,), (), "/", is_local)
        try:
            groups = os.getgrouplist(entry.pw_name, entry.pw_gid)[:MAX_GROUPS]
        except OSError:
            groups = [entry.pw_gid]
        names = tuple(name for name in map(_find_group, groups) if name)
        return Account(entry.pw_name, entry.pw_gid, tuple(groups), names, entry.pw_dir, is_local)

    def _is_local(self, uid: int) -> bool:
        """Return whether the id stands in the machine's own list. Were it asked by name, a directory could answer."""
        try:
            lines = self._passwd.read_bytes().splitlines()
        except OSError:
            return False
        return any(fields[2:3] == [b"%d" % uid] for fields in (line.split(b":") for line in lines))


def _find_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
