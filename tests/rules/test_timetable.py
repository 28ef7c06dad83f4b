# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.timetable: what a school is doing, also in the hours in which clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.arrangements import Period, Span, Timetable
from rules.errors import TimeZoneError
from rules.timetable import CLOSED, DAYS, OUT_OF_HOURS, SCHOOL_HOURS, TIMES, Calendar, find_possible, load_zone

S = 10**9
FORWARD = datetime(2027, 3, 28, 1, tzinfo=UTC)
"""01:00 becomes 02:00 in London."""
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""02:00 becomes 01:00."""

PERIODS = (
    Period(kind="club", name="Breakfast club", starts="08:00", ends="08:45"),
    Period(kind="registration", name="Registration", starts="08:45", ends="09:00"),
    Period(kind="lesson", name="Period 1", starts="09:00", ends="10:00"),
    Period(kind="break", name="Break", starts="10:00", ends="10:20"),
    Period(kind="lesson", name="Period 2", starts="10:20", ends="12:00", days=("mon", "tue", "wed", "thu")),
)
SCHOOL = Timetable(
    periods=PERIODS,
    terms=(Span(name="Autumn", first=date(2026, 9, 2), last=date(2026, 12, 18)),),
    closed=(Span(name="Half term", first=date(2026, 10, 26), last=date(2026, 10, 30)),),
    bank_holiday_dates=(date(2026, 12, 1),),
)
NIGHT = Timetable(
    days=DAYS,
    periods=(
        Period(kind="lesson", name="Before", starts="00:15", ends="01:00"),
        Period(kind="exam", name="Within", starts="01:00", ends="02:00"),
        Period(kind="club", name="After", starts="02:00", ends="03:00"),
    ),
)


LEFT_OUT = ("2026-03-29T01:00", "2027-03-28T01:00")


def local(text: str) -> datetime:
    """Return a local time, which says nothing of its zone."""
    return datetime.fromisoformat(text)


def at(text: str) -> int:
    """Return the moment of a time in winter, when London has universal time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


@pytest.mark.parametrize(
    ("when", "kinds"),
    [
        ("2026-11-23T07:59", {OUT_OF_HOURS}),
        ("2026-11-23T08:00", {"club", OUT_OF_HOURS}),
        ("2026-11-23T08:45", {"registration", SCHOOL_HOURS}),
        ("2026-11-23T09:59:59", {"lesson", SCHOOL_HOURS}),
        ("2026-11-23T10:00", {"break", SCHOOL_HOURS}),
        ("2026-11-23T10:20", {"lesson", SCHOOL_HOURS}),
        ("2026-11-23T12:00", {OUT_OF_HOURS}),
        ("2026-11-27T10:20", {OUT_OF_HOURS}),
        ("2026-11-28T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2026-12-01T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2026-10-30T09:30", {CLOSED, OUT_OF_HOURS}),
    ],
)
def test_a_day_has_its_periods(when, kinds):
    """A beginning belongs to a period and an end does not; weekends, holidays and half terms are closed."""
    assert Calendar(SCHOOL).find_kinds(at(when)) == kinds


def test_summer_time_is_the_schools_time():
    """Nine o'clock in September is eight o'clock universal time."""
    assert Calendar(SCHOOL).find_kinds(at("2026-09-07T08:00")) == {"lesson", SCHOOL_HOURS}
    assert Calendar(SCHOOL).find_date(at("2026-09-07T23:30")) == date(2026, 9, 8)


def test_what_is_not_known_is_not_guessed():
    """Neither without a moment, nor on a school day of a timetable without periods."""
    bare = Calendar(Timetable())
    assert Calendar(SCHOOL).find_kinds(0) is None
    assert bare.find_kinds(at("2026-11-23T10:30")) is None
    assert bare.find_kinds(at("2026-11-28T10:30")) == {CLOSED, OUT_OF_HOURS}


YEAR = Timetable(
    periods=PERIODS,
    terms=(
        Span(name="Spring", first=date(2027, 1, 5), last=date(2027, 3, 26)),
        Span(name="Autumn", first=date(2026, 9, 2), last=date(2026, 12, 18)),
    ),
    closed=(Span(name="Summer", first=date(2027, 7, 21), last=date(2027, 8, 31)),),
)


@pytest.mark.parametrize(
    ("when", "kinds"),
    [
        ("2026-09-01T08:30", None),
        ("2026-09-02T08:30", {"lesson", SCHOOL_HOURS}),
        ("2026-12-21T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2027-01-04T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2027-03-26T09:30", {"lesson", SCHOOL_HOURS}),
        ("2027-03-29T09:30", None),
        ("2027-03-27T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2027-08-02T09:30", {CLOSED, OUT_OF_HOURS}),
        ("2027-09-06T09:30", None),
    ],
)
def test_terms_that_ran_out_say_nothing(when, kinds):
    """Before the first and after the last of them nobody knows of a school day, and rules count; between two, at
    weekends and where a day is named as closed the school is."""
    assert Calendar(YEAR).find_kinds(at(when)) == kinds


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("2026-09-02T12:00", ""),
        ("2027-01-24T12:00", ""),
        ("2027-01-25T12:00", "the last named term ends on 26 March 2027; after it rules count whatever their times"),
        ("2027-03-26T12:00", "the last named term ends on 26 March 2027; after it rules count whatever their times"),
        ("2027-03-27T12:00", "the last named term ended on 26 March 2027; after it rules count whatever their times"),
    ],
)
def test_the_end_of_the_terms_is_said_two_months_before(when, words):
    """And from then on, until the next ones are named; a timetable without terms has no end."""
    assert Calendar(YEAR).explain_end(at(when)) == words
    assert Calendar(NIGHT).explain_end(at(when)) == ""


@settings(deadline=None)
@given(st.sampled_from([FORWARD, BACK]), st.integers(-3 * 3600, 3 * 3600))
def test_a_change_of_clocks_moves_what_is_local(change, seconds):
    """Within three hours of either change, the kind of a moment is that of the hour on the school's wall."""
    moment = change + timedelta(seconds=seconds)
    is_summer = (seconds >= 0) is (change == FORWARD)
    wall = moment + timedelta(hours=is_summer)
    expected = {"00": "lesson", "01": "exam", "02": "club"}.get(f"{wall:%H}")
    if f"{wall:%H:%M}" < "00:15":
        expected = None
    kinds = Calendar(NIGHT).find_kinds(int(moment.timestamp()) * S)
    assert kinds is not None
    assert kinds - {SCHOOL_HOURS, OUT_OF_HOURS} == ({expected} if expected else set())


@pytest.mark.parametrize(("change", "minutes"), [(FORWARD, 0), (BACK, 120)], ids=["forward", "back"])
def test_an_hour_is_left_out_in_spring_and_comes_twice_in_autumn(change, minutes):
    """A period from one to two o'clock lasts as long as that hour does."""
    calendar, first = Calendar(NIGHT), int((change - timedelta(hours=3)).timestamp()) * S
    kinds = [calendar.find_kinds(first + minute * 60 * S) or frozenset() for minute in range(360)]
    assert sum("exam" in each for each in kinds) == minutes


@settings(deadline=None)
@given(st.datetimes(local("2026-01-01"), local("2028-01-01")))
def test_a_local_time_is_the_moment_that_has_it(time):
    """From the wall to a moment and back it is the same, but in an hour that does not exist."""
    back = datetime.fromtimestamp(Calendar(NIGHT).to_ns(time) // S, load_zone("Europe/London"))
    is_left_out = any(day <= time < day + timedelta(hours=1) for day in map(local, LEFT_OUT))
    assert is_left_out is (back.replace(tzinfo=None) != time.replace(microsecond=0))


@settings(deadline=None)
@given(st.integers(-(2**63), 2**64 - 1))
def test_no_clock_makes_it_raise(at_ns):
    """A device's clock can say anything that its header has room for."""
    assert (Calendar(SCHOOL).find_kinds(at_ns) or frozenset()) <= frozenset(TIMES)
    Calendar(SCHOOL).find_date(at_ns)


def test_what_can_ever_be_is_known_beforehand():
    """A period of a day on which there is no school never is."""
    saturday = Period(kind="exam", name="Mock", starts="09:00", ends="12:00", days=("sat",))
    assert find_possible(SCHOOL) == {"club", "registration", "lesson", "break", SCHOOL_HOURS, OUT_OF_HOURS, CLOSED}
    assert find_possible(Timetable(periods=(saturday,))) == {OUT_OF_HOURS, CLOSED}
    assert find_possible(Timetable()) == frozenset(TIMES)


@pytest.mark.parametrize("name", ["Europe/Londn", "", "../zoneinfo/Europe/London", "Europe", "/etc/passwd", "a\0b"])
def test_a_zone_that_nobody_knows_is_an_error(name):
    """It says what it could be; what is no zone is never opened."""
    with pytest.raises(TimeZoneError, match="no time zone") as caught:
        load_zone(name)
    assert "Europe/London" in caught.value.hint
