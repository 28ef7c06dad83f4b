# SPDX-License-Identifier: Apache-2.0
"""Tests of what can be said of one session."""

from typing import Any

import pytest

from agent.checks.idle_lock.verdict import (
    GROUPS_UNKNOWN,
    NOT_MEASURED,
    NOT_TOLD,
    Verdict,
    describe_setting,
    describe_wrong,
    judge,
)
from agent.system.screens import LockSetting
from tests.agent.checks.idle_lock.screens import make_screen

LIMIT_S, GRACE_S = 900, 15.0
NEVER = LockSetting(False, None, "gnome")
LATE = LockSetting(True, 1800, "gnome")
IN_TIME = LockSetting(True, 900, "kde", is_enforced=True)


def judge_screen(limit_s: int | None = LIMIT_S, **changes: Any) -> Verdict:
    return judge(make_screen(**changes), limit_s, grace_s=GRACE_S)


@pytest.mark.parametrize(
    ("idle_s", "is_locked", "is_open"),
    [
        (0, False, False),
        (914.9, False, False),
        (915, False, True),
        (90000, True, False),
        (None, True, False),
        (10, None, False),
    ],
)
def test_what_is_measured_decides(idle_s: float | None, is_locked: bool | None, is_open: bool):
    """Idle for longer than the limit and the time that locking takes, and not locked."""
    assert judge_screen(idle_s=idle_s, is_locked=is_locked) == Verdict(is_open=is_open)


def test_what_is_not_known_is_said():
    """And is never a pass."""
    assert judge_screen(None, idle_s=9000.0).unknown == GROUPS_UNKNOWN
    assert judge_screen(idle_s=9000.0, is_locked=None).unknown == NOT_TOLD
    assert judge_screen(idle_s=None, is_locked=None).unknown == NOT_MEASURED
    assert (
        judge_screen(idle_s=None, is_locked=None, setting=LockSetting(True, None, "xautolock")).unknown == NOT_MEASURED
    )


def test_a_limit_of_nothing_asks_for_nothing():
    """However long and however it is set."""
    assert judge_screen(0, idle_s=90000.0, setting=NEVER) == Verdict(is_open=False)


def test_a_setting_counts_where_nothing_is_measured_if_its_user_cannot_change_it():
    """Under Wayland with a desktop that tells nothing; that this desktop runs must be more than a program's name."""
    nothing: dict[str, Any] = {"idle_s": None, "is_locked": None}
    assert judge_screen(**nothing, setting=IN_TIME, is_desktop_confirmed=True) == Verdict()
    assert judge_screen(**nothing, setting=IN_TIME).unknown == NOT_MEASURED
    as_he_likes = LockSetting(True, 300, "gnome")
    assert judge_screen(**nothing, setting=as_he_likes, is_desktop_confirmed=True).unknown == NOT_MEASURED
    late = judge_screen(idle_s=None, is_locked=None, setting=LATE)
    assert late.unknown == ""
    assert late.set_wrongly != ""


def test_why_a_display_was_not_measured_is_the_reason():
    """Whoever ends the program that measures is told of, and his own setting does not answer for him."""
    killed: dict[str, Any] = {"idle_s": None, "is_locked": None, "fault": "the display does not answer"}
    assert judge_screen(**killed).unknown == "the display does not answer"
    assert judge_screen(**killed, setting=LockSetting(True, 300, "gnome")).unknown == "the display does not answer"


def test_a_wrong_setting_is_wrong_before_anybody_leaves():
    """And while the screen is locked by hand."""
    for changes in ({"idle_s": 0.0}, {"is_locked": True}, {"is_fresh": False}):
        assert judge_screen(setting=LATE, **changes).set_wrongly == (
            "gnome is set to lock after 1800 s, the limit is 900 s"
        )
    assert describe_wrong(NEVER, LIMIT_S) == "gnome is set never to lock, the limit is 900 s"
    assert describe_wrong(IN_TIME, LIMIT_S) == describe_wrong(LockSetting(), LIMIT_S) == ""


def test_a_setting_in_words():
    """What is not known is not told."""
    assert describe_setting(IN_TIME) == "kde after 900 s, enforced"
    assert describe_setting(LATE) == "gnome after 1800 s, as the user likes"
    assert describe_setting(NEVER) == "gnome never, as the user likes"
    assert describe_setting(LockSetting()) == describe_setting(LockSetting(True, None, "xautolock")) == ""


def test_a_look_that_measured_nothing_decides_nothing():
    """What an earlier one found still holds."""
    assert judge_screen(idle_s=9000.0, is_fresh=False).is_open is None
