# SPDX-License-Identifier: Apache-2.0
"""Tests of the idle lock check: what is told of sessions that are left open, and its answer."""

from typing import Any

import pytest

from agent.checks.idle_lock.check import GRACE_S, IdleLock
from agent.checks.interface import CheckResult
from agent.policy import InForce
from agent.system.screens import LockSetting
from proto.events import SessionLeftOpen, State
from rules.settings import Lock, LockLimit
from tests.agent.checks.idle_lock.screens import FakeScreens, make_rules, make_screen
from tests.fakes import FakeSystem

LATE = LockSetting(True, 1800, "gnome")
AWAITED: dict[str, Any] = {"is_locked": None, "idle_s": None, "is_fresh": False}


class Room:
    """A machine with screens, and the check."""

    def __init__(self) -> None:
        self.system, self.screens = FakeSystem(), FakeScreens()
        self.system.screens_seen = self.screens
        self.rules: InForce | None = make_rules()
        self.check = IdleLock(self.system, lambda: self.rules)
        self.told: list[Any] = []

    def look(self, *screens: Any) -> CheckResult:
        """Put screens there and look; `told` is what this look told."""
        self.screens.screens = list(screens)
        self.told = list(self.check.observe(1))
        return self.check.result()


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_session_that_is_left_open_is_told_once_and_once_more_when_it_is_over(room: Room):
    """With the seconds that were measured, and no word of whose it is."""
    assert room.look(make_screen(idle_s=890.0)).state is State.PASS
    assert room.told == []

    assert room.look(make_screen(idle_s=917.3)).state is State.FAIL
    assert room.told == [SessionLeftOpen("x11", "GNOME", 900, 917, "x11")]
    assert room.look(make_screen(idle_s=2000.0)).state is State.FAIL
    assert room.told == []
    assert room.look(make_screen(idle_s=3.0)).state is State.PASS
    assert room.told == [SessionLeftOpen("x11", "GNOME", 900, 2000, "x11", is_over=True)]


@pytest.mark.parametrize("after", [[make_screen(is_locked=True, idle_s=2000.0)], []])
def test_it_is_over_when_it_is_locked_or_ended(room: Room, after: list[Any]):
    """Late, but over."""
    room.look(make_screen(idle_s=950.0))
    room.look(*after)
    assert [(each.is_over, each.idle_s) for each in room.told] == [(True, 950)]
    room.look(*after)
    assert room.told == []


def test_a_session_that_is_left_open_once_more_is_told_once_more(room: Room):
    """Although nobody looked while somebody was there."""
    room.look(make_screen(idle_s=2000.0))
    room.look(make_screen(idle_s=920.0))
    assert [(each.idle_s, each.is_over) for each in room.told] == [(2000, True), (920, False)]


def test_between_two_measurings_a_session_is_what_it_was(room: Room):
    """A look that measured nothing ends no failure and begins none."""
    room.look(make_screen(idle_s=950.0))
    assert room.look(make_screen(idle_s=10.0, is_fresh=False)).state is State.FAIL
    assert room.told == []
    room.look(make_screen(idle_s=1.0))
    assert room.look(make_screen(idle_s=5000.0, is_fresh=False)).state is State.PASS
    assert room.told == []


def test_facts_stay_the_same_as_long_as_the_failure(room: Room):
    """How long it lasts is in the event that ends it."""
    first = room.look(make_screen(idle_s=950.0, setting=LATE))
    second = room.look(make_screen(idle_s=5000.0, setting=LATE))
    assert first.facts == second.facts
    assert first.facts == {"left_open": "1", "set_wrongly": "gnome is set to lock after 1800 s, the limit is 900 s"}
    assert first.summary == (
        "Sessions are not locked as they must be; sessions left open: 1; "
        "gnome is set to lock after 1800 s, the limit is 900 s."
    )


def test_a_desktop_that_is_set_wrongly_fails_before_anybody_leaves(room: Room):
    """No session is told of for it."""
    result = room.look(make_screen(setting=LATE))
    assert (result.state, result.facts["left_open"]) == (State.FAIL, "0")
    assert room.told == []


def test_what_a_pass_rests_on_is_told(room: Room):
    """Sessions, how many of them are locked, and how their desktops are set."""
    setting = LockSetting(True, 600, "gnome", is_enforced=True)
    locked = make_screen("login 7", is_locked=True, setting=setting)
    result = room.look(make_screen(setting=setting), locked)
    assert result.state is State.PASS
    assert result.facts == {"sessions": "2", "locked": "1", "set_to_lock": "gnome after 600 s, enforced"}


def test_each_session_has_the_limit_of_its_groups(room: Room):
    """Staff may be away for longer, a year group is not asked, and that one is not even measured."""
    room.rules = make_rules(
        Lock(groups=(LockLimit(groups=("year-3",), limit_s=0), LockLimit(groups=("staff",), limit_s=1200)))
    )
    screens = [
        make_screen("pupil", idle_s=1000.0),
        make_screen("staff", idle_s=1000.0, session={"uid": 1010, "group_names": ("staff",)}),
        make_screen("child", session={"uid": 1011, "group_names": ("year-3",)}, idle_s=None, is_locked=None),
    ]
    assert room.look(*screens).facts["left_open"] == "1"
    assert [each.limit_s for each in room.told] == [900]
    assert room.screens.limits == {"pupil": 900 + GRACE_S, "staff": 1200 + GRACE_S, "child": 0}


def test_unknown_groups_are_unknown(room: Room):
    """Nobody can say which limit holds; with one for all it holds for everybody."""
    screen = make_screen(session={"are_groups_known": False, "group_names": ()})
    assert room.look(screen).state is State.PASS
    room.rules = make_rules(Lock(groups=(LockLimit(groups=("staff",), limit_s=1200),)))
    result = room.look(screen)
    assert (result.state, result.summary) == (
        State.UNKNOWN,
        "No session was found open, but not all is known: the account's groups are not known.",
    )


def test_nobody_at_a_screen_is_not_applicable(room: Room):
    """Nor is a machine on which nobody is asked."""
    assert room.look().state is State.NOT_APPLICABLE
    room.rules = make_rules(Lock(limit_s=0))
    assert room.look(make_screen(is_locked=None, idle_s=None)).state is State.NOT_APPLICABLE


def test_what_is_not_known_is_no_pass(room: Room):
    """No policy, no answer of logind, nothing measured, no such system."""
    assert room.look(make_screen(is_locked=None, idle_s=None)).state is State.UNKNOWN
    room.screens.unread = ("logind does not answer: TimeoutError",)
    assert room.look(make_screen()).state is room.look().state is State.UNKNOWN
    room.rules = None
    assert room.look(make_screen()).state is State.UNKNOWN
    room.system.screens_seen = None
    assert IdleLock(room.system, make_rules).result().state is State.UNKNOWN
    check = IdleLock(room.system, make_rules)
    assert list(check.observe(1)) == []
    assert check.result().state is State.UNKNOWN


def test_what_is_set_is_no_pass_while_nothing_is_measured(room: Room):
    """A pupil can end the program that measures his display as often as he likes."""
    setting = LockSetting(True, 300, "gnome")
    assert room.look(make_screen(setting=setting)).state is State.PASS
    killed = make_screen(is_locked=None, idle_s=None, setting=setting, fault="the display does not answer")
    result = room.look(killed)
    assert (result.state, result.summary) == (
        State.UNKNOWN,
        "No session was found open, but not all is known: the display does not answer.",
    )


def test_what_is_open_is_over_when_the_agent_ends(room: Room):
    """As it was measured last; the agent that starts next tells it as a new one."""
    room.look(make_screen(idle_s=950.0), make_screen("login 7", idle_s=1000.0))
    ended: list[Any] = list(room.check.finish())
    assert [(each.idle_s, each.is_over) for each in ended] == [(950, True), (1000, True)]
    assert list(room.check.finish()) == []


def test_while_logind_is_silent_no_session_has_ended(room: Room):
    """It may still be open."""
    room.look(make_screen(idle_s=950.0))
    room.screens.unread = ("logind does not answer: TimeoutError",)
    room.look()
    assert room.told == []
    room.screens.unread = ()
    room.look()
    assert [each.is_over for each in room.told] == [True]


def test_somebody_who_signs_in_is_no_news(room: Room):
    """His display is being measured; until then the answer is the last one, unless there is none."""
    assert room.look(make_screen(**AWAITED)).state is State.UNKNOWN
    room.look()
    assert room.look(make_screen(**AWAITED)).state is State.NOT_APPLICABLE
    assert room.look(make_screen()).state is State.PASS
    assert room.look(make_screen(), make_screen("login 3", **AWAITED)).state is State.PASS
    late = room.look(make_screen(idle_s=950.0), make_screen("login 3", **AWAITED))
    assert late.state is State.FAIL


def test_an_event_that_was_not_taken_is_told_again(room: Room):
    """A check notes that something was told when the next is asked for."""
    room.screens.screens = [make_screen(idle_s=950.0)]
    looked = room.check.observe(1)
    assert isinstance(next(looked), SessionLeftOpen)
    del looked
    room.look(make_screen(idle_s=960.0))
    assert [each.idle_s for each in room.told] == [960]


def test_two_sessions_are_told_of_one_by_one(room: Room):
    """One in the background is as open as the one in front."""
    second = {"uid": 1008, "display": ":1"}
    room.look(make_screen(idle_s=950.0), make_screen("login 7", session=second, idle_s=3.0))
    result = room.look(make_screen(idle_s=1950.0), make_screen("login 7", session=second, idle_s=920.0))
    assert [(each.idle_s, each.is_over) for each in room.told] == [(920, False)]
    assert result.facts["left_open"] == "2"


def test_nothing_tells_whose_session_it_is(room: Room):
    """No account, home or group, in no event and no answer."""
    session = {"account_name": "quentin.zedd", "home": "/home/quentin.zedd", "group_names": ("pupils-of-zedd",)}
    result = room.look(make_screen(idle_s=950.0, session=session, setting=LATE))
    assert "zedd" not in repr((room.told, result))


def test_it_waits_for_what_is_being_measured_and_gives_it_back(room: Room):
    """Whoever wants the whole answer looks again."""
    assert not room.check.has_more
    room.screens.is_measuring = True
    room.look(make_screen(**AWAITED))
    assert room.check.has_more
    room.check.close()
    assert room.screens.is_closed


def test_after_a_pause_it_asks_for_the_screens_anew(room: Room):
    """What it gave back is not used again."""
    room.look(make_screen())
    room.check.close()
    room.system.screens_seen = other = FakeScreens()
    other.screens = [make_screen(idle_s=2000.0)]
    assert [getattr(each, "is_over", None) for each in room.check.observe(2)] == [False]
