# SPDX-License-Identifier: Apache-2.0
"""A school where some people are known, and a way to ask for exceptions there and to decide them."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from collector import exceptions
from collector.console.clock import find_zone
from collector.exceptions import Decision, ExceptionRequest, Scope
from collector.policies import PACK, load_policy, publish_change, publish_registers
from collector.store.engine import writing
from collector.subjects import load_account_key
from proto.keys import load_signer
from rules.load import load_pack, parse_files
from rules.model import Policy
from tests.collector.people.lists import take
from tests.collector.school import School


@dataclass
class Register:
    """The register of a school."""

    school: School
    shipped: Policy
    """The rules that the school began with."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return load_policy(self.school.engine, self.school.config)

    def ask(
        self,
        scope: Scope | None = None,
        *,
        by: str = "anna",
        first: str = "",
        last: str = "2026-12-18",
        review: str = "",
        reason: str = "Year 9 learn how it works",
    ) -> str:
        """Ask for an exception, from the rule about Tor if nothing else is named, and return its id."""
        scope, now_ns = scope or Scope(rules=("bypass-tor",)), self.school.now_ns
        asked = exceptions.read_asked(
            scope, first=first, last=last, review=review, reason=reason, zone=find_zone(), now_ns=now_ns
        )
        return exceptions.ask(
            self.school.engine, self.school.id, self.shipped, asked, zone=find_zone(), actor=by, now_ns=now_ns
        )

    def grant(
        self, id_: str, *, by: str = "ben", note: str = "", policy: Policy | None = None, publishes: bool = False
    ) -> None:
        """Grant one; a policy that carries it is published only on request, since that takes a second."""
        config = self.school.config

        def change(connection: Connection) -> None:
            exceptions.grant(
                connection,
                self.school.id,
                id_,
                self.decide(by, note),
                policy=policy or self.shipped,
                account_key=load_account_key(config),
                zone=find_zone(),
            )

        self._do(change, by, publish_change if publishes else None)

    def refuse(self, id_: str, *, by: str = "ben", note: str = "not needed") -> None:
        """Refuse one."""
        exceptions.refuse(self.school.engine, self.school.id, id_, self.decide(by, note))

    def withdraw(self, id_: str, *, by: str = "ben", note: str = "", publishes: bool = False) -> None:
        """Withdraw one."""
        decision = self.decide(by, note)
        self._do(
            lambda connection: exceptions.withdraw(connection, self.school.id, id_, decision),
            by,
            publish_registers if publishes else None,
        )

    def review(self, id_: str, *, by: str = "ben", next_on: str = "") -> None:
        """Let one stand until the next review."""
        zone, now_ns = find_zone(), self.school.now_ns
        exceptions.review(self.school.engine, self.school.id, id_, next_on=next_on, zone=zone, actor=by, now_ns=now_ns)

    def find(self, id_: str) -> ExceptionRequest:
        """Return a row of the register."""
        found = exceptions.find_exception(self.school.engine, self.school.id, id_)
        assert found is not None
        return found

    def decide(self, by: str, note: str = "") -> Decision:
        """Return somebody's word at this moment."""
        return Decision(by=by, at_ns=self.school.now_ns, note=note)

    def _do(self, change: Callable[[Connection], None], by: str, publish: Callable[..., int] | None) -> None:
        school = self.school
        if publish is None:
            with writing(school.engine) as connection:
                change(connection)
            return
        signer = load_signer(school.config.signing_key)
        publish(school.engine, school.id, signer, change, actor=by, reason="exception", now_ns=school.now_ns)


@pytest.fixture(scope="session")
def shipped() -> Policy:
    """The rules that a school begins with, read once."""
    return parse_files(load_pack(PACK))


@pytest.fixture
def register(school: School, shipped: Policy) -> Register:
    """The register of a school with two members of staff who are users of the console, and two pupils."""
    take(
        school,
        {"person_id": "s1", "kind": "staff", "user_name": "anna", "accounts": "directory:anna"},
        {"person_id": "s2", "kind": "staff", "user_name": "ben", "accounts": "directory:ben"},
        {"person_id": "p1", "accounts": "directory:ada"},
        {"person_id": "p2"},
    )
    return Register(school, shipped)
