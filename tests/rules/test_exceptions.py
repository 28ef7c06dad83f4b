# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.exceptions: when an exception or a pause holds."""

from dataclasses import replace

import pytest

from proto.events import AgentStopped, FileArrived, Program, ProgramStarted, TrafficSustained
from rules.arrangements import Pause, RuleException
from rules.exceptions import Excuse, find_program, to_excuses, to_timed
from rules.moment import Moment
from rules.timetable import Calendar
from tests.rules.test_timetable import SCHOOL, at, local

CALENDAR = Calendar(SCHOOL)
EXCEPTION = RuleException(
    id="asked-1", rules=("one",), first=local("2026-11-23T09:00"), last=local("2026-11-27T16:00"), reason="A project."
)
ANN, BEN = "aa" * 16, "bb" * 16
IN_TIME = Moment(at_ns=at("2026-11-24T09:30"), device_id="d1", account_refs=frozenset({ANN}))


def excuse(**changes) -> Excuse:
    """Return an exception for the whole week, narrowed."""
    ((made,),) = to_excuses([replace(EXCEPTION, **changes)], CALENDAR).values()
    return made


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("2026-11-23T08:59", False),
        ("2026-11-23T09:00", True),
        ("2026-11-27T15:59", True),
        ("2026-11-27T16:00", False),
    ],
)
def test_an_exception_ends_by_itself(when, holds):
    """Its beginning belongs to it and its end does not."""
    assert excuse().holds(Moment(at_ns=at(when))) is holds


def test_an_exception_lasts_over_the_change_of_clocks_without_a_break():
    """Until half past one on the night when that hour comes twice: its first half past one ends it for good."""
    made = excuse(first=local("2026-10-25T00:30"), last=local("2026-10-25T01:30"))
    minutes = [made.holds(Moment(at_ns=at("2026-10-24T23:00") + each * 60 * 10**9)) for each in range(240)]
    assert minutes == [False] * 30 + [True] * 60 + [False] * 150


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (IN_TIME, True),
        (replace(IN_TIME, account_refs=frozenset({ANN, BEN})), False),
        (replace(IN_TIME, account_refs=frozenset({BEN})), False),
        (replace(IN_TIME, account_refs=frozenset()), False),
        (replace(IN_TIME, account_refs=None), False),
        (replace(IN_TIME, at_ns=0), False),
    ],
    ids=["nominated", "and another", "another", "nobody", "not known", "no time"],
)
def test_a_nominated_user_is_known_to_be_alone(moment, holds):
    """Whoever sits beside one is not excused by him, and who is not known is nobody that was nominated."""
    assert excuse(accounts=(ANN.upper(),)).holds(moment) is holds


def test_an_exception_can_be_for_devices_and_lessons():
    """On others, at other times, and where the device or the time is not known, it does not hold."""
    made = excuse(devices=("d1",), during=("lesson",))
    assert made.holds(IN_TIME)
    assert not made.holds(replace(IN_TIME, device_id="d2"))
    assert not made.holds(replace(IN_TIME, device_id=""))
    assert not made.holds(replace(IN_TIME, at_ns=at("2026-11-24T10:05")))


def test_an_exception_without_a_timetable_has_no_lessons():
    """Nobody can say that it is one."""
    bare = Calendar(replace(SCHOOL, periods=()))
    (made,) = to_excuses([replace(EXCEPTION, during=("lesson",))], bare)["one"]
    assert not made.holds(IN_TIME)


def test_programs_are_compared_without_case():
    """An exception for none is for all."""
    assert excuse(programs=("Tor Browser", "steam.exe")).covers("tor browser")
    assert excuse(programs=("Tor Browser", "steam.exe")).covers("Steam")
    assert not excuse(programs=("Tor Browser",)).covers("")
    assert excuse().covers("")


@pytest.mark.parametrize(
    ("event", "program"),
    [
        (ProgramStarted(Program("tor", source="process")), "tor"),
        (TrafficSustained("rclone", 1, 1, 60, 5.0), "rclone"),
        (FileArrived("a.exe", "downloads", "pe"), ""),
        (AgentStopped("SIGTERM"), ""),
        (object(), ""),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_an_event_says_which_program_it_is_about(event, program):
    """Not each is about one."""
    assert find_program(event) == program


def test_a_pause_ends_by_itself():
    """Where no time is known, nothing is paused."""
    pause = Pause(
        id="p", what="keywords", first=local("2026-11-23T09:00"), last=local("2026-11-23T11:00"), reason="An exam."
    )
    (timed,) = to_timed([pause], CALENDAR)
    holds = [timed.holds(at(f"2026-11-23T{each}")) for each in ("08:59", "09:00", "10:59", "11:00")]
    assert holds == [False, True, True, False]
    assert not timed.holds(0)
