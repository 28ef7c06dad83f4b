# SPDX-License-Identifier: Apache-2.0
"""Tests of the bank holidays that go into a bundle."""

from datetime import date

import pytest

from collector.bank_holidays import list_bank_holidays, write_rule_files
from rules.arrangements import Timetable
from rules.load import load_pack, parse_files

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("part", "day", "is_one"),
    [
        ("england", date(2027, 3, 29), True),  # Easter Monday
        ("scotland", date(2027, 3, 29), False),
        ("scotland", date(2026, 11, 30), True),  # St Andrew's Day
        ("england", date(2026, 11, 30), False),
        ("northern-ireland", date(2027, 3, 17), True),  # St Patrick's Day
        ("wales", date(2027, 3, 17), False),
        ("wales", date(2028, 12, 25), True),
    ],
)
def test_each_part_has_its_own_days(part: str, day: date, is_one: bool) -> None:
    """As its government published them."""
    assert (day in list_bank_holidays(part, TODAY)) is is_one


def test_three_years_are_named() -> None:
    """This one and the next two, so that a policy that nobody touches for a year still knows Christmas."""
    assert {day.year for day in list_bank_holidays("england", TODAY)} == {2026, 2027, 2028}


@pytest.mark.parametrize("part", ["england", "wales", "scotland", "northern-ireland"])
def test_file_is_read_back_by_the_policy(part: str) -> None:
    """What is written is what the timetable holds afterwards."""
    own = f'[timetable]\nbank_holidays = "{part}"\n'
    written = write_rule_files(Timetable(bank_holidays=part), TODAY)
    files = {f"school/{name}": text for name, text in ({"own.toml": own} | written).items()}
    timetable = parse_files(load_pack("uk-baseline") | files).arrangements.timetable
    assert timetable is not None
    assert list(timetable.bank_holiday_dates) == list_bank_holidays(part, TODAY)


def test_school_that_asks_for_none_gets_no_file() -> None:
    """A timetable without the line is left as it is."""
    assert write_rule_files(Timetable(), TODAY) == {}
