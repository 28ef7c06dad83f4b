# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.bounds: when, where and before whom a rule counts, asked through the evaluator."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.events import Program, ProgramStarted
from rules.arrangements import Arrangements, DeviceGroup, Pause, Profile, RuleException, Timetable
from rules.errors import TimeZoneError
from rules.evaluate import Evaluator
from rules.model import Policy, ProgramPattern, Times, Who
from rules.moment import UNKNOWN, Moment
from tests.rules.sample import make_policy, make_rule
from tests.rules.test_timetable import SCHOOL, at, local

TOR = ProgramStarted(Program("tor", source="process"))
LESSON, BREAK, SUNDAY = at("2026-11-23T09:30"), at("2026-11-23T10:05"), at("2026-11-22T09:30")
ANN, BEN = "aa" * 16, "bb" * 16
RULE = make_rule(ProgramPattern(name="Tor", executables=("tor",)))
EXAMS = Profile(id="exams", title="Exams", first=date(2026, 11, 23), last=date(2026, 11, 24), why="It is time.")
GROUP = DeviceGroup(name="laptops", devices=frozenset({"d1"}))


def make_bound(*, times: Times = Times(), who: Who = Who(), **arrangements) -> Policy:  # noqa: B008 - frozen
    """Return a policy of one rule with these bounds, in a school with a timetable."""
    school: dict[str, Any] = {"timetable": SCHOOL, "profiles": (EXAMS,), "device_groups": (GROUP,)} | arrangements
    return replace(make_policy(replace(RULE, times=times, who=who)), arrangements=Arrangements(**school))


def counts(policy: Policy, **moment) -> bool:
    """Tell whether the rule counts at a moment."""
    return bool(Evaluator(policy).match(TOR.kind, TOR, Moment(**moment)))


def except_for(**what) -> RuleException:
    """Return an exception of the sample rule for a week."""
    first, last = local("2026-11-20T00:00"), local("2026-11-27T00:00")
    return RuleException(id="asked", rules=(RULE.id,), first=first, last=last, reason="A project.", **what)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (Times(), [True, True, True, True]),
        (Times(during=("lesson",)), [True, False, False, True]),
        (Times(during=("school_hours",)), [True, True, False, True]),
        (Times(except_during=("closed",)), [True, True, False, True]),
        (Times(profiles=("exams",)), [True, True, False, True]),
        (Times(except_profiles=("exams",)), [False, False, True, True]),
        (Times(during=("lesson",), except_profiles=("exams",)), [False, False, False, True]),
    ],
    ids=str,
)
def test_a_rule_counts_at_its_times(times, expected):
    """In a lesson, in a break, on a Sunday, and when nobody knows the time, which excuses nothing."""
    policy = make_bound(times=times)
    assert [counts(policy, at_ns=when) for when in (LESSON, BREAK, SUNDAY, 0)] == expected


def test_without_a_timetable_a_rule_counts_always():
    """Nobody can say that it is no lesson."""
    assert counts(make_bound(times=Times(during=("lesson",)), timetable=None), at_ns=BREAK)


@pytest.mark.parametrize(
    ("who", "known", "expected"),
    [
        (Who(roles=("pupil",)), {"roles": {"staff"}}, False),
        (Who(roles=("pupil",)), {"roles": {"staff", "pupil"}}, True),
        (Who(roles=("pupil",)), {"roles": ()}, False),
        (Who(roles=("pupil",)), {}, True),
        (Who(except_roles=("staff",)), {"roles": {"staff"}}, False),
        (Who(except_roles=("staff",)), {"roles": {"staff", "pupil"}}, True),
        (Who(except_roles=("staff",)), {"roles": ()}, True),
        (Who(accounts=("guest",)), {"account_kinds": {"personal"}}, False),
        (Who(except_accounts=("administrator",)), {"account_kinds": {"administrator"}}, False),
        (Who(except_accounts=("administrator",)), {}, True),
        (Who(years=("7", "8")), {"years": {"8"}}, True),
        (Who(years=("7", "8")), {"years": {"12"}}, False),
        (Who(except_years=("12",)), {"roles": {"pupil"}, "years": {"12"}}, False),
        (Who(except_years=("12",)), {"roles": {"pupil"}, "years": {"12", "7"}}, True),
        (Who(except_years=("12",)), {"roles": {"pupil", "staff"}, "years": {"12"}}, True),
        (Who(roles=("pupil",), accounts=("shared",)), {"roles": {"pupil"}, "account_kinds": {"personal"}}, False),
    ],
)
def test_a_rule_counts_before_its_people(who, known, expected):
    """One for some counts when one of them is there, one except for some unless all are such."""
    assert counts(make_bound(who=who), **{key: frozenset(value) for key, value in known.items()}) is expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Who(devices=("laptops",)), [True, False, True]),
        (Who(except_devices=("laptops",)), [False, True, True]),
        (Who(devices=("laptops",), except_devices=("laptops",)), [False, False, True]),
        (Who(devices=("nobody-defined-it",)), [True, True, True]),
        (Who(except_devices=("nobody-defined-it",)), [True, True, True]),
    ],
    ids=str,
)
def test_a_rule_counts_on_its_devices(who, expected):
    """On one of the group, on another, and where it is not known which; a group that is not defined excuses nobody."""
    policy = make_bound(who=who)
    assert [counts(policy, device_id=device) for device in ("d1", "d2", "")] == expected


def test_an_exception_is_for_its_programs():
    """By the name that the rule gives them, and for a rule without programs by the event's."""
    nameless = replace(RULE, programs=(), kinds=("program.started",))
    for excepted, rule, expected in (
        ("TOR", RULE, False),
        ("Steam", RULE, True),
        ("tor", nameless, False),
    ):
        policy = make_bound(exceptions=(except_for(programs=(excepted,)),))
        assert counts(replace(policy, rules=(rule,)), at_ns=LESSON) is expected
    assert counts(make_bound(exceptions=(except_for(programs=("Tor",)),)))


def test_a_rule_that_is_paused_is_silent():
    """For as long as the pause holds, and no other rule with it."""
    pause = Pause(
        id="p", what="rule:sample", first=local("2026-11-23T09:00"), last=local("2026-11-23T10:00"), reason="A fault."
    )
    policy = make_bound(pauses=(pause,))
    assert [counts(policy, at_ns=when) for when in (LESSON, BREAK, 0)] == [False, True, True]
    assert counts(replace(policy, rules=(replace(RULE, id="other"),)), at_ns=LESSON)


def test_only_what_is_bound_asks_who_is_there():
    """The collector looks people up for these kinds and no others."""
    staff = replace(RULE, id="staff", kinds=("usb.attached",), programs=(), who=Who(roles=("staff",)))
    policy = make_bound(exceptions=(except_for(accounts=(ANN,)),))
    assert Evaluator(policy).needs_people == {"program.started"}
    assert Evaluator(replace(policy, rules=(replace(RULE, id="other"), staff))).needs_people == {"usb.attached"}
    assert Evaluator(make_bound(times=Times(during=("lesson",)))).needs_people == frozenset()


def test_a_policy_without_times_needs_no_zone():
    """A machine without a list of zones runs it; one that is bound to times it refuses with a word."""
    nowhere = Timetable(zone="Nowhere/At/All")
    assert counts(make_bound(timetable=nowhere), at_ns=LESSON)
    with pytest.raises(TimeZoneError):
        Evaluator(make_bound(timetable=nowhere, times=Times(during=("lesson",))))


def test_whoever_asks_says_the_moment_or_it_is_asked_for():
    """And only when a rule that fits is bound to one."""
    asked: list[int] = []

    def find_moment() -> Moment:
        asked.append(1)
        return Moment(at_ns=BREAK)

    bound = Evaluator(make_bound(times=Times(during=("lesson",))), find_moment)
    assert not bound.match(TOR.kind, TOR)
    assert bound.match(TOR.kind, TOR, Moment(at_ns=LESSON))
    bound.match(TOR.kind, ProgramStarted(Program("bash", source="process")))
    assert Evaluator(make_bound(), find_moment).match(TOR.kind, TOR)
    assert len(asked) == 1


NAMES = st.sets(st.sampled_from(["x", "pupil"]), min_size=1).map(lambda names: tuple(sorted(names)))
KNOWN = st.none() | st.frozensets(st.sampled_from(["x", "pupil"]))
TIMES = st.sets(st.sampled_from(["lesson", "break", "out_of_hours", "closed"]), min_size=1, max_size=2).map(tuple)
GROUPS = st.sampled_from([("laptops",), ("other",), ("laptops", "other")])


def one_of_fields(cls, **strategies) -> st.SearchStrategy:
    """Return values that have one of these fields: more bounds at once seldom leave anything to be told apart."""
    return st.one_of([st.builds(cls, **{field: strategy}) for field, strategy in strategies.items()])


PROFILES = st.just(("exams",))
WHOS = one_of_fields(
    Who,
    **dict.fromkeys(("roles", "years", "accounts", "except_roles", "except_years", "except_accounts"), NAMES),
    devices=GROUPS,
    except_devices=GROUPS,
)
POLICIES = st.one_of(
    st.builds(
        lambda times, timetable: make_bound(times=times, timetable=timetable),
        one_of_fields(Times, during=TIMES, except_during=TIMES, profiles=PROFILES, except_profiles=PROFILES),
        st.sampled_from([SCHOOL, None]),
    ),
    WHOS.map(lambda who: make_bound(who=who)),
    st.builds(lambda one, other: make_bound(who=replace(one, except_years=other.except_years)), WHOS, WHOS),
    one_of_fields(
        except_for,
        accounts=st.just((ANN,)),
        devices=st.just(("d1",)),
        during=TIMES,
        programs=st.sampled_from([("Tor",), ("Steam",)]),
    ).map(lambda exception: make_bound(exceptions=(exception,))),
)
MOMENTS = st.builds(
    Moment,
    at_ns=st.sampled_from([0, LESSON, BREAK, SUNDAY]),
    device_id=st.sampled_from(["", "d1", "d2"]),
    account_kinds=KNOWN,
    account_refs=st.none() | st.frozensets(st.sampled_from([ANN, BEN])),
    roles=KNOWN,
    years=KNOWN,
)
FIELDS = ("at_ns", "device_id", "account_kinds", "account_refs", "roles", "years")


@settings(deadline=None, max_examples=300)
@given(POLICIES, MOMENTS)
def test_whoever_knows_less_excuses_less(policy, moment):
    """What counts at a moment counts as well for who knows one thing less of it, and so for who knows any less: nothing
    is lost on the way from a device, which knows little, to the collector."""
    evaluator = Evaluator(policy)
    if evaluator.match(TOR.kind, TOR, moment):
        for field in FIELDS:
            assert evaluator.match(TOR.kind, TOR, replace(moment, **{field: getattr(UNKNOWN, field)})), field


@settings(deadline=None, max_examples=300)
@given(POLICIES, MOMENTS, MOMENTS)
def test_what_counts_otherwise_is_another_situation(policy, one, other):
    """Two moments of one situation are judged alike, whatever the event."""
    evaluator = Evaluator(policy)
    if evaluator.bounds.find_situation(one) == evaluator.bounds.find_situation(other):
        for name in ("tor", "bash"):
            event = ProgramStarted(Program(name, source="process"))
            assert evaluator.match(event.kind, event, one) == evaluator.match(event.kind, event, other)
