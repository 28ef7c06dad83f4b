# SPDX-License-Identifier: Apache-2.0
"""How `[timetable]` and `[bank_holidays]` become a `Timetable`. What it says of a moment is `timetable`'s business.

    [timetable]
    zone = "Europe/London"                      # as usual; other zones of the United Kingdom and the islands too
    days = ["mon", "tue", "wed", "thu", "fri"]  # as usual
    bank_holidays = "england"                   # or wales, scotland, northern-ireland: the collector adds the dates

    [[timetable.period]]                        # without any, nobody can say when on a school day there are lessons
    kind = "lesson"                             # lesson, break, lunch, registration, club or exam
    name = "Period 1"
    from = "09:00"                              # included
    to = "10:00"                                # not included
    days = ["mon", "wed"]                       # optional: every school day

    [[timetable.term]]                          # without any, every one of the days; after the last, nobody can say
    name = "Autumn"
    first = "2026-09-02"                        # both included
    last = "2026-12-18"

    [[timetable.closed]]
    name = "Half term"
    first = "2026-10-26"
    last = "2026-10-30"

    [bank_holidays]                             # written by the collector
    dates = ["2026-12-25"]

The uppermost layer's timetable counts, whole. Days and times are local to its zone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations

from rules.arrangements import Period, Span, Timetable
from rules.errors import RuleFormatError
from rules.layers import Layer, read_uppermost
from rules.table import Table, find_day, shown
from rules.timetable import DAYS, PERIODS

KEYS = ("timetable", "bank_holidays")
# A list, since a device may have no data of zones, and reads what the collector reads.
ZONES = tuple(f"Europe/{each}" for each in ("London", "Belfast", "Isle_of_Man", "Jersey", "Guernsey", "Gibraltar"))
MAX_SPANS = 100
"""Periods, terms and times of being closed, of each: a device reads them too, and every two are compared."""
NATIONS = ("england", "wales", "scotland", "northern-ireland")

_FEWER_SPANS = "one period can be of several days: days = ['mon', 'wed']"
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def read_timetable(layers: Sequence[Layer]) -> tuple[Timetable | None, list[RuleFormatError]]:
    """Return the timetable of the highest layer that has one, with its bank holidays. What is not right is returned."""
    timetable, problems = read_uppermost(layers, "timetable", _parse_timetable)
    dates, more_problems = read_uppermost(layers, "bank_holidays", _parse_bank_holidays)
    if timetable is not None and timetable.bank_holidays and dates:
        timetable = replace(timetable, bank_holiday_dates=dates)
    return timetable, problems + more_problems


def _parse_timetable(top: Table, key: str) -> Timetable:
    table = top.inner_table(key, ("zone", "days", "bank_holidays", "period", "term", "closed"))
    usual = Timetable()
    days = table.words("days", DAYS) or usual.days
    periods = tuple(
        _parse_period(each, days) for each in _list_spans(table, "period", ("kind", "name", "from", "to", "days"))
    )
    terms, closed = _parse_spans(table, "term"), _parse_spans(table, "closed")
    for one, other in combinations(periods, 2):
        _verify_apart(one, other, days, table)
    for first, second in combinations(terms, 2):
        if first.first <= second.last and second.first <= first.last:
            raise table.fault(f"{first.name!r} and {second.name!r} overlap", key="term", hint="a day is in one of them")
    return Timetable(
        zone=table.choice("zone", {each: each for each in ZONES}, usual.zone),
        days=days,
        periods=periods,
        terms=terms,
        closed=closed,
        bank_holidays=_parse_nation(table),
    )


def _parse_nation(table: Table) -> str:
    return table.choice("bank_holidays", {each: each for each in NATIONS}) if "bank_holidays" in table else ""


def _parse_period(table: Table, school_days: tuple[str, ...]) -> Period:
    starts, ends = (_parse_time(table, key) for key in ("from", "to"))
    if starts >= ends:
        raise table.fault(f"is {ends}, and it begins at {starts}", key="to", hint="a period ends on its day, later")
    days = table.words("days", DAYS)
    for day in days:
        if day not in school_days:
            hint = f"school days are {', '.join(school_days)}: see days of the timetable"
            raise table.fault(f"holds {day!r}, which is no school day", key="days", hint=hint)
    return Period(
        kind=table.choice("kind", {each: each for each in PERIODS}),
        name=table.text("name"),
        starts=starts,
        ends=ends,
        days=days,
    )


def _parse_time(table: Table, key: str) -> str:
    value = table.text(key)
    if not _TIME.fullmatch(value):
        raise table.fault(f"is {shown(value)}", key=key, hint="a local time: 09:00")
    return value


def _verify_apart(one: Period, other: Period, school_days: tuple[str, ...], table: Table) -> None:
    shared = [day for day in one.days or school_days if day in (other.days or school_days)]
    if shared and one.starts < other.ends and other.starts < one.ends:
        problem = (
            f"{one.name!r} ({one.starts}-{one.ends}) and {other.name!r} ({other.starts}-{other.ends}) "
            f"overlap on {shared[0]}"
        )
        raise table.fault(problem, key="period", hint="a minute of a day is in one period")


def _parse_spans(table: Table, key: str) -> tuple[Span, ...]:
    return tuple(
        Span(name=each.text("name"), **parse_days(each)) for each in _list_spans(table, key, ("name", "first", "last"))
    )


def _list_spans(table: Table, key: str, keys: tuple[str, ...]) -> list[Table]:
    spans = table.inner_tables(key, keys)
    if len(spans) > MAX_SPANS:
        raise table.fault(f"has {len(spans)} tables, more than {MAX_SPANS}", key=key, hint=_FEWER_SPANS)
    return spans


def parse_days(table: Table) -> dict[str, date]:
    """Read the first and the last day of something.

    Raises:
        RuleFormatError: one is missing or no day, or they are the wrong way round.
    """
    first, last = table.day("first"), table.day("last")
    if last < first:
        raise table.fault(f"is {last}, and it begins on {first}", key="last", hint="the last day, which is included")
    return {"first": first, "last": last}


def _parse_bank_holidays(top: Table, key: str) -> tuple[date, ...]:
    table = top.inner_table(key, ("dates",))
    dates = []
    for text in table.texts("dates"):
        day = find_day(text)
        if day is None:
            raise table.fault(f"holds {shown(text)}", key="dates", hint='year, month and day: "2026-12-25"')
        dates.append(day)
    return tuple(dates)
