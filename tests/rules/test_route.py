# SPDX-License-Identifier: Apache-2.0
"""Tests of the law of routing: nobody whom a flag may be about is among its readers, whatever the school looks like."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto import recipients
from proto.recipients import Recipient, RecipientSet
from rules.route import RUNGS, Holder, Position, Route, choose_route, find_readers, list_holders

POSITIONS = list(Position)
MOST_PEOPLE = 6


@dataclass(frozen=True)
class Case:
    """A school, a flag and who is away; anybody may be named who holds nothing."""

    holders: tuple[Holder, ...]
    subjects: frozenset[str]
    absent: frozenset[str]
    later_absent: frozenset[str]


def build_case(people: list[int]) -> Case:
    """Build a case from a number for each person: its lower bits say what is true of him, the upper ones what he holds.

    Numbers, because drawing names and sets of names takes longer than what is tested.
    """
    marked: list[set[str]] = [set() for _ in range(4)]
    holders = []
    for number, bits in enumerate(people):
        name, held = f"person-{number}", bits >> 4
        for place, names in enumerate(marked):
            if bits >> place & 1:
                names.add(name)
        holders.append(
            Holder(name, frozenset(position for place, position in enumerate(POSITIONS) if held >> place & 1))
        )
    listed, subjects, absent, later_absent = map(frozenset, marked)
    return Case(tuple(each for each in holders if each.id in listed), subjects, absent, later_absent)


CASES = st.lists(st.integers(0, 2 ** (4 + len(POSITIONS)) - 1), max_size=MOST_PEOPLE).map(build_case)
ORDER = [*RUNGS, Route.OUTSIDE]

DSL = Holder("dsl", frozenset({Position.DSL}))
DEPUTY = Holder("deputy", frozenset({Position.DEPUTY_DSL}))
HEAD = Holder("head", frozenset({Position.HEADTEACHER}))
CHAIR = Holder("chair", frozenset({Position.CHAIR_OF_GOVERNORS}))
SCHOOL = (DSL, DEPUTY, HEAD, CHAIR)


def test_the_format_has_the_positions_that_are_routed_by() -> None:
    """A set with another one is neither signed nor taken, and each of these stands on one rung."""
    assert tuple(position.value for position in Position) == recipients.POSITIONS
    assert sorted(position for positions in RUNGS.values() for position in positions) == sorted(Position)


def rungs_of(holder: Holder) -> set[Route]:
    """Return the rungs that somebody stands on."""
    return {route for route, positions in RUNGS.items() if positions & holder.positions}


@settings(max_examples=1000, deadline=None)
@given(CASES)
def test_no_subject_is_a_reader(case: Case) -> None:
    """Over all positions, several of one person, all absences and all conflicts."""
    route = choose_route(case.holders, case.subjects)

    assert not find_readers(case.holders, route, case.absent) & case.subjects


@settings(max_examples=500, deadline=None)
@given(CASES)
def test_device_and_collector_agree(case: Case) -> None:
    """Both ask in the same way: a set is the same whatever the order of its people, and holds what was put in."""
    recipients = tuple(
        Recipient(id=each.id, positions=tuple(sorted(each.positions)), age_key="", tested=True) for each in case.holders
    )
    at_device = list_holders(RecipientSet(school_id="s", version=1, made_at_ns=1, recipients=recipients))
    at_collector = list_holders(RecipientSet(school_id="s", version=1, made_at_ns=1, recipients=recipients[::-1]))
    route = choose_route(at_device, case.subjects)

    assert route is choose_route(at_collector, case.subjects) is choose_route(case.holders, case.subjects)
    # The collector knows the route from the header and whom it may be about it never learns.
    assert find_readers(at_device, route, case.absent) == find_readers(at_collector, Route(route.value), case.absent)


@settings(max_examples=500, deadline=None)
@given(CASES)
def test_the_route_lies_above_every_subject(case: Case) -> None:
    """And it is the lowest such that somebody holds."""
    route = choose_route(case.holders, case.subjects)
    taken = {rung for holder in case.holders if holder.id in case.subjects for rung in rungs_of(holder)}
    possible = [
        rung
        for rung in RUNGS
        if all(ORDER.index(rung) > ORDER.index(each) for each in taken)
        and any(rung in rungs_of(holder) for holder in case.holders)
    ]

    assert route is (possible[0] if possible else Route.OUTSIDE)


@settings(max_examples=500, deadline=None)
@given(CASES)
def test_absence_takes_no_reader_away(case: Case) -> None:
    """Who is said to be absent stays a reader, so that nobody can choose another reader by it; it can only add."""
    route = choose_route(case.holders, case.subjects)
    before = find_readers(case.holders, route, case.absent)

    assert before <= find_readers(case.holders, route, case.absent | case.later_absent)
    assert bool(find_readers(case.holders, route)) is (route is not Route.OUTSIDE)


@pytest.mark.parametrize(
    ("subjects", "route", "readers"),
    [
        ((), Route.DSL, {"dsl", "deputy"}),
        (("pupil",), Route.DSL, {"dsl", "deputy"}),
        (("dsl",), Route.HEAD, {"head"}),
        (("deputy",), Route.HEAD, {"head"}),
        (("head",), Route.CHAIR, {"chair"}),
        (("dsl", "head"), Route.CHAIR, {"chair"}),
        (("chair",), Route.OUTSIDE, set()),
        (("dsl", "chair"), Route.OUTSIDE, set()),
    ],
)
def test_the_ladder_of_an_ordinary_school(subjects: tuple[str, ...], route: Route, readers: set[str]) -> None:
    """From the designated leads to the head, to the chair of governors, to the authority outside."""
    assert choose_route(SCHOOL, subjects) is route
    assert find_readers(SCHOOL, route) == readers


def test_a_rung_that_nobody_holds_is_passed_over() -> None:
    """A school without a head has a chair."""
    assert choose_route([DSL, CHAIR], ["dsl"]) is Route.CHAIR
    assert choose_route([HEAD], []) is Route.HEAD
    assert choose_route([], []) is Route.OUTSIDE


def test_a_head_who_is_the_lead_too_has_both_rungs() -> None:
    """In a small school what is about her goes to the chair at once."""
    both = Holder("both", frozenset({Position.DSL, Position.HEADTEACHER}))

    assert choose_route([both, CHAIR], []) is Route.DSL
    assert choose_route([both, CHAIR], ["both"]) is Route.CHAIR


def test_when_everybody_of_a_rung_is_away_the_next_reads_too() -> None:
    """One who is there is enough; when nobody is, it climbs until there is somebody."""
    assert find_readers(SCHOOL, Route.DSL, ["dsl"]) == {"dsl", "deputy"}
    assert find_readers(SCHOOL, Route.DSL, ["dsl", "deputy"]) == {"dsl", "deputy", "head"}
    assert find_readers(SCHOOL, Route.DSL, ["dsl", "deputy", "head"]) == {"dsl", "deputy", "head", "chair"}
    assert find_readers(SCHOOL, Route.OUTSIDE, ["chair"]) == frozenset()


def test_who_opened_no_test_item_or_holds_an_unknown_position_does_not_count() -> None:
    """A newer version may know more positions; this one does not guess, and counts nobody for them."""
    people = (
        Recipient(id="a", positions=("dsl",), age_key="", tested=False),
        Recipient(id="b", positions=("head_of_year",), age_key="", tested=True),
    )
    holders = list_holders(RecipientSet(school_id="s", version=1, made_at_ns=1, recipients=people))

    assert holders == ()
    assert choose_route(holders, []) is Route.OUTSIDE
