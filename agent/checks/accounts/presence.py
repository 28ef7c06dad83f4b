# SPDX-License-Identifier: Apache-2.0
"""Who is at the machine: the sessions of one account together, from the first to the last, kept over a restart.

One account may have several displays, and a Wayland session shows as an X11 one as well: it is one presence. It goes
on as long as one of its sittings does. What it is called is not kept, only the reference by which it was told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.checks.memory import Memory
from agent.system.interface import Session

FILE_NAME = "accounts-present.json"

Sitting = tuple[str, str, str]
"""Kind, display and beginning of one session."""


@dataclass(frozen=True, slots=True)
class Present:
    """An account whose beginning was told."""

    uid: int
    sittings: frozenset[Sitting]
    account_ref: bytes
    session_ref: bytes


def to_sitting(session: Session) -> Sitting:
    """Return what tells one session of an account from another."""
    return session.kind, session.display, session.began


def group_by_account(sessions: Iterable[Session]) -> Mapping[int, Sequence[Session]]:
    """Return the sessions of each account, the one that names its kind first: Wayland before X11."""
    grouped: dict[int, list[Session]] = {}
    for session in sorted(sessions, key=lambda each: (each.kind != "wayland", each.display)):
        grouped.setdefault(session.uid, []).append(session)
    return grouped


class PresentAccounts:
    """Those who were told to be here, kept in a file together with the boot they belong to."""

    def __init__(self, folder: Path | None, boot_id: bytes) -> None:
        self._memory = Memory(folder, FILE_NAME)
        self._boot = boot_id.hex()
        self._present: dict[int, Present] = {}
        self._from_before: list[Present] = []
        entries = self._memory.load("present")
        for boot, present in (_to_present(each) for each in entries if _is_entry(each)):
            if boot and boot == self._boot:
                self._present[present.uid] = present
            else:
                # The machine went off under it, so it has ended.
                self._from_before.append(present)

    def list_ended(self, grouped: Mapping[int, Sequence[Session]]) -> list[Present]:
        """Return those who are not here any more, also those of an earlier boot."""
        return self._from_before + [each for each in self._present.values() if not _goes_on(each, grouped)]

    def find(self, uid: int) -> Present | None:
        """Return an account that was told to be here."""
        return self._present.get(uid)

    def add(self, present: Present) -> None:
        """Remember one that was told to be here, or that goes on in other sittings."""
        if self._present.get(present.uid) != present:
            self._present[present.uid] = present
            self._keep()

    def remove(self, present: Present) -> None:
        """Forget one that was told to have gone."""
        if present in self._from_before:
            self._from_before.remove(present)
        else:
            del self._present[present.uid]
        self._keep()

    def clear(self) -> None:
        """Forget all: the policy does not ask any more."""
        if self._present or self._from_before:
            self._present, self._from_before = {}, []
            self._keep()

    def _keep(self) -> None:
        now = [_to_entry(self._boot, each) for each in self._present.values()]
        self._memory.keep("present", now + [_to_entry("", each) for each in self._from_before])


def _goes_on(present: Present, grouped: Mapping[int, Sequence[Session]]) -> bool:
    return any(to_sitting(session) in present.sittings for session in grouped.get(present.uid, ()))


def _to_entry(boot: str, present: Present) -> list[Any]:
    sittings = [list(each) for each in sorted(present.sittings)]
    return [boot, present.uid, sittings, present.account_ref.hex(), present.session_ref.hex()]


def _to_present(entry: list[Any]) -> tuple[str, Present]:
    boot, uid, sittings, account_ref, session_ref = entry
    kept = frozenset((kind, display, began) for kind, display, began in sittings)
    return boot, Present(uid, kept, bytes.fromhex(account_ref), bytes.fromhex(session_ref))


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 5:
        return False
    boot, uid, sittings, *refs = entry
    if type(uid) is not int or not isinstance(sittings, list):
        return False
    if not all(isinstance(each, list) and len(each) == 3 for each in sittings):
        return False
    texts = [boot, *(text for each in sittings for text in each), *refs]
    return all(isinstance(text, str) for text in texts) and all(_is_hex(ref) for ref in refs)


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False
