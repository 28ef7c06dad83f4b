# SPDX-License-Identifier: Apache-2.0
"""A school that works under a pack: its real database, real ingest, real console, and a clock that stands still.

    world.report(StickWritten, at="2026-11-23T10:30", accounts=["guest"])
    assert "usb-unprotected-written" in world.rules_that_fired()
    page = world.visit(Role.TECHNICIAN).get("/incidents")

What carries a clause can be taken away before it is used: `proof` does so.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from collector.authority import Authority
from collector.console import app as console
from collector.incidents import Incident, list_incidents
from collector.ingest import Ingest
from collector.policies import choose_pack
from collector.roles import Role, needs_second_factor
from proto.events import AccountSignedIn, AccountSignedOut, Audience, Kind
from proto.keys import load_signer
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from rules.model import Policy
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device, enrol_device, numbers_of, send
from tests.collector.school import School

LONDON = ZoneInfo("Europe/London")
MONDAY_IN_LESSON = "2026-11-23T10:30"
PASSWORD = "correct horse battery"
SECOND_NS = 10**9


@cache
def load_policy_of(pack: str) -> Policy:
    """Return a pack that comes with the product, read once."""
    return parse_files(load_pack(pack), version=1)


def to_ns(local: str) -> int:
    """Return a local time of the school, `2026-11-23T10:30`, in nanoseconds since 1970."""
    return int(datetime.fromisoformat(local).replace(tzinfo=LONDON).timestamp()) * SECOND_NS


@dataclass
class World:
    """The school, its devices and its people."""

    school: School
    authority: Authority
    pack: str
    policy: Policy
    """What ingest and the checks work with; whoever takes something away replaces it."""
    devices: dict[str, Device] = field(default_factory=dict)
    closing: list[Callable[[], None]] = field(default_factory=list)
    account_key: bytes | None = None
    """What references of accounts are made with. Only with it ingest knows whose an account of the register is."""
    _ingest: Ingest | None = None
    _console: Any = None

    def close(self) -> None:
        """End what was started."""
        for close in reversed(self.closing):
            close()

    @property
    def ingest(self) -> Ingest:
        """Ingest at work under the policy."""
        if self._ingest is None:
            self._ingest = Ingest(
                self.school.engine,
                self.school.id,
                Evaluator(self.policy),
                clock_ns=lambda: self.school.now_ns,
                account_key=self.account_key,
            )
            self.closing.append(self._ingest.close)
        return self._ingest

    def device(self, hostname: str = "library-01") -> Device:
        """Return a device, enrolled when it is named first."""
        if hostname not in self.devices:
            self.devices[hostname] = enrol_device(self.school, self.authority, hostname)
        return self.devices[hostname]

    def report(
        self,
        *events: Kind,
        at: str = MONDAY_IN_LESSON,
        device: str = "library-01",
        accounts: Iterable[str] = (),
    ) -> None:
        """Let a device tell of events at a local time, while accounts of these kinds have a session on it."""
        speaker = self.device(device)
        self.school.now_ns = max(self.school.now_ns, to_ns(at))
        speaker.wall_clock_ns = to_ns(at)
        refs = [(number.to_bytes(16), number.to_bytes(8), kind) for number, kind in enumerate(accounts, start=1)]
        signed_in = [
            AccountSignedIn(account, session, kind, is_local=False, session_type="x11")
            for account, session, kind in refs
        ]
        signed_out = [AccountSignedOut(account, session) for account, session, _ in refs]
        numbers_of(send(self.ingest, speaker.say(*signed_in, *events, *signed_out)))

    def incidents(self, rule: str = "", *, audience: Audience = Audience.SECURITY) -> list[Incident]:
        """Return the incidents of an audience, or those of one rule."""
        found = list_incidents(self.school.engine, self.school.id, audiences=[audience])
        return [incident for incident in found if rule in ("", incident.rule)]

    def rules_that_fired(self) -> set[str]:
        """Return the rules that have an incident of any audience."""
        found = list_incidents(self.school.engine, self.school.id, audiences=list(Audience))
        return {incident.rule for incident in found}

    def publish(self) -> int:
        """Put the pack in force in the database, as its collector does, and return the version."""
        signer = load_signer(self.school.config.signing_key)
        return choose_pack(
            self.school.engine,
            self.school.id,
            signer,
            pack=self.pack,
            actor="command line",
            reason="the school's policy",
            now_ns=self.school.now_ns,
            seconded_by="headteacher",
        )

    def visit(self, roles: Role | Collection[Role], name: str = "") -> Visitor:
        """Return somebody with these roles who is signed in at the console; the second time the same person."""
        roles = {roles} if isinstance(roles, Role) else set(roles)
        name = name or "-".join(sorted(role.value for role in roles))
        if self._console is None:
            self._console = console.create_app(
                self.school.config,
                self.school.engine,
                publish=self.school.publish,
                secure_cookies=True,
                clock_ns=lambda: self.school.now_ns,
            )
        self.school.add_user(name, roles, PASSWORD)
        visitor = Visitor(self._console)
        assert visitor.sign_in(name, PASSWORD).status == 303
        if needs_second_factor(roles):
            self.school.add_second_factor(name)
            assert visitor.give_code(self.school.make_code(name)).status == 303
        return visitor

    def take_away_rule(self, rule_id: str) -> None:
        """Let the policy be without a rule."""
        rules = tuple(rule for rule in self.policy.rules if rule.id != rule_id)
        assert len(rules) < len(self.policy.rules), f"{self.pack} has no rule {rule_id}"
        self.policy = replace(self.policy, rules=rules)
