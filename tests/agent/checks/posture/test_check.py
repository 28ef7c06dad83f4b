# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `posture`: what is told, how often, and what its answer says."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks.interface import CheckResult
from agent.checks.posture.check import LOOK_EVERY_S, SETTLED_AFTER_S, Posture
from agent.policy import InForce
from agent.system.linux.machine import LinuxSystem
from agent.system.posture import (
    Encryption,
    Firewall,
    LocalAccount,
    LocalAccounts,
    NotKnownError,
    PendingUpdate,
    Updates,
)
from proto.events import PostureFound, State
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from rules.model import Clearing, Condition, Operator
from tests.agent.checks.posture.secured import DAY_NS, NOW_NS, ROOT, FakePosture
from tests.fakes import FakeClock, FakeSystem

PACK = load_pack("uk-baseline")
OWN = '[posture]\noff_after = "18:00"\npassword_max_age_days = 90\n'


def make_rules(settings: str = "", *, without: tuple[str, ...] = ()) -> InForce:
    """Return the baseline's rules about posture, with a school's own table."""
    files = {name: PACK[name] for name in ("pack.toml", "posture.toml")}
    if settings:
        files["school/own.toml"] = settings
    policy = parse_files(files)
    policy = replace(policy, rules=tuple(rule for rule in policy.rules if rule.id not in without))
    return InForce(policy, Evaluator(policy), b"")


class Desk:
    """A machine, a check, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ns = NOW_NS
        self.clock = FakeClock(now_s=3600.0)
        self.system = FakeSystem()
        self.reader = FakePosture()
        self.system.posture_read = self.reader
        self.rules: InForce | None = make_rules()
        self.told: list[PostureFound] = []
        self.check = self.restart()

    def restart(self) -> Posture:
        self.check = Posture(
            self.system, lambda: self.rules, state_folder=self.folder, clock_ns=lambda: self.now_ns, clock_s=self.clock
        )
        return self.check

    def look(self, days: float = 0) -> CheckResult:
        self.clock.advance(days * 24 * 3600 or LOOK_EVERY_S)
        self.now_ns += int(days * DAY_NS)
        if isinstance(self.reader.updates, Updates) and days > 0:
            # The machine fetches its lists every day.
            self.reader.updates = replace(self.reader.updates, listed_at_ns=self.now_ns)
        self.told = [each for each in self.check.observe(self.now_ns) if isinstance(each, PostureFound)]
        return self.check.result()

    @property
    def found(self) -> list[tuple[str, str]]:
        return [(each.item, each.state) for each in self.told]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_machine_as_the_policy_asks_passes(desk: Desk):
    """What the policy does not ask is not counted."""
    result = desk.look()

    assert desk.told == []
    assert result.state is State.PASS
    assert result.facts["password_age"] == result.facts["switched_on"] == "not_applicable"
    assert {state for item, state in result.facts.items() if item not in ("password_age", "switched_on")} == {"pass"}


def test_a_finding_is_told_once_while_it_lasts(desk: Desk):
    """Also over a restart; and again when it comes back."""
    desk.reader.packets = Firewall(("ipv4",))
    result = desk.look()
    assert result.state is State.FAIL
    assert result.summary == "Not as the policy asks: firewall."
    assert desk.told == [PostureFound("firewall", "fail", "No firewall closes this machine to ipv4.", {"open": "ipv4"})]

    assert desk.look(1).first_failed_at_ns == result.first_failed_at_ns
    assert desk.told == []
    desk.restart()
    desk.look(1)
    assert desk.told == []
    desk.reader.packets = Firewall(())
    desk.look(1)
    desk.reader.packets = Firewall(("ipv4",))
    desk.look(1)
    assert desk.told == []
    desk.look(1)
    assert desk.found == [("firewall", "fail")]


def test_another_finding_of_the_same_item_is_news(desk: Desk):
    """One volume more is; that nobody could look for a while is not."""
    desk.reader.disks = Encryption((), ("/",))
    desk.look()
    desk.reader.disks = NotKnownError("the kernel does not tell")
    desk.look()
    assert desk.found == [("disk_encryption", "unknown")]
    desk.reader.disks = Encryption((), ("/",))
    desk.look()
    assert desk.found == []

    desk.reader.disks = Encryption((), ("/", "swap"))
    desk.look()
    assert desk.told[0].facts == {"plain": "/, swap"}


def test_what_is_not_known_is_told_with_its_reason(desk: Desk):
    """And the answer is unknown, or fail if something failed beside it."""
    desk.reader.packets = NotKnownError("the kernel tells the rules to root only")
    result = desk.look()
    assert result.state is State.UNKNOWN
    assert result.facts["firewall"] == "unknown"
    assert desk.told[0].summary == "Not known: the kernel tells the rules to root only."

    desk.reader.disks = Encryption((), ("/",))
    assert desk.look().state is State.FAIL
    assert desk.found == [("disk_encryption", "fail")]


def test_only_what_a_rule_asks_for_is_told_and_it_is_told_when_one_asks(desk: Desk):
    """A change of the policy that does not concern a finding does not repeat it."""
    desk.reader.packets = Firewall(("ipv4",))
    desk.rules = make_rules(without=("posture-firewall",))
    assert desk.look().state is State.FAIL
    assert desk.told == []

    desk.rules = make_rules()
    desk.look()
    assert desk.found == [("firewall", "fail")]
    desk.rules = make_rules(OWN)
    desk.restart()
    desk.look()
    assert ("firewall", "fail") not in desk.found


def test_an_event_that_was_not_taken_is_told_again(desk: Desk):
    """Who stops in the middle has not stored it."""
    desk.reader.packets = Firewall(("ipv4",))
    next(iter(desk.check.observe(desk.now_ns)))
    desk.restart()

    desk.look()
    assert desk.found == [("firewall", "fail")]


def test_an_update_is_overdue_when_it_has_waited_for_its_days(desk: Desk):
    """A newer one in its place begins no new time, and a restart none either."""
    desk.look()
    desk.reader.wait_for("openssl")
    assert desk.look(1).facts["updates"] == "pass"
    desk.reader.updates = Updates((PendingUpdate("openssl", "3.0"),), NOW_NS, is_automatic=False)
    desk.restart()
    assert desk.look(13).facts["updates"] == "pass"

    assert desk.look(1.1).facts["updates"] == "fail"
    figures = {"waiting": "1", "overdue": "1", "oldest_days": "14", "lists_days": "0"}
    assert desk.told[0].facts == {"reason": "overdue", "automatic": "no", **figures}


def test_updates_that_waited_at_the_first_look_are_not_known(desk: Desk):
    """They become overdue when their days are over, and are right when they are installed."""
    desk.reader.wait_for("openssl", "curl")
    assert desk.look().facts["updates"] == "unknown"
    assert desk.look(14.5).facts["updates"] == "fail"
    desk.reader.wait_for()
    assert desk.look(1).facts["updates"] == "pass"


def test_a_clock_that_is_behind_makes_no_update_old(desk: Desk):
    """A flat battery sets it to another century."""
    desk.look()
    desk.reader.wait_for("openssl")
    assert desk.look(1).facts["updates"] == "pass"
    right_ns = desk.now_ns
    desk.now_ns = DAY_NS
    assert desk.look().facts["updates"] == "unknown"

    desk.now_ns = right_ns
    assert desk.look().facts["updates"] == "pass"


def test_paused_scans_leave_the_lists_as_they_were(desk: Desk):
    """Whatever else there is is cheap."""
    desk.check.scans_paused = True
    assert desk.look().facts["updates"] == "unknown"
    assert desk.reader.asked == []
    desk.check.scans_paused = False
    assert desk.look().facts["updates"] == "pass"
    desk.check.scans_paused = True
    assert desk.look().facts["updates"] == "pass"
    assert len(desk.reader.asked) == 1


def test_a_service_has_some_minutes_after_the_start_of_the_machine(desk: Desk):
    """It is not known until then, and looked at every minute; nothing is told of a service that came up in time."""
    desk.clock.now_s = 10.0 - LOOK_EVERY_S
    desk.reader.protections = ()
    desk.reader.packets = Firewall(("ipv4",))
    assert desk.look().facts["antivirus"] == "unknown"
    assert desk.told == []

    desk.reader.packets = Firewall(())
    desk.clock.advance(60 - LOOK_EVERY_S)
    assert desk.look().facts["firewall"] == "pass"
    desk.clock.now_s = SETTLED_AFTER_S - LOOK_EVERY_S
    assert desk.look().facts["antivirus"] == "fail"
    assert desk.found == [("antivirus", "fail")]


def test_a_service_that_is_restarted_has_not_failed(desk: Desk):
    """It has some minutes too, each time."""
    desk.look()
    for _ in range(3):
        running = desk.reader.protections
        desk.reader.protections = ()
        result = desk.look()
        assert (result.state, result.facts["antivirus"]) == (State.UNKNOWN, "unknown")
        desk.reader.protections = running
        desk.clock.advance(60 - LOOK_EVERY_S)
        assert desk.look().state is State.PASS
        assert desk.told == []


def test_the_machine_is_read_every_ten_minutes_and_when_the_policy_changes(desk: Desk):
    """Between these a look costs nothing."""
    for seconds in (0, 60, 540, 599):
        desk.clock.now_s = 3600 + seconds - LOOK_EVERY_S
        assert desk.look().state is State.PASS
    assert len(desk.reader.asked) == 1
    desk.rules = make_rules(OWN)
    desk.clock.now_s = 3600 + 599 - LOOK_EVERY_S
    desk.look()
    desk.look()

    assert len(desk.reader.asked) == 3


def test_only_administrators_of_this_machine_are_ever_named(desk: Desk):
    """In the event that a rule asks for, never in the answer that always leaves."""
    eve = LocalAccount("eve", True, True, NOW_NS - 400 * DAY_NS)
    pupil = LocalAccount("pupil", False, True, NOW_NS - 400 * DAY_NS, needs_no_password=True)
    desk.reader.accounts = LocalAccounts((ROOT, eve, pupil), ("moira@school",))
    desk.rules = make_rules(OWN)
    result = desk.look()

    assert set(desk.found) >= {("administrators", "fail"), ("password_age", "fail"), ("guest_account", "fail")}
    assert [each.item for each in desk.told if "eve" in each.facts.values()] == ["administrators"]
    for text in (repr(result), repr(desk.told)):
        assert "pupil" not in text
        assert "moira" not in text
    assert "'eve'" not in repr(result)


def test_without_a_policy_or_a_reader_nothing_is_known(desk: Desk):
    """Nothing is told either."""
    desk.rules = None
    assert desk.look().state is State.UNKNOWN
    desk.rules = make_rules()
    desk.system.posture_read = None
    desk.restart()
    assert desk.look().state is State.UNKNOWN
    assert desk.told == []


def test_this_machine_is_looked_at(tmp_path: Path):
    """Its real disks, kernel, lists and accounts; every item has a state."""
    check = Posture(LinuxSystem(), lambda: make_rules(OWN), state_folder=tmp_path)
    events = list(check.observe(NOW_NS))
    facts = check.result().facts

    assert len(facts) == 9
    assert {each.item for each in events if isinstance(each, PostureFound)} == {
        item for item, state in facts.items() if state in ("fail", "unknown")
    }


def test_what_was_put_right_is_told_to_a_rule_that_waits_for_it(desk: Desk):
    """Once, and only of what was found before."""
    assert desk.rules is not None
    is_pass = Condition("state", Operator.EQUALS, ("pass",))
    waiting = Clearing(kinds=(PostureFound.kind,), when=(is_pass,))
    rules = tuple(replace(rule, grace_s=60, cleared=waiting) for rule in desk.rules.policy.rules)
    policy = replace(desk.rules.policy, rules=rules)
    desk.rules = InForce(policy, Evaluator(policy), b"")
    desk.look()
    assert desk.told == []
    desk.reader.packets = Firewall(("ipv4",))
    desk.look(1)
    desk.look(1)
    desk.reader.packets = Firewall(())
    desk.look()
    assert desk.found == [("firewall", "pass")]
    desk.look()
    assert desk.told == []
