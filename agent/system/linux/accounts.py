# SPDX-License-Identifier: Apache-2.0
"""Whose user id it is: name, home and groups, from the machine's own files or its directory (NSS).

A name is told by the system for an id that the kernel named, never by the user. Who is watched is not decided here.

A directory that is down looks like one that has never heard of somebody, and can take long to say even that. So it is
asked in a thread and waited for a moment only, and what was known is kept until there is an answer that says more. What
we cannot see: a directory that leaves out some of an account's groups and gives the others.
"""

import grp
import os
import pwd
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PASSWD = Path("/etc/passwd")
KEPT_S = 300.0
"""So long an answer is used again: a directory is far away, and groups change seldom."""
AGAIN_S = 30.0
"""So soon it is asked again when it could not tell."""
ANSWER_WITHIN_S = 0.5
"""So long an answer is waited for, unless another one is overdue; it comes at a later look."""
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
    are_groups_known: bool = True
    """False: nobody knows the id, or one of its groups has no name. In which groups it is cannot be told then."""


class AccountReader:
    """Answers, and remembers its answers for a while. Used by one thread."""

    def __init__(
        self,
        clock_s: Callable[[], float] = time.monotonic,
        passwd: Path = _PASSWD,
        ask: Callable[[int, Path], Account] | None = None,
    ) -> None:
        """`ask` answers for a user id by a list of local accounts; the system's own way by default."""
        self._clock_s = clock_s
        self._passwd = passwd
        self._ask = ask or ask_system
        self._known: dict[int, Account] = {}
        self._due_s: dict[int, float] = {}
        self._asking: dict[int, _Question] = {}

    def read(self, uid: int) -> Account:
        """Return the account of a user id, as far as it is known now."""
        now_s = self._clock_s()
        if uid not in self._asking and now_s >= self._due_s.get(uid, now_s):
            is_any_overdue = any(question.is_alive() for question in self._asking.values())
            self._asking[uid] = question = _Question(self._ask, uid, self._passwd)
            if not is_any_overdue:
                question.join(ANSWER_WITHIN_S)
        if uid in self._asking and not self._asking[uid].is_alive():
            self._take(uid, self._asking.pop(uid).answer)
        return self._known.get(uid) or _to_unknown(uid, is_local=False)

    def _take(self, uid: int, answer: Account | None) -> None:
        """Keep an answer, unless it says less than the last."""
        known = self._known.get(uid)
        is_told = answer is not None and answer.are_groups_known
        if answer is not None and (is_told or known is None or not known.are_groups_known):
            self._known[uid] = answer
        self._due_s[uid] = self._clock_s() + (KEPT_S if is_told else AGAIN_S)


class _Question(threading.Thread):
    """One question to the system, which may take long."""

    def __init__(self, ask: Callable[[int, Path], Account], uid: int, passwd: Path) -> None:
        super().__init__(name=f"account {uid}", daemon=True)
        self._ask, self._uid, self._passwd = ask, uid, passwd
        self.answer: Account | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._ask(self._uid, self._passwd)


def ask_system(uid: int, passwd: Path = _PASSWD) -> Account:
    """Return what the system says of a user id; `passwd` is the machine's own list. It may take long."""
    is_local = _is_local(uid, passwd)
    try:
        entry = pwd.getpwuid(uid)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)[:MAX_GROUPS]
    except (KeyError, OSError):
        return _to_unknown(uid, is_local=is_local)
    names = [_find_group(gid) for gid in groups]
    return Account(
        name=entry.pw_name,
        gid=entry.pw_gid,
        groups=tuple(groups),
        group_names=tuple(name for name in names if name),
        home=entry.pw_dir,
        is_local=is_local,
        are_groups_known=all(names),
    )


def _to_unknown(uid: int, *, is_local: bool) -> Account:
    # A number sign cannot begin a name, so this is nobody else's.
    return Account(f"#{uid}", uid, (uid,), (), "/", is_local, are_groups_known=False)


def _is_local(uid: int, passwd: Path) -> bool:
    """Return whether the id stands in the machine's own list. Were it asked by name, a directory could answer."""
    try:
        lines = passwd.read_bytes().splitlines()
    except OSError:
        return False
    return any(fields[2:3] == [b"%d" % uid] for fields in (line.split(b":") for line in lines))


def _find_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
