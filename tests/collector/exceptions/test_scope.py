# SPDX-License-Identifier: Apache-2.0
"""Tests of what can be asked."""

from dataclasses import replace

import pytest

from collector.approved_media import MediumKey
from collector.console.clock import find_zone
from collector.exceptions import RequestError, Scope, list_rules
from collector.exceptions.request import to_day
from collector.exceptions.scope import MAX_OF_EACH, list_during, verify_scope
from collector.store.engine import reading
from proto.events import Audience
from rules.arrangements import Arrangements, Period, Timetable
from tests.collector.exceptions.conftest import Register

TOR = ("bypass-tor",)
DAY = Timetable(periods=(Period(kind="lesson", name="1", starts="09:00", ends="10:00"),))


def verify(register: Register, scope: Scope, policy: object = None) -> Scope:
    """Return what is left of a scope."""
    school = register.school
    with reading(school.engine) as connection:
        today = to_day(school.now_ns, find_zone())
        return verify_scope(connection, school.id, policy or register.shipped, scope, today)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "part", "words"),
    [
        (Scope(rules=(" ",)), "rules", "names no rule"),
        (Scope(rules=("bypass-tro",)), "rules", "no rule 'bypass-tro'"),
        (Scope(rules=("bypass-tor", "agent-paused")), "rules", "about the agent itself"),
        (Scope(rules=TOR, programs=("Thor",)), "programs", "no program of these rules is called 'Thor'"),
        (Scope(rules=("unlisted-program",), programs=("a\u202eb",)), "programs", "no name of a program"),
        (Scope(rules=TOR, people=("Ada",)), "people", "nobody in the register has the id 'Ada'"),
        (Scope(rules=TOR, people=("p2",)), "people", "p2 has no account in the register"),
        (Scope(rules=TOR, devices=("pc-9",)), "devices", "no device of the school is called 'pc-9'"),
        (Scope(rules=TOR, devices=("twin",)), "devices", "2 devices call themselves 'twin'"),
        (Scope(rules=TOR, devices=tuple(map(str, range(MAX_OF_EACH + 1)))), "devices", "names at most"),
        (Scope(rules=TOR, during=("tea",)), "during", "'tea' is no kind of period"),
        (Scope(rules=TOR, during=("lesson",)), "during", "the policy has no timetable"),
        (Scope(rules=TOR, stick=MediumKey("0951", "1666", "x")), "stick", "asked for alone"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_part(register: Register, scope: Scope, part: str, words: str) -> None:
    """So that a form can say it beside the field; and nothing is asked."""
    for _ in range(2):
        register.school.add_device("twin")
    with pytest.raises(RequestError) as told:
        verify(register, scope)
    assert (told.value.part, words in told.value.message) == (part, True)


def test_rule_of_safeguarding_is_never_excepted(register: Register) -> None:
    """Nor is it among those that can be chosen."""
    policy = register.shipped
    sealed = tuple(replace(each, audience=Audience.SAFEGUARDING) for each in policy.rules if each.id == TOR[0])
    policy = replace(policy, rules=sealed)
    with pytest.raises(RequestError, match="it is a rule of safeguarding"):
        verify(register, Scope(rules=TOR), policy)
    assert list_rules(policy) == []


def test_rule_about_the_agent_among_others_is_never_excepted(register: Register) -> None:
    """An exception from it would hide as much that somebody tampers, and nobody could publish it alone."""
    policy = register.shipped
    kinds = ("program.started", "agent.stopped")
    mixed = tuple(replace(each, kinds=kinds) for each in policy.rules if each.id == TOR[0])
    with pytest.raises(RequestError, match="about the agent itself"):
        verify(register, Scope(rules=TOR), replace(policy, rules=mixed))


def test_devices_are_kept_by_id_and_words_without_doubles(register: Register) -> None:
    """A host name in any case is enough where one confirmed device has it; blanks and empty lines are no words."""
    id_ = register.school.add_device("Library-01")
    for state in ("pending", "revoked", "retired"):
        register.school.add_device("library-01", state=state)
    scope = Scope(rules=(" bypass-tor", "bypass-tor"), programs=("TOR", ""), devices=("library-01 ", id_))
    assert verify(register, scope) == Scope(rules=TOR, programs=("TOR",), devices=(id_,))


def test_kinds_of_periods_are_those_of_the_timetable(register: Register) -> None:
    """And what follows from any timetable."""
    policy = replace(register.shipped, arrangements=Arrangements(timetable=DAY))
    assert list_during(policy) == ["lesson", "school_hours", "out_of_hours", "closed"]
    assert verify(register, Scope(rules=TOR, during=("lesson",)), policy).during == ("lesson",)
    with pytest.raises(RequestError, match="the timetable has no club"):
        verify(register, Scope(rules=TOR, during=("club",)), policy)


def test_scope_without_anything_narrower_is_for_everybody() -> None:
    """Pages and commands say so; a USB device is always narrow."""
    assert Scope(rules=TOR).is_for_everybody
    assert not Scope(rules=TOR, during=("lesson",)).is_for_everybody
    assert not Scope(stick=MediumKey("0951", "1666", "x")).is_for_everybody
