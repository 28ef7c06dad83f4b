# SPDX-License-Identifier: Apache-2.0
"""The check `accounts`: who begins and ends a session at this machine, by reference and only if the policy asks.

It finds no breach: several people at one machine, a shared or a guest account are daily life, and whether one account
is at two machines only the collector can see. Seen are sessions at a screen (X11 and Wayland), not text consoles or
remote shells; a program that somebody starts as another account on his screen looks like a session of that account,
for to the kernel it is one. Without the key that makes references nothing is told; it is told when the key comes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from agent.checks.accounts.presence import Present, PresentAccounts, group_by_account, to_sitting
from agent.checks.interface import Answer, Check, Rules
from agent.errors import MachineError
from agent.system.interface import Session, System
from proto.events import AccountSignedIn, AccountSignedOut, Kind, State
from proto.sealed import make_account_ref
from rules.settings import Accounts as AccountSettings
from rules.wildcard import Wildcards

SESSION_REF_BYTES = 8
FIRST_PERSON = 1000
"""Numbers below are the system's own accounts: most sign-in screens have one of them."""
GREETER = "gdm-greeter"
"""Newer ones have an account for the moment, with a number from elsewhere."""


class Accounts(Check):
    """Tells sessions by reference."""

    name = "accounts"
    poll_interval_s = 5.0

    ADMINISTRATORS: ClassVar = frozenset(("root", "sudo", "wheel", "admin", "administrators", "domain admins"))
    """Groups whose members administer, in small letters."""

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """As for every check."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self.account_key: bytes | None = None
        """What references are made with; the app sets it when the collector has sent it."""
        self.device_id = ""
        """Stands in the name of a local account, so that it is nobody else's on another machine."""
        self._present = PresentAccounts(state_folder, self._find_boot())
        self._settings: AccountSettings | None = None
        self._grouped: Mapping[int, Sequence[Session]] = {}

    def close(self) -> None:
        """Forget who was seen at the last look: until the next one it is not known who is here."""
        self._settings, self._grouped = None, {}

    def find_present(self) -> tuple[frozenset[str] | None, frozenset[str] | None]:
        """Return the kinds and the references of the accounts at this machine, as they were told; None for both unless
        somebody is at it and each was told.

        Nobody at a screen does not mean nobody: sessions elsewhere are not seen.
        """
        present = [self._present.find(uid) for uid in self._grouped]
        told = [each for each in present if each is not None]
        if self._settings is None or not told or len(told) < len(present):
            return None, None
        kinds = frozenset(self._find_kind(sessions[0], self._settings) for sessions in self._grouped.values())
        return kinds, frozenset(each.account_ref.hex() for each in told)

    def _observe(self) -> Iterator[Kind]:
        rules = self._find_rules()
        self._settings = rules.policy.settings.accounts if rules else None
        if self._settings is None:
            return
        if not self._settings.ask:
            self._grouped = {}
            self._present.clear()
            return
        self._grouped = group_by_account(each for each in self._system.list_sessions() if _is_of_person(each))
        for gone in self._present.list_ended(self._grouped):
            yield AccountSignedOut(gone.account_ref, gone.session_ref)
            self._present.remove(gone)
        for uid, sessions in self._grouped.items():
            yield from self._follow(uid, sessions, self._settings)

    def _find_boot(self) -> bytes:
        try:
            return self._system.boot_id()
        except MachineError:
            return b""

    def _follow(self, uid: int, sessions: Sequence[Session], settings: AccountSettings) -> Iterator[AccountSignedIn]:
        """Yield the beginning of a presence; of one that goes on remember its sittings."""
        sittings = frozenset(to_sitting(each) for each in sessions)
        known = self._present.find(uid)
        if known is not None:
            self._present.add(replace(known, sittings=sittings))
            return
        session = sessions[0]
        if self.account_key is None or not _is_named(session):
            return
        present = Present(
            uid=uid,
            sittings=sittings,
            account_ref=make_account_ref(self.account_key, session.to_account(self.device_id)),
            session_ref=os.urandom(SESSION_REF_BYTES),
        )
        yield AccountSignedIn(
            account_ref=present.account_ref,
            session_ref=present.session_ref,
            account_kind=self._find_kind(session, settings),
            is_local=session.is_local,
            session_type=session.kind,
            others=len(self._grouped) - 1,
        )
        self._present.add(present)

    def _find_kind(self, session: Session, settings: AccountSettings) -> str:
        """Return the kind of an account: what it may do counts before whose it is."""
        if session.uid == 0 or any(name.casefold() in self.ADMINISTRATORS for name in session.group_names):
            return "administrator"
        for kind, patterns in (("guest", settings.guest), ("shared", settings.shared)):
            if Wildcards([(pattern.casefold(), True) for pattern in patterns]).find_all(
                session.account_name.casefold()
            ):
                return kind
        return "personal"

    def _answer(self) -> Answer:
        if self._settings is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so it is not known whether sessions are told.")
        if not self._settings.ask:
            return Answer(State.NOT_APPLICABLE, "The policy does not ask when sessions begin and end.")
        people, sessions = len(self._grouped), sum(len(each) for each in self._grouped.values())
        facts = {"people": str(people), "sessions": str(sessions)}
        if self.account_key is None:
            return Answer(State.UNKNOWN, "Sessions are not told yet: the key for references has not come.", facts)
        unnamed = sum(not _is_named(each[0]) for each in self._grouped.values())
        if unnamed:
            return Answer(State.UNKNOWN, f"The directory does not say whose {unnamed} sessions are.", facts)
        return Answer(State.PASS, f"People with a session at a screen: {people}.", facts)


def _is_of_person(session: Session) -> bool:
    """Return whether it is not the sign-in screen's own session."""
    return session.uid == 0 or (session.uid >= FIRST_PERSON and not session.account_name.startswith(GREETER))


def _is_named(session: Session) -> bool:
    """Return whether the system says which account it is. A local one is known by its number."""
    # A number sign cannot begin a name: it stands for a directory that does not answer.
    return session.is_local or not session.account_name.startswith("#")
