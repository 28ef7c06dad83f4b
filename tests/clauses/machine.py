# SPDX-License-Identifier: Apache-2.0
"""A machine of the school on which the agent's real checks run, under the policy of its world.

    machine = Machine(world)
    machine.posture.protections = ()
    machine.look_at_itself()
    assert world.incidents("posture-antivirus")

The machine is in memory, the checks and the gate that lets events leave are the agent's own.
"""

from collections.abc import Iterable
from typing import Any

from agent.checks.accounts.check import Accounts
from agent.checks.idle_lock.check import IdleLock
from agent.checks.interface import Check
from agent.checks.posture.check import Posture
from agent.policy import InForce, PolicyStore
from collector.coincidences import record_coincidences
from collector.devices import note_seen
from collector.judgement import record_due
from proto.events import Kind
from proto.sealed import make_account_ref
from rules.evaluate import Evaluator
from tests.agent.checks.idle_lock.screens import FakeScreens, make_screen
from tests.agent.checks.posture.secured import FakePosture
from tests.agent.safeguarding import make_session
from tests.clauses.world import MONDAY_IN_LESSON, World, to_ns
from tests.fakes import FakeClock, FakeSystem

ACCOUNT_KEY = bytes(range(32))
SETTLED_S = 3600.0
"""After so long, what a service has not done is taken for true."""


def pass_time(world: World, until: str) -> None:
    """Let it be later, with all devices connected, and let the collector look for what only time tells."""
    school, now_ns = world.school, to_ns(until)
    assert now_ns >= school.now_ns
    school.now_ns = now_ns
    note_seen(school.engine, {each.id for each in world.devices.values()}, now_ns)
    record_coincidences(school.engine, school.id, now_ns)
    record_due(school.engine, school.id, world.ingest.find_rule, now_ns, listening_since_ns=0)


class Machine:
    """One machine and what it tells the collector."""

    def __init__(self, world: World, hostname: str = "library-01") -> None:
        self.world = world
        self.hostname = hostname
        self.device_id = world.device(hostname).id
        self.system = FakeSystem()
        self.posture = self.system.posture_read = FakePosture(to_ns(MONDAY_IN_LESSON))
        self.screens = self.system.screens_seen = FakeScreens()
        self.in_force = InForce(world.policy, Evaluator(world.policy), b"")
        self.accounts = Accounts(self.system, lambda: self.in_force)
        self.accounts.account_key, self.accounts.device_id = ACCOUNT_KEY, self.device_id
        self.idle_lock = IdleLock(self.system, lambda: self.in_force)

    def look_at_itself(self, at: str = MONDAY_IN_LESSON) -> list[Any]:
        """Measure the machine's own security once; return what was told."""
        check = Posture(
            self.system, lambda: self.in_force, clock_ns=lambda: to_ns(at), clock_s=FakeClock(now_s=SETTLED_S)
        )
        return self._tell(check, at)

    def sit_down(self, *account_names: str, at: str = MONDAY_IN_LESSON, is_local: bool = False) -> list[Any]:
        """Let exactly these accounts have a session here; return what was told."""
        self.system.sessions = [
            make_session(uid=1007 + number, account_name=name, display=f":{number}", is_local=is_local)
            for number, name in enumerate(account_names)
        ]
        return self._tell(self.accounts, at)

    def leave_open(self, idle_s: float, at: str = MONDAY_IN_LESSON) -> list[Any]:
        """Let a screen be idle and not locked for so long; return what was told."""
        self.screens.screens = [make_screen(idle_s=idle_s)]
        return self._tell(self.idle_lock, at)

    def find_account_ref(self, account_name: str) -> bytes:
        """Return by what reference an account is told."""
        return make_account_ref(ACCOUNT_KEY, f"directory:{account_name}")

    def _tell(self, check: Check, at: str) -> list[Any]:
        leaving = list(self._let_leave(check.observe(to_ns(at))))
        if leaving:
            self.world.report(*leaving, at=at, device=self.hostname)
        return leaving

    def _let_leave(self, told: Iterable[Any]) -> Iterable[Kind]:
        store = PolicyStore(self.world.school.config.folder / "nowhere", self.world.device(self.hostname).identity)
        store._in_force = self.in_force
        return (event for event in told if isinstance(event, Kind) and store.find_severity(event) is not None)
