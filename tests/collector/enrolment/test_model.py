# SPDX-License-Identifier: Apache-2.0
"""Enrolment against a simple model: whatever is asked in whatever order, the two agree on who is a device."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select

from collector.authority import Authority
from collector.enrolment import certificates as certificates_room
from collector.enrolment import revoke_device, succession, withdraw_token
from collector.enrolment.certificates import DAY_NS
from collector.errors import EnrolmentRefusedError
from collector.store.engine import reading, writing
from collector.store.schema import certificates, device_keys, devices, incident_history, incidents, tokens
from collector.verify import verify
from proto.enrolment import FORKED, ROLLED_BACK
from proto.token import Token
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import HOUR_NS, make_school_token
from tests.collector.school import School

SUCCESSORS_A_DAY, CERTIFICATES_A_DAY = 2, 5
"""Few, so that the limits are met."""


@dataclass(eq=False)
class KnownToken:
    """A token as the model knows it."""

    token: Token
    uses_allowed: int
    expires_at_ns: int
    uses: int = 0
    is_withdrawn: bool = False


@dataclass(eq=False)
class Comer:
    """A machine that came, with a token or for another one; whether it became a device the model says."""

    machine: Machine
    token: KnownToken | None
    former: "Comer | None"
    reason: str = ""
    state: str = ""
    """Empty: it is no device."""
    admitted_at_ns: int = 0
    certified_at_ns: list[int] = field(default_factory=list)

    @property
    def may_speak(self) -> bool:
        """Whether it is a device that is heard."""
        return self.state in ("active", "pending")

    def had_too_many(self, now_ns: int) -> bool:
        """Whether it gets no further certificate today."""
        return sum(at_ns > now_ns - DAY_NS for at_ns in self.certified_at_ns) >= CERTIFICATES_A_DAY


class Model(RuleBasedStateMachine):
    """Tokens, machines and time; every rule asks the collector and the model, and holds one against the other."""

    made = Bundle("made")
    came = Bundle("came")

    def __init__(self, school: School, authority: Authority) -> None:
        super().__init__()
        self.school = school
        self.authority = authority
        self.tokens: list[KnownToken] = []
        self.comers: list[Comer] = []

    @initialize(target=came)
    def begin_with_a_device(self) -> object:
        """Something can happen to it from the first step on."""
        return self.come_with_token_of(self.make_token_of(1, 1))

    @rule(target=made, uses=st.integers(1, 4), hours=st.integers(2, 60))
    def make_token(self, uses: int, hours: int) -> KnownToken:
        """A technician makes a token."""
        return self.make_token_of(uses, hours)

    def make_token_of(self, uses: int, hours: int) -> KnownToken:
        """Make a token for so many devices and so long."""
        token = make_school_token(self.school, self.authority, uses=uses, valid_for_ns=hours * HOUR_NS)
        self.tokens.append(KnownToken(token, uses, self.school.now_ns + hours * HOUR_NS))
        return self.tokens[-1]

    @rule(token=made)
    def withdraw(self, token: KnownToken) -> None:
        """A technician takes a token back."""
        if token.is_withdrawn:
            return
        token_id = hashlib.sha256(token.token.secret).hexdigest()[:16]
        withdraw_token(self.school.engine, self.school.id, token_id, now_ns=self.school.now_ns)
        token.is_withdrawn = True

    @rule(hours=st.sampled_from([1, 25]))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.school.pass_time(hours * HOUR_NS)

    @rule(target=came, token=made)
    def come_with_token(self, token: KnownToken) -> object:
        """A new machine asks to enrol."""
        return self.come_with_token_of(token)

    def come_with_token_of(self, token: KnownToken) -> object:
        """Let a new machine ask to enrol."""
        return self._come(Comer(Machine(self.school.id), token, None))

    @rule(target=came, token=made, former=came)
    def come_again_with_token(self, token: KnownToken, former: Comer) -> object:
        """A machine that was a device before asks to enrol, with its former key's word."""
        return self._come(Comer(Machine(self.school.id), token, former))

    @rule(target=came, former=came, reason=st.sampled_from([FORKED, ROLLED_BACK]))
    def come_as_clone(self, former: Comer, reason: str) -> object:
        """One of two machines asks to be a device of its own."""
        return self._come(Comer(Machine(self.school.id), None, former, reason))

    @rule(comer=came)
    def ask_again(self, comer: Comer) -> None:
        """An answer was lost on the way."""
        self._ask(comer)

    @rule(comer=came, times=st.integers(1, 3))
    def renew(self, comer: Comer, times: int) -> None:
        """A device asks for its next certificate, and perhaps again."""
        now_ns = self.school.now_ns
        for _ in range(times):
            may = comer.may_speak and not comer.had_too_many(now_ns)
            assert self._is_taken(lambda: comer.machine.renew(self.school, self.authority)) == may
            if may:
                comer.certified_at_ns.append(now_ns)

    @rule(comer=came)
    def revoke(self, comer: Comer) -> None:
        """A technician revokes a device."""
        revoke_device(self.school.engine, self.school.id, comer.machine.device_id, now_ns=self.school.now_ns)
        comer.state = "revoked"

    @invariant()
    def agrees_with_the_database(self) -> None:
        """Devices, their states, their certificates, and the uses of each token."""
        with reading(self.school.engine) as connection:
            states = {row.device_id: row.state for row in connection.execute(select(devices))}
            issued = connection.execute(select(func.count()).select_from(certificates)).scalar_one()
            used = connection.execute(select(func.sum(tokens.c.uses))).scalar()
        admitted = [comer for comer in self.comers if comer.state]
        assert states == {comer.machine.device_id: comer.state for comer in admitted}
        assert issued == sum(len(comer.certified_at_ns) for comer in self.comers)
        assert (used or 0) == sum(token.uses for token in self.tokens)
        assert all(token.uses <= token.uses_allowed for token in self.tokens)

    def teardown(self) -> None:
        """Whatever happened, the database proves it."""
        assert verify(self.school.engine, self.school.config).problems == []

    def _come(self, comer: Comer) -> object:
        """Let a machine ask; only one that becomes a device is one to which more can happen."""
        self.comers.append(comer)
        self._ask(comer)
        return comer if comer.state else multiple()

    def _ask(self, comer: Comer) -> None:
        now_ns, machine, former = self.school.now_ns, comer.machine, comer.former
        may = self._may_be_admitted(comer, now_ns)
        if comer.token is not None:
            token, before = comer.token.token, former.machine if former else None
            taken = self._is_taken(lambda: machine.enrol(self.school, self.authority, token, former=before))
        else:
            assert former is not None
            before = former.machine
            taken = self._is_taken(lambda: machine.go_on_for(self.school, self.authority, before, comer.reason))
        assert taken == may
        if not taken:
            return
        comer.certified_at_ns.append(now_ns)
        if comer.state:
            return
        comer.admitted_at_ns = now_ns
        comer.state = "active" if comer.token is not None and comer.token.uses_allowed == 1 else "pending"
        if comer.token is not None:
            comer.token.uses += 1
            if former is not None and former.may_speak:
                former.state = "revoked"

    def _may_be_admitted(self, comer: Comer, now_ns: int) -> bool:
        if comer.state and (not comer.may_speak or comer.had_too_many(now_ns)):
            return False
        if comer.token is not None:
            token = comer.token
            is_good = not token.is_withdrawn and now_ns < token.expires_at_ns
            return is_good and bool(comer.state or token.uses < token.uses_allowed)
        assert comer.former is not None
        family = self._family_of(comer.former)
        today = sum(each.admitted_at_ns > now_ns - DAY_NS for each in family if each.reason and each.state)
        return comer.former.may_speak and bool(comer.state or today < SUCCESSORS_A_DAY)

    def _family_of(self, comer: Comer) -> list[Comer]:
        while comer.reason and comer.former is not None:
            comer = comer.former
        family = [comer]
        for member in family:
            family += [each for each in self.comers if each.reason and each.former is member]
        return family

    @staticmethod
    def _is_taken(ask: Callable[[], object]) -> bool:
        try:
            ask()
        except EnrolmentRefusedError:
            return False
        return True


def test_enrolment_agrees_with_a_simple_model(
    school: School, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, uses, repetitions, withdrawals, renewals, clones and revocations, in any order."""
    monkeypatch.setattr(succession, "MAX_A_DAY", SUCCESSORS_A_DAY)
    monkeypatch.setattr(certificates_room, "MAX_A_DAY", CERTIFICATES_A_DAY)

    def begin() -> Model:
        with writing(school.engine) as connection:
            for table in (certificates, device_keys, devices, tokens, incident_history, incidents):
                connection.execute(delete(table))
        return Model(school, authority)

    factory: Any = begin
    run_state_machine_as_test(
        factory,
        settings=settings(
            max_examples=8, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
