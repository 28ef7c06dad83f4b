# SPDX-License-Identifier: Apache-2.0
"""Tests of what the policy on a machine lets leave at which moment: times, people, exceptions, pauses."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.checks.software.check import Software
from agent.policy import CLOCK_IS_TRUSTED_NS, InForce, People, PolicyStore
from proto.events import CheckChanged, PostureFound, Program, ProgramStarted, State, UsbAttached, UsbDevice
from rules.evaluate import Evaluator
from rules.model import Policy
from rules.moment import Moment
from tests.agent.collector import DEVICE_ID, PACK, FakeCollector, rule_files
from tests.fakes import FakeClock, FakeSystem
from tests.rules.test_bounds import ANN, BREAK, LESSON, MOMENTS, POLICIES, TOR
from tests.rules.test_timetable import at

COLLECTOR = FakeCollector()
IDENTITY = COLLECTOR.make_identity()
STICK = UsbAttached(UsbDevice("0951", "1666"))
RULES = """
[[rule]]
id = "tor"
title = "Tor"
why = "It hides what is opened."
class = "unacceptable"
severity = 4
kinds = ["program.started"]
clauses = ["BX-07"]
advice = "Ask what it is for."
times.during = ["lesson"]

[[rule.program]]
name = "Tor"
executables = ["tor"]

[[rule.test]]
name = "In a lesson"
expect = "match"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }
at = "2026-11-23T09:30"

[[rule.test]]
name = "In the break"
expect = "silent"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }
at = "2026-11-23T10:05"

[[rule]]
id = "firewall"
title = "The firewall is off"
why = "It keeps others out."
class = "unacceptable"
severity = 3
kinds = ["posture.found"]
clauses = ["WH-01"]
advice = "Switch it on."
grace = "1d"
when.state = { equals = "fail" }
cleared.kinds = ["posture.found"]
cleared.when.state = { equals = "pass" }

[[rule.test]]
name = "It is off"
expect = "match"
event = { kind = "posture.found", item = "firewall", state = "fail" }

[[rule.test]]
name = "It is on"
expect = "silent"
event = { kind = "posture.found", item = "firewall", state = "pass" }

[[timetable.period]]
kind = "lesson"
name = "Period 1"
from = "09:00"
to = "10:00"
"""
PAUSES = """
[[pause]]
id = "p1"
what = "keywords"
first = "2026-11-23T09:00"
last = "2026-11-23T10:00"
reason = "An exam."

[[pause]]
id = "p2"
what = "check:usb_storage"
first = "2026-11-23T09:00"
last = "2026-11-23T09:30"
reason = "A fault."
"""
EXCEPTION = f"""
[[exception]]
id = "asked-1"
rules = ["tor"]
first = "2026-11-23T00:00"
last = "2026-11-24T00:00"
reason = "A project."
accounts = ["{ANN}"]
"""


class Machine:
    """A policy in force on a machine whose clock a test sets."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.now_ns, self.offset_ns = LESSON, 0
        self.people: People = (None, None)
        self.store = PolicyStore(folder / "bundle.bin", IDENTITY, lambda: self.now_ns)
        self.store.find_people = lambda: self.people
        self.store.find_clock_offset_ns = lambda: self.offset_ns
        self.store.accept(COLLECTOR.publish(1, {"pack.toml": PACK, "rules.toml": RULES + more}))

    def at(self, now_ns: int) -> PolicyStore:
        """Return the policy at that time."""
        self.now_ns = now_ns
        return self.store


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_a_rule_leaves_alone_now_does_not_leave(machine: Machine) -> None:
    """In a lesson the start of a program leaves, in the break nobody hears of it."""
    assert machine.at(LESSON).find_severity(TOR) == 4
    assert machine.at(LESSON).describe(TOR) == "tor/Tor"
    assert machine.at(BREAK).find_severity(TOR) is None
    assert machine.at(BREAK).describe(TOR) == ""


def test_what_a_nominated_user_does_does_not_leave(tmp_path: Path) -> None:
    """As long as it is known that nobody else is there."""
    machine = Machine(tmp_path, EXCEPTION)
    severities = []
    for refs in (frozenset({ANN}), frozenset({ANN, "bb" * 16}), None):
        machine.people = (None, refs)
        severities.append(machine.store.find_severity(TOR))
    assert severities == [None, 4, 4]


def test_a_clock_that_is_wrong_excuses_nothing(tmp_path: Path) -> None:
    """Whoever sets it to the evening does not end the lesson with it, and begins no pause."""
    machine = Machine(tmp_path, PAUSES)
    machine.offset_ns = CLOCK_IS_TRUSTED_NS
    assert machine.at(BREAK).find_severity(TOR) is None
    assert machine.at(LESSON).find_pause("keywords")
    for offset_ns in (CLOCK_IS_TRUSTED_NS + 1, -CLOCK_IS_TRUSTED_NS - 1):
        machine.offset_ns = offset_ns
        assert machine.at(BREAK).find_severity(TOR) == 4
        assert machine.at(LESSON).find_pause("keywords") is None


def test_what_ends_a_grace_leaves(machine: Machine) -> None:
    """With the least severity that it has; the same about nothing that a rule waits for stays here."""
    put_right = PostureFound("firewall", "pass", "It is on.")
    assert machine.store.find_severity(PostureFound("firewall", "fail", "It is off.")) == 3
    assert machine.store.find_severity(put_right) == put_right.severity
    assert machine.store.describe(put_right) == "firewall/"
    assert machine.store.find_severity(PostureFound("firewall", "unknown", "Nobody knows.")) is None


def test_what_stands_is_judged_again_when_rules_begin_to_count(machine: Machine) -> None:
    """Checks take another object for another policy, and look at everything once more."""
    machine.at(BREAK).follow_time()
    before = machine.store.in_force
    machine.at(BREAK + 60 * 10**9).follow_time()
    assert machine.store.in_force is before
    machine.at(LESSON).follow_time()
    after = machine.store.in_force
    assert before is not None
    assert after is not None
    assert after is not before
    assert after.evaluator is not before.evaluator
    assert (after.policy, after.sha256) == (before.policy, before.sha256)
    assert after.evaluator.match(TOR.kind, TOR)


def test_a_policy_that_is_not_bound_to_anything_stays_the_same(tmp_path: Path) -> None:
    """Nobody looks at everything again because of an hour that means nothing to it."""
    machine = Machine(tmp_path)
    machine.store.accept(COLLECTOR.publish(2, rule_files()))
    before = machine.store.in_force
    for when in (LESSON, BREAK, LESSON):
        machine.at(when).follow_time()
    assert machine.store.in_force is before


@pytest.mark.parametrize(
    ("when", "paused"),
    [("08:59", []), ("09:00", ["keywords", "usb_storage"]), ("09:30", ["keywords"]), ("10:00", [])],
)
def test_a_pause_is_of_one_check_and_ends_by_itself(tmp_path: Path, when: str, paused: list[str]) -> None:
    """Keywords are a safeguard by name, the other checks are paused by theirs."""
    store = Machine(tmp_path, PAUSES).at(at(f"2026-11-23T{when}"))
    assert [check for check in ("keywords", "software", "usb_storage") if store.find_pause(check)] == paused
    assert [each.pause.id for each in store.pauses] == ["p1", "p2"]


def test_without_a_policy_nothing_is_paused(tmp_path: Path) -> None:
    """And time changes nothing."""
    store = PolicyStore(tmp_path / "bundle.bin", IDENTITY)
    store.follow_time()
    assert (store.find_pause("keywords"), store.pauses, store.in_force) == (None, (), None)
    assert store.find_moment().device_id == DEVICE_ID


@settings(deadline=None)
@given(POLICIES, MOMENTS, st.booleans(), st.booleans())
def test_all_that_the_collector_would_judge_leaves(
    policy: Policy, moment: Moment, knows_kinds: bool, knows_refs: bool
) -> None:
    """Whoever is at the machine in truth: what the machine does not know of him shuts no gate."""
    store = PolicyStore(Path("nowhere"), IDENTITY, lambda: moment.at_ns)
    identity: Any = SimpleNamespace(device_id=moment.device_id)
    store._identity = identity
    store.find_people = lambda: (
        moment.account_kinds if knows_kinds else None,
        moment.account_refs if knows_refs else None,
    )
    store._in_force = InForce(policy, Evaluator(policy, store.find_moment), b"")
    for event in (TOR, STICK, ProgramStarted(Program("bash", source="process")), CheckChanged("one", "pass", "")):
        judged = Evaluator(policy).match(event.kind, event, moment)
        assert not judged or store.find_severity(event) is not None


def test_what_began_before_the_lesson_is_told_in_it(machine: Machine) -> None:
    """A program that was started in the break and still runs is found when the rule begins to count, as one that ran
    before; and the check that found nothing until then fails."""
    system, clock = FakeSystem(), FakeClock()
    check = Software(system, lambda: machine.store.in_force, clock_s=clock)
    system.start("/usr/bin/tor")
    told, states = [], []
    for when in (BREAK, BREAK + 60 * 10**9, LESSON, LESSON + 60 * 10**9):
        machine.at(when).follow_time()
        clock.advance(1.0)
        told.append([each for each in check.observe(when) if isinstance(each, ProgramStarted)])
        states.append(check.result().state is State.FAIL)
    check.close()
    ((found,),) = [each for each in told if each]
    assert (told[2], found.already_running) == ([found], True)
    assert machine.store.find_severity(found) == 4
    assert states == [False, False, True, True]
