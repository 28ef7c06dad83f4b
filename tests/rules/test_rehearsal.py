# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.rehearsal: a test inside a rule file runs on a clock of its own."""

from dataclasses import replace
from typing import Any

import pytest

from proto.events import PostureFound
from rules.arrangements import Arrangements, Pause, RuleException
from rules.model import Clearing, Condition, Expectation, Operator, ProgramPattern, Rule, RuleTest, Times, Who
from rules.rehearsal import find_fault
from tests.rules.sample import make_rule
from tests.rules.test_timetable import SCHOOL, local

TOR: dict[str, object] = {"kind": "program.started", "program.name": "tor", "program.source": "process"}
ARRANGEMENTS = Arrangements(timetable=SCHOOL)
SILENT = "the rule should match and is silent"
RULE = make_rule(ProgramPattern(name="Tor", executables=("tor",)))


def run(rule: Rule, arrangements: Arrangements = ARRANGEMENTS, event: dict = TOR, **test) -> str:
    """Return whether a rule is silent in a test: what a test that expects a match says of it, or `match`."""
    silent = find_fault(rule, RuleTest("it", Expectation.SILENT, event, **test), arrangements)
    match = find_fault(rule, RuleTest("it", Expectation.MATCH, event, **test), arrangements)
    assert (silent is None) is (match is not None)
    return match or "match"


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        ("2026-11-23T09:30", "match"),
        (
            "2026-11-23T10:05",
            "the rule should match and is silent: it fits, but not at that time or before these people",
        ),
        ("2026-09-07T09:30", "match"),
        ("", "match"),
    ],
)
def test_a_test_says_when_it_happens(at, outcome):
    """In the school's own time, summer time included; unsaid, it is not known, and excuses nothing."""
    assert run(replace(RULE, times=Times(during=("lesson",))), at=at) == outcome


def test_a_fault_says_by_what_a_rule_matched():
    """Or the author would look for it in all of its patterns."""
    fault = find_fault(RULE, RuleTest("it", Expectation.SILENT, TOR), ARRANGEMENTS)
    assert fault == "the rule should be silent and matches (Tor by executable)"
    assert run(RULE, event=TOR | {"program.name": "bash"}) == SILENT


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Who(roles=("pupil",)), [True, False, True, True]),
        (Who(years=("7",)), [True, True, True, True]),
        (Who(except_years=("7",)), [True, True, False, True]),
        (Who(devices=("laptops",)), [True, True, True, False]),
        (Who(except_devices=("library",)), [True, True, True, False]),
    ],
    ids=str,
)
def test_a_test_says_before_whom(who, expected):
    """Nothing; a member of staff; a pupil of year 7; and a device that is in one group and thereby in no other."""
    people = [{}, {"roles": ("staff",)}, {"years": ("7",)}, {"devices": ("library",)}]
    assert [run(replace(RULE, who=who), who=each) == "match" for each in people] == expected


@pytest.mark.parametrize(
    ("test", "is_incident"),
    [
        ({}, False),
        ({"times": 3}, True),
        ({"times": 3, "every_s": 30}, True),
        ({"times": 3, "every_s": 31}, False),
        ({"times": 3, "on_devices": 2}, False),
        ({"times": 5, "on_devices": 2}, True),
    ],
    ids=str,
)
def test_a_test_says_how_often(test, is_incident):
    """Three times within a minute on one device."""
    outcome = run(replace(RULE, threshold=3, window_s=60), **test)
    assert outcome == "match" if is_incident else outcome.endswith(": it fits too seldom, or on too few devices")


@pytest.mark.parametrize(("on_devices", "is_incident"), [(1, False), (4, False), (5, True)])
def test_a_test_says_on_how_many_devices(on_devices, is_incident):
    """Once on each is enough to say."""
    rule = replace(RULE, least_devices=5, window_s=3600)
    assert (run(rule, on_devices=on_devices, every_s=60) == "match") is is_incident


def test_a_clock_goes_on_over_the_end_of_a_lesson():
    """The third time comes in the break, in which the rule does not count."""
    rule = replace(RULE, threshold=3, window_s=3600, times=Times(during=("lesson",)))
    assert run(rule, at="2026-11-23T09:50", times=3, every_s=240) == "match"
    assert run(rule, at="2026-11-23T09:50", times=3, every_s=300) != "match"


STATE_IS = {state: (Condition("state", Operator.EQUALS, (state,)),) for state in ("fail", "pass", "unknown")}
WAITING = replace(
    make_rule(kinds=(PostureFound.kind,), when=STATE_IS["fail"]),
    grace_s=86_400,
    cleared=Clearing(kinds=(PostureFound.kind,), when=STATE_IS["pass"]),
)


def test_what_nothing_clears_is_an_incident_when_the_grace_is_over():
    """Nobody waits a day for it."""
    assert run(WAITING, event={"kind": PostureFound.kind, "state": "fail"}) == "match"
    assert run(WAITING, event={"kind": PostureFound.kind, "state": "pass"}) != "match"


def test_an_event_that_fits_a_rule_and_clears_it_is_a_fault():
    """Such a rule never is an incident."""
    both = replace(WAITING, cleared=Clearing(kinds=(PostureFound.kind,)))
    test = RuleTest("it", Expectation.MATCH, {"kind": PostureFound.kind, "state": "fail"})
    assert find_fault(both, test, ARRANGEMENTS) == "the event fits the rule and clears it at the same time"


@pytest.mark.parametrize(("name", "expected"), [("tor", False), ("bash", True)])
def test_a_test_of_what_clears_takes_the_rule_to_have_fitted(name, expected):
    """To take Tor away clears what found it, to take something else away does not."""
    rule = replace(RULE, grace_s=60, cleared=Clearing(kinds=("program.removed",)))
    event = {"kind": "program.removed", "program.name": name, "program.source": "file"}
    assert (run(rule, event=event) == "match") is expected


def test_what_the_school_excepts_today_breaks_no_test():
    """Or an exception that is granted would keep a policy from being published."""
    week: dict[str, Any] = {
        "first": local("2026-11-20T00:00"),
        "last": local("2026-11-27T00:00"),
        "reason": "A project.",
    }
    arrangements = replace(
        ARRANGEMENTS,
        exceptions=(RuleException(id="e", rules=("sample",), **week),),
        pauses=(Pause(id="p", what="rule:sample", **week),),
    )
    assert run(RULE, arrangements, at="2026-11-23T09:30") == "match"
