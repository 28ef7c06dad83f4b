# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.arrangements_grammar and rules.timetable_grammar. What they refuse stands in the corpus, see
test_load."""

from datetime import date, datetime

import pytest

from rules.arrangements import Arrangements, Departure, DeviceGroup, Pause, Period, Profile, RuleException, Span
from rules.arrangements_grammar import CHECK_NAMES
from rules.errors import RuleFormatError
from rules.load import parse_files
from rules.timetable import load_zone
from rules.timetable_grammar import MAX_SPANS, ZONES
from tests.rules.sample import PACK_FILE
from tests.rules.test_load import CORPUS, make_policy
from tests.tree import ROOT

EVERYTHING = (CORPUS / "good" / "school-arrangements.toml").read_text("utf-8")
LESSON = '[timetable]\n[[timetable.period]]\nkind = "lesson"\nname = "P1"\nfrom = "09:00"\nto = "10:00"\n'
PROFILE = '[[profile]]\nid = "{}"\ntitle = "{}"\nfirst = "2027-05-10"\nlast = "2027-06-25"\nwhy = "Quiet."\n'


def parse(**files: str) -> Arrangements:
    """Return what a pack and its school arrange: `own` is the pack's file, the others are the school's."""
    texts = {(name == "own" and "own.toml") or f"school/{name}.toml": text for name, text in files.items()}
    return parse_files({"pack.toml": PACK_FILE} | texts).arrangements


def test_a_school_that_arranges_nothing_has_no_timetable():
    """Without one, every time is one of school."""
    assert parse() == Arrangements()


def test_every_word_of_a_timetable_reaches_the_policy():
    """What stands in the file is what a moment is held against."""
    timetable = parse_files(make_policy("own.toml", EVERYTHING)).arrangements.timetable

    assert timetable is not None
    assert (timetable.zone, timetable.days[-1]) == ("Europe/Belfast", "sat")
    assert timetable.periods[1] == Period(kind="exam", name="Mocks", starts="10:00", ends="11:30", days=("mon",))
    assert timetable.terms[1] == Span(name="Spring", first=date(2027, 1, 5), last=date(2027, 3, 26))
    assert timetable.closed == (Span(name="Half term", first=date(2026, 10, 26), last=date(2026, 10, 30)),)
    assert timetable.bank_holidays == "northern-ireland"
    assert timetable.bank_holiday_dates == (date(2026, 12, 25), date(2027, 3, 17))


def test_everything_else_that_a_school_arranges_reaches_the_policy():
    """Profiles, exceptions, pauses, groups and departures are as the file has them."""
    arranged = parse_files(make_policy("own.toml", EVERYTHING)).arrangements
    day = date(2026, 11, 23)

    assert arranged.profiles == (
        Profile(id="mocks", title="Mock examinations", first=day, last=day, why="Quiet in the corridors."),
    )
    assert arranged.exceptions == (
        RuleException(
            id="asked-0a1b",
            rules=("lower-tor", "lower-counted"),
            first=datetime.fromisoformat("2026-11-23T09:00"),
            last=datetime.fromisoformat("2027-11-24T09:00"),
            reason="A course about networks.",
            programs=("Tor",),
            devices=("0123456789abcdef",),
            accounts=("00112233445566778899aabbccddeeff",),
            during=("club", "out_of_hours"),
        ),
    )
    assert arranged.pauses[0] == Pause(
        id="visit",
        what="keywords",
        first=datetime.fromisoformat("2026-11-23T09:00"),
        last=datetime.fromisoformat("2026-11-30T09:00"),
        reason="Pupils see how words are found.",
    )
    assert arranged.device_groups[0] == DeviceGroup(
        name="room-4", devices=frozenset({"0123456789abcdef", "fedcba9876543210"})
    )
    assert arranged.departures == (
        Departure(
            clause="BX-12",
            policy="Another member of the leadership team.",
            guidance="The chair of governors.",
            follows="policy",
            why="So the governors decided.",
        ),
    )


def test_what_has_an_id_gives_way_to_the_same_of_a_higher_layer():
    """A school sets its own dates for the pack's examinations, and keeps the pack's other profiles."""
    arranged = parse(own=PROFILE.format("exams", "The pack's") + PROFILE.format("fair", "A fair"), exams=MOVED)

    assert {each.id: each.title for each in arranged.profiles} == {"exams": "The school's", "fair": "A fair"}


MOVED = PROFILE.format("exams", "The school's")


def test_a_timetable_takes_the_place_of_the_lower_one_whole():
    """Periods of two timetables never mix."""
    timetable = parse(own=LESSON, own_day=LESSON.replace("09:00", "08:30")).timetable

    assert timetable is not None
    assert [each.starts for each in timetable.periods] == ["08:30"]


def test_a_timetable_has_as_many_periods_as_a_week_can_have():
    """A device reads it too, and compares every two of them."""
    period = '[[timetable.period]]\nkind = "club"\nname = "P"\nfrom = "{0:02}:{1:02}"\nto = "{0:02}:{2:02}"\n'
    many = [period.format(hour, minute, minute + 1) for hour in range(2) for minute in range(59)]

    assert len(getattr(parse(own="[timetable]\n" + "".join(many[:MAX_SPANS])).timetable, "periods", ())) == MAX_SPANS
    with pytest.raises(RuleFormatError, match="has 101 tables, more than 100"):
        parse(own="[timetable]\n" + "".join(many[: MAX_SPANS + 1]))


def test_bank_holidays_are_for_a_timetable_that_asks_for_them():
    """Dates that are left over from another timetable close no school."""
    dates = '[bank_holidays]\ndates = ["2026-12-25"]\n'
    asking = LESSON.replace("[timetable]", '[timetable]\nbank_holidays = "wales"')

    with_them, without = parse(own=asking, days=dates).timetable, parse(own=LESSON, days=dates).timetable

    assert with_them is not None
    assert with_them.bank_holiday_dates == (date(2026, 12, 25),)
    assert without is not None
    assert without.bank_holiday_dates == ()
    assert parse(days=dates).timetable is None


def test_the_checks_that_can_be_paused_are_the_agents():
    """One that is built and not listed could not be paused; one that is not built is no safeguard."""
    names = {path.parent.name for path in (ROOT / "agent" / "checks").glob("*/check.py")}

    assert names == set(CHECK_NAMES)


def test_every_zone_that_a_timetable_can_have_is_one():
    """A school whose zone is accepted is never told later that there is no such zone."""
    assert [load_zone(each).key for each in ZONES] == list(ZONES)
