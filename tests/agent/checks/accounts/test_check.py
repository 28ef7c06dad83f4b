# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `accounts`: sessions are told by reference, once each, and only if the policy asks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.checks.accounts.check import Accounts
from agent.checks.accounts.presence import FILE_NAME
from agent.checks.interface import CheckResult
from agent.errors import MachineError
from agent.policy import InForce
from agent.system.linux.machine import LinuxSystem
from proto.events import AccountSignedIn, AccountSignedOut, Kind, State
from proto.sealed import make_account_ref, make_subject_ref
from rules.evaluate import Evaluator
from rules.model import Policy
from rules.settings import Accounts as AccountSettings
from rules.settings import Settings
from tests.agent.safeguarding import make_session
from tests.fakes import FakeSystem

KEY = bytes(range(32))
DEVICE = "device-1"
ASKED = AccountSettings(ask=True, reason="for a test", shared=("Year-*",))
PUPIL = make_session()
OTHER = make_session(uid=1008, account_name="pupil8", display=":1")


def make_rules(settings: AccountSettings = ASKED) -> InForce:
    policy = Policy(pack="test", title="Test", rules=(), settings=Settings(accounts=settings))
    return InForce(policy, Evaluator(policy), b"")


class Desk:
    """A machine that people sit down at, and the check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = FakeSystem()
        self.rules: InForce | None = make_rules()
        self.told: list[Any] = []
        self.check = self.restart()

    def restart(self, *, boot: bytes = b"", key: bytes | None = KEY) -> Accounts:
        """Return the check as after a restart of the agent, or of the machine."""
        self.system.boot = boot or self.system.boot
        self.check = Accounts(self.system, lambda: self.rules, state_folder=self.folder)
        self.check.account_key, self.check.device_id = key, DEVICE
        return self.check

    def look(self, *sessions) -> CheckResult:
        self.system.sessions = list(sessions)
        self.told = [each for each in self.check.observe(0) if isinstance(each, Kind)]
        return self.check.result()

    @property
    def one(self):
        (event,) = self.told
        return event


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_session_is_told_when_it_begins_and_when_it_ends(desk: Desk):
    """By the same references, and never with a name."""
    result = desk.look(PUPIL)
    began = desk.one
    assert began == AccountSignedIn(
        account_ref=make_account_ref(KEY, "directory:pupil7"),
        session_ref=began.session_ref,
        account_kind="personal",
        is_local=False,
        session_type="x11",
    )
    assert len(began.session_ref) == 8
    assert began.account_ref != make_subject_ref(KEY, "directory:pupil7")
    assert result.state is State.PASS
    assert result.facts == {"people": "1", "sessions": "1"}
    desk.look(PUPIL)
    assert desk.told == []

    desk.look()
    assert desk.one == AccountSignedOut(began.account_ref, began.session_ref)
    assert "pupil7" not in repr(began) + repr(result) + (desk.folder / FILE_NAME).read_text()


def test_several_people_are_counted_and_no_breach(desk: Desk):
    """Switching users is daily life; the event says how many others there are."""
    desk.look(PUPIL)
    result = desk.look(PUPIL, OTHER)

    assert desk.one.others == 1
    assert result.state is State.PASS
    assert result.facts == {"people": "2", "sessions": "2"}


def test_displays_of_one_account_are_one_session(desk: Desk):
    """Under Wayland there is an X11 server too, and one more display is no new arrival."""
    wayland = replace(PUPIL, kind="wayland", display="wayland-0")
    desk.look(PUPIL, wayland)
    assert desk.one.session_type == "wayland"
    desk.look(replace(PUPIL, display=":5"), wayland)
    desk.look(replace(PUPIL, display=":5"))
    assert desk.told == []
    desk.look(replace(PUPIL, display=":6"))

    assert [each.kind for each in desk.told] == ["account.signed_out", "account.signed_in"]


def test_a_new_sitting_between_two_looks_is_an_end_and_a_beginning(desk: Desk):
    """The same account on the same display, signed out and in again."""
    desk.look(PUPIL)
    first = desk.one.session_ref
    desk.look(replace(PUPIL, began="830999.1"))

    assert [each.kind for each in desk.told] == ["account.signed_out", "account.signed_in"]
    assert desk.told[0].session_ref == first != desk.told[1].session_ref


def test_a_session_goes_on_over_a_restart_of_the_agent(desk: Desk):
    """Nothing is told twice, and it ends by the reference with which it began."""
    desk.look(PUPIL, OTHER)
    first, second = desk.told
    desk.restart()
    desk.look(PUPIL)
    assert desk.one == AccountSignedOut(second.account_ref, second.session_ref)

    desk.look()
    assert desk.one.session_ref == first.session_ref


def test_a_session_of_an_earlier_boot_has_ended(desk: Desk):
    """Also if the same account sits there again, with the same display and beginning."""
    desk.look(PUPIL)
    first = desk.one
    desk.restart(boot=bytes(16))
    desk.look(PUPIL)

    assert desk.told[0] == AccountSignedOut(first.account_ref, first.session_ref)
    assert desk.told[1].account_ref == first.account_ref
    assert desk.told[1].session_ref != first.session_ref
    desk.restart()
    desk.look(PUPIL)
    assert desk.told == []


def test_without_the_key_sessions_wait_for_it(desk: Desk):
    """They are told when it comes."""
    desk.restart(key=None)
    result = desk.look(PUPIL)
    assert desk.told == []
    assert result.state is State.UNKNOWN

    desk.check.account_key = KEY
    assert desk.look(PUPIL).state is State.PASS
    assert desk.one.account_ref == make_account_ref(KEY, "directory:pupil7")


def test_an_event_that_was_not_taken_is_told_again(desk: Desk):
    """Who stops in the middle has not stored it."""
    desk.system.sessions = [PUPIL]
    next(iter(desk.check.observe(0)))
    desk.restart()
    desk.look(PUPIL)
    began = desk.one
    desk.system.sessions = []
    next(iter(desk.check.observe(0)))
    desk.restart()
    desk.look()

    assert desk.one == AccountSignedOut(began.account_ref, began.session_ref)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"account_name": "year-7"}, "shared"),
        ({"account_name": "Guest"}, "guest"),
        ({"account_name": "guest-3f"}, "guest"),
        ({"group_names": ("Domain Admins", "staff")}, "administrator"),
        ({"account_name": "guest", "group_names": ("sudo",)}, "administrator"),
        ({"uid": 0, "account_name": "root"}, "administrator"),
        ({"account_name": "years"}, "personal"),
    ],
)
def test_the_kind_of_an_account_is_told(desk: Desk, changes: dict, kind: str):
    """By the policy's patterns and the machine's groups; what it may do comes first."""
    desk.look(make_session(**changes))

    assert desk.one.account_kind == kind


def test_a_local_account_is_nobody_elses(desk: Desk):
    """Its reference holds the device, and it is known by its number if the directory is down."""
    desk.look(make_session(is_local=True, account_name="#1007"))

    assert desk.one.is_local
    assert desk.one.account_ref == make_account_ref(KEY, f"local:{DEVICE}:1007")


def test_whose_name_is_not_known_yet_is_told_later(desk: Desk):
    """A directory that does not answer has no reference to give."""
    result = desk.look(make_session(account_name="#1007", are_groups_known=False))
    assert desk.told == []
    assert result.state is State.UNKNOWN

    assert desk.look(PUPIL).state is State.PASS
    assert desk.one.account_ref == make_account_ref(KEY, "directory:pupil7")


@pytest.mark.parametrize(
    "changes", [{"uid": 110, "account_name": "gdm"}, {"uid": 60578, "account_name": "gdm-greeter"}]
)
def test_the_sign_in_screen_is_nobody(desk: Desk, changes: dict):
    """Its session is a program's."""
    result = desk.look(make_session(**changes))

    assert desk.told == []
    assert result.facts["people"] == "0"


def test_a_policy_that_does_not_ask_is_told_nothing(desk: Desk):
    """And who was here is forgotten without a word; asked again, it is a beginning."""
    desk.look(PUPIL)
    desk.rules = make_rules(AccountSettings())
    assert desk.look(PUPIL).state is State.NOT_APPLICABLE
    assert desk.told == []
    assert PUPIL.account_name not in repr(desk.check.result())

    desk.rules = make_rules()
    desk.look(PUPIL)
    assert isinstance(desk.one, AccountSignedIn)


def test_without_a_policy_nothing_is_known_and_nothing_forgotten(desk: Desk):
    """It may come back in a moment."""
    desk.look(PUPIL)
    desk.rules = None
    assert desk.look().state is State.UNKNOWN
    assert desk.told == []
    desk.rules = make_rules()
    desk.look(PUPIL)
    assert desk.told == []


def test_this_machine_is_looked_at(tmp_path: Path):
    """Whoever is at its screens, nobody is named."""
    check = Accounts(LinuxSystem(), make_rules, state_folder=tmp_path)
    check.account_key, check.device_id = KEY, DEVICE
    events = list(check.observe(0))

    assert check.result().state in (State.PASS, State.UNKNOWN)
    assert len(events) <= int(check.result().facts["people"])


class BootlessSystem(FakeSystem):
    """A machine that does not tell its boot."""

    def boot_id(self) -> bytes:
        raise MachineError("the kernel does not tell its boot id")


def test_a_machine_that_does_not_tell_its_boot_is_watched(tmp_path: Path):
    """What was told before a restart is then taken as ended: nobody knows whether it goes on."""
    desk = Desk(tmp_path)
    desk.system = BootlessSystem()
    desk.restart()
    desk.look(PUPIL)
    assert isinstance(desk.one, AccountSignedIn)
    desk.restart()
    desk.look(PUPIL)
    assert [type(each) for each in desk.told] == [AccountSignedOut, AccountSignedIn]


def test_who_is_here_is_known_once_each_was_told(desk: Desk):
    """By kind and by reference; before the key came, and of a session that nobody can name, it is not known."""
    desk.restart(key=None)
    desk.look(PUPIL)
    assert desk.check.find_present() == (None, None)
    desk.check.account_key = KEY
    shared = replace(OTHER, account_name="year-7")
    desk.look(PUPIL, shared)
    references = {make_account_ref(KEY, each.to_account(DEVICE)).hex() for each in (PUPIL, shared)}
    assert desk.check.find_present() == ({"personal", "shared"}, references)
    desk.look(PUPIL, shared, replace(OTHER, uid=1009, account_name="#1009"))
    assert desk.check.find_present() == (None, None)


def test_nobody_at_a_screen_does_not_mean_nobody(desk: Desk):
    """Sessions elsewhere are not seen, so it is not known; nor is it while nobody looks, or the policy does not ask."""
    unknown = (None, None)
    desk.look()
    assert desk.check.find_present() == unknown
    desk.look(PUPIL)
    desk.check.close()
    assert desk.check.find_present() == unknown
    desk.look(PUPIL)
    assert desk.check.find_present() != unknown
    desk.rules = make_rules(AccountSettings())
    desk.look(PUPIL)
    assert desk.check.find_present() == unknown
