# SPDX-License-Identifier: Apache-2.0
"""Tests of what a change takes away from safeguards: each way to weaken one is named, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import preconditions
from proto.events import Audience
from rules import weakening
from rules.arrangements import Arrangements, DeviceGroup, Pause, Profile, RuleException, Timetable
from rules.model import (
    ActionClass,
    Clearing,
    Condition,
    Escalation,
    Keywords,
    Operator,
    Policy,
    ProgramPattern,
    Rule,
    Times,
    Who,
)
from rules.settings import Accounts, Settings
from rules.weakening import find_weakenings, is_safeguard

at = datetime.fromisoformat
"""Local time, as rule files have it."""

WATCHED = Keywords(
    enabled=True,
    dpia_reference="DPIA-1",
    dpia_review_date="2027-03-01",
    languages=("en", "pl"),
    watch_groups=("pupils", "sixth-form"),
    staff_groups=("supply",),
    staff_reference="S-1",
    protected=("*counsel*",),
    days=("mon", "tue"),
    hours="08:00-16:00",
    networks=("10.20.0.0/16", "fd00::/8"),
)
GUARD = Rule(
    id="agent-paused",
    title="Paused",
    why="It is a safeguard.",
    action_class=ActionClass.UNACCEPTABLE,
    severity=4,
    kinds=("agent.stopped", "agent.throttled"),
    when=(
        Condition("state", Operator.ONE_OF, ("off", "broken")),
        Condition("facts.minutes", Operator.AT_LEAST, (5,)),
    ),
    window_s=3600,
    threshold=2,
    times=Times(during=("lesson",), except_during=("exam",)),
    who=Who(roles=("pupil",), devices=("laptops",), except_devices=("spares",)),
    escalations=(Escalation(after=3, within_s=86_400, severity=5),),
)
LEAD = replace(
    GUARD,
    id="dsl-tor",
    audience=Audience.SAFEGUARDING,
    kinds=("program.started",),
    programs=(ProgramPattern(name="Tor", executables=("tor", "obfs4proxy")),),
    when=(),
    times=Times(),
    who=Who(),
)
ORDINARY = replace(LEAD, id="games", audience=Audience.SECURITY)
"""Of the pack, as the others."""
OWN = replace(ORDINARY, id="own-zork", file="school/games.toml")
EXCEPTED = RuleException(
    id="asked-0",
    rules=("dsl-tor",),
    first=at("2026-11-23T00:00"),
    last=at("2026-11-24T00:00"),
    reason="x",
    devices=("a",),
)
PLACE = Arrangements(
    timetable=Timetable(bank_holiday_dates=(date(2026, 12, 25),)),
    device_groups=(
        DeviceGroup(name="laptops", devices=frozenset({"a" * 16, "b" * 16})),
        DeviceGroup(name="spares", devices=frozenset({"c" * 16})),
    ),
    pauses=(Pause(id="p", what="keywords", first=at("2026-11-23T09:00"), last=at("2026-11-23T12:00"), reason="x"),),
)
BY_KIND = replace(GUARD.who, except_accounts=("shared",))
POLICY = Policy(pack="p", title="P", rules=(GUARD, LEAD, ORDINARY, OWN), keywords=WATCHED, arrangements=PLACE)


def with_rule(rule: Rule, **changed: Any) -> Policy:
    """Return the policy with one rule changed."""
    return replace(POLICY, rules=tuple(replace(each, **changed) if each is rule else each for each in POLICY.rules))


def watched(**changed: Any) -> Policy:
    """Return the policy with its keywords changed."""
    return replace(POLICY, keywords=replace(WATCHED, **changed))


def arranged(**changed: Any) -> Policy:
    """Return the policy with its arrangements changed."""
    return replace(POLICY, arrangements=replace(PLACE, **changed))


WEAKER = {
    "nobody is watched": watched(enabled=False),
    "group sixth-form": watched(watch_groups=("pupils",)),
    "group of staff supply": watched(staff_groups=(), staff_reference=""),
    "language pl": watched(languages=("en",)),
    "windows that fit *": watched(protected=("*counsel*", "*")),
    "on tue": watched(days=("mon",)),
    "watched from 09:00-16:00": watched(hours="09:00-16:00"),
    "network fd00::/8": watched(networks=("10.0.0.0/8",)),
    "ends sooner": watched(dpia_review_date="2026-12-01"),
    "nobody is watched while the review is too far away": watched(dpia_review_date="2029-05-10"),
    "counted as staff and not as pupils any more: group year-7": watched(staff_groups=("supply", "year-7")),
    "agent-paused: it is not in force": replace(POLICY, rules=(LEAD, ORDINARY)),
    "games: it is not in force": replace(POLICY, rules=(GUARD, LEAD, OWN)),
    "rule games: it is not in force any more": with_rule(ORDINARY, file="school/games.toml"),
    "go to security": with_rule(LEAD, audience=Audience.SECURITY),
    "severity 3 instead of 4": with_rule(GUARD, severity=3),
    "class acceptable": with_rule(GUARD, action_class=ActionClass.ACCEPTABLE),
    "events agent.throttled": with_rule(GUARD, kinds=("agent.stopped",)),
    "fewer programs": with_rule(LEAD, programs=(ProgramPattern(name="Tor", executables=("tor",)),)),
    "another state": with_rule(GUARD, when=(Condition("state", Operator.EQUALS, ("off",)), GUARD.when[1])),
    "another facts.minutes": with_rule(GUARD, when=(Condition("facts.minutes", Operator.AT_LEAST, (6,)),)),
    "another bundle_version": with_rule(GUARD, when=(*GUARD.when, Condition("bundle_version", Operator.EQUALS, (1,)))),
    "allow list": with_rule(LEAD, unless_approved=True),
    "only during lesson": with_rule(LEAD, times=Times(during=("lesson",))),
    "during break": with_rule(GUARD, times=Times(during=("lesson",), except_during=("exam", "break"))),
    "while exams is on": with_rule(LEAD, times=Times(except_profiles=("exams",))),
    "roles staff": with_rule(GUARD, who=replace(GUARD.who, roles=("staff",))),
    "accounts guest": with_rule(LEAD, who=Who(except_accounts=("guest",))),
    "seen 3 times": with_rule(GUARD, threshold=3),
    "on 5 devices": with_rule(GUARD, least_devices=5),
    "shorter window": with_rule(GUARD, window_s=60),
    "waits 600 seconds": with_rule(GUARD, grace_s=600),
    "cleared by": with_rule(GUARD, cleared=Clearing(kinds=("agent.started",))),
    "comes 3 times": with_rule(GUARD, escalations=()),
    "counts by the timetable": arranged(timetable=Timetable(days=("mon",))),
    "that is another": arranged(
        profiles=(Profile(id="x", title="X", first=date(2027, 5, 1), last=date(2027, 5, 2), why="x"),)
    ),
    "fewer devices are in group laptops": arranged(
        device_groups=(DeviceGroup(name="laptops", devices=frozenset({"a" * 16})), PLACE.device_groups[1])
    ),
    "more devices are in group spares": arranged(
        device_groups=(PLACE.device_groups[0], DeviceGroup(name="spares", devices=frozenset({"c" * 16, "d" * 16})))
    ),
    "kinds of accounts": replace(
        POLICY, settings=Settings(accounts=Accounts(shared=("*",))), rules=(replace(GUARD, who=BY_KIND), LEAD, ORDINARY)
    ),
    "exception asked-1": arranged(
        exceptions=(
            RuleException(
                id="asked-1",
                rules=("dsl-tor",),
                first=at("2026-11-23T00:00"),
                last=at("2026-11-24T00:00"),
                reason="x",
            ),
        )
    ),
    "pause: check:software": arranged(pauses=(*PLACE.pauses, replace(PLACE.pauses[0], what="check:software"))),
    "pause: keywords": arranged(pauses=(replace(PLACE.pauses[0], last=at("2026-11-23T13:00")),)),
}


@pytest.mark.parametrize("words", WEAKER)
def test_each_way_to_weaken_a_safeguard_is_named(words: str) -> None:
    """One thing taken away is one sentence, with the rule or the keywords that it is about."""
    before = POLICY if words != "kinds of accounts" else with_rule(GUARD, who=BY_KIND)
    found = find_weakenings(before, WEAKER[words])
    assert len(found) == 1, found
    assert words in found[0]


STRONGER: dict[str, Callable[[], Policy]] = {
    "the same": lambda: POLICY,
    "a rule more": lambda: replace(POLICY, rules=(*POLICY.rules, replace(LEAD, id="new"))),
    "a rule of the school's own less": lambda: replace(POLICY, rules=(GUARD, LEAD, ORDINARY)),
    "an ordinary rule milder": lambda: with_rule(ORDINARY, severity=1, unless_approved=True, grace_s=600),
    "more severe": lambda: with_rule(GUARD, severity=5, threshold=1, window_s=0),
    "any program": lambda: with_rule(LEAD, programs=()),
    "fewer conditions": lambda: with_rule(GUARD, when=(Condition("facts.minutes", Operator.AT_LEAST, (1,)),)),
    "always": lambda: with_rule(GUARD, times=Times(), who=Who()),
    "wider network": lambda: watched(networks=("10.0.0.0/8", "fd00::/8", "192.168.0.0/16")),
    "anywhere at any time": lambda: watched(networks=(), away_reference="A-1", out_of_hours_reference="O-1"),
    "longer days": lambda: watched(days=("mon", "tue", "wed"), hours="07:00-17:00"),
    "the review of the year after next": lambda: watched(dpia_review_date="2029-05-09"),
    "another notice": lambda: watched(notice_version="2027-01", notice_text="Other words"),
    "bank holidays of another year": lambda: arranged(timetable=Timetable(bank_holiday_dates=(date(2027, 12, 25),))),
    "a pause less": lambda: arranged(pauses=()),
    "a shorter pause": lambda: arranged(pauses=(replace(PLACE.pauses[0], last=at("2026-11-23T10:00")),)),
    "an exception from an ordinary rule": lambda: arranged(
        exceptions=(
            RuleException(
                id="e", rules=("games",), first=at("2026-11-23T00:00"), last=at("2026-11-24T00:00"), reason="x"
            ),
        )
    ),
}


@pytest.mark.parametrize("change", STRONGER)
def test_what_takes_nothing_away_needs_nobody(change: str) -> None:
    """Who widens a safeguard, or changes what is none, is not held up."""
    assert find_weakenings(POLICY, STRONGER[change]()) == []


def test_safeguards_are_those_for_the_leads_and_those_about_the_agent() -> None:
    """Of an ordinary rule only that it is there is nobody's alone; and one about the agent among others is one."""
    assert [is_safeguard(rule) for rule in POLICY.rules] == [True, True, False, False]
    assert is_safeguard(replace(GUARD, kinds=("usb.attached", "agent.stopped")))


def test_a_review_is_too_far_away_where_devices_say_so() -> None:
    """The two numbers are one: rules cannot ask the agent."""
    assert weakening.MAX_REVIEW_DAYS == preconditions.MAX_REVIEW_DAYS


def test_where_nobody_was_watched_nothing_is_weaker() -> None:
    """A school that never switched keywords on may change everything about them."""
    off = replace(POLICY, keywords=Keywords())
    assert find_weakenings(off, replace(off, keywords=Keywords(days=("mon",)))) == []


def test_group_that_nobody_made_yet_is_every_device() -> None:
    """Whoever makes it lets a rule of a safeguard for that group count there only, and be silent elsewhere."""
    unmade = arranged(device_groups=PLACE.device_groups[1:])
    (found,) = find_weakenings(unmade, POLICY)
    assert found == "rule agent-paused: counts only for the devices in group laptops, which is new"
    other = DeviceGroup(name="library", devices=frozenset({"d" * 16}))
    assert find_weakenings(POLICY, arranged(device_groups=(*PLACE.device_groups, other))) == []


@pytest.mark.parametrize("who", [Who(roles=("pupil",)), Who(except_years=("13",)), Who(accounts=("guest",))])
def test_nobody_asked_is_anybody(who: Who) -> None:
    """A rule for some people counts before anybody until it is asked who is there."""
    unasked = with_rule(LEAD, who=who)
    asked = replace(unasked, settings=Settings(accounts=Accounts(ask=True, reason="BX-19")))
    (found,) = [each for each in find_weakenings(unasked, asked) if "dsl-tor" in each]
    assert "that is asked now" in found
    assert find_weakenings(asked, unasked) == []


@pytest.mark.parametrize(
    "widened", [{"last": at("2027-11-20T00:00")}, {"devices": ()}, {"accounts": ()}, {"programs": ()}, {"during": ()}]
)
def test_exception_of_the_same_id_is_not_the_same(widened: dict[str, Any]) -> None:
    """One device on one day becomes everybody for a year by one line."""
    narrow = replace(EXCEPTED, accounts=("0" * 32,), programs=("Tor",), during=("club",))
    before, after = arranged(exceptions=(narrow,)), arranged(exceptions=(replace(narrow, **widened),))
    assert find_weakenings(before, after) == ["rule dsl-tor: exception asked-0"]
    assert find_weakenings(before, before) == []


POLICIES = st.builds(
    lambda guard, ordinary, keywords, pauses, groups: replace(
        POLICY,
        rules=(replace(GUARD, **guard), *ordinary),
        keywords=replace(WATCHED, **keywords),
        arrangements=replace(PLACE, pauses=pauses, device_groups=groups),
    ),
    st.fixed_dictionaries(
        {
            "severity": st.integers(3, 5),
            "threshold": st.integers(1, 3),
            "grace_s": st.sampled_from([0, 60]),
            "unless_approved": st.booleans(),
            "kinds": st.sampled_from([("agent.stopped",), ("agent.stopped", "agent.throttled")]),
            "times": st.sampled_from([Times(), Times(during=("lesson",)), Times(during=("lesson", "break"))]),
            "who": st.sampled_from([Who(), Who(roles=("pupil",)), Who(devices=("laptops",)), Who(devices=("x", "y"))]),
            "when": st.sampled_from([(), GUARD.when[:1], GUARD.when]),
        }
    ),
    st.sampled_from(
        [
            (),
            (ORDINARY,),
            (OWN,),
            (replace(ORDINARY, severity=1),),
            (replace(ORDINARY, file=OWN.file),),
            (replace(ORDINARY, audience=Audience.SAFEGUARDING),),
            (replace(ORDINARY, audience=Audience.SAFEGUARDING, file=OWN.file),),
        ]
    ),
    st.fixed_dictionaries(
        {
            "enabled": st.booleans(),
            "hours": st.sampled_from(["08:00-16:00", "09:00-16:00", "08:00-15:00"]),
            "networks": st.sampled_from([("10.0.0.0/8",), ("10.20.0.0/16",), ("10.20.0.0/16", "10.30.0.0/16")]),
            "away_reference": st.sampled_from(["", "A-1"]),
            "out_of_hours_reference": st.sampled_from(["", "O-1"]),
        }
    ),
    st.sampled_from([(), PLACE.pauses, (replace(PLACE.pauses[0], last=at("2026-11-23T10:00")),)]),
    st.sampled_from([(), PLACE.device_groups, (DeviceGroup(name="x", devices=frozenset({"a"})),)]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(POLICIES, min_size=2, max_size=5))
def test_no_row_of_small_steps_leads_where_one_step_does_not(steps: list[Policy]) -> None:
    """Steps none of which takes anything away take nothing away together."""
    kept = [steps[0]]
    for policy in steps[1:]:
        if not find_weakenings(kept[-1], policy):
            kept.append(policy)
    assert find_weakenings(kept[0], kept[-1]) == []
