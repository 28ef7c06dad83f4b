# SPDX-License-Identifier: Apache-2.0
"""What a school is doing at a moment: a lesson, a break, nothing because it is closed.

A moment is nanoseconds since 1970 and nothing else, so an hour that comes twice when clocks go back is two hours, and
one that is left out in spring never is. Everything that a school says is local time of its timetable's zone.
What rules make of it is in `bounds`.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.arrangements import Period, Span, Timetable
from rules.errors import TimeZoneError

PERIODS = ("lesson", "break", "lunch", "registration", "club", "exam")
SCHOOL_HOURS = "school_hours"
"""Of a school day, from the first beginning of a period to the last end; clubs come before and after."""
OUT_OF_HOURS = "out_of_hours"
"""Everything else: evenings, clubs, and days on which the school is closed."""
CLOSED = "closed"
"""A day that is no school day."""
TIMES = (*PERIODS, SCHOOL_HOURS, OUT_OF_HOURS, CLOSED)
"""All that a rule can be bound to."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As `datetime.weekday` counts them."""
MINUTE_NS = 60 * 10**9
REMEMBERED_MINUTES = 4096
FORETOLD_DAYS = 60
"""That the last term ends is said so long before: long enough to name the next ones."""


def load_zone(name: str) -> ZoneInfo:
    """Return a time zone from the system's list, or from the package `tzdata` where the system has none.

    Raises:
        TimeZoneError: neither has it.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # Of a name that is a folder of the list, `zoneinfo` raises what the system does.
        raise TimeZoneError(
            f"there is no time zone {name!r:.60}", hint="it can be Europe/London; or the list of zones is not installed"
        ) from error


class Calendar:
    """A timetable that can be asked."""

    def __init__(self, timetable: Timetable) -> None:
        """Prepare the answers.

        Raises:
            TimeZoneError: the machine does not know its zone.
        """
        self._zone = load_zone(timetable.zone)
        self._timetable = timetable
        self._holidays = frozenset(timetable.bank_holiday_dates)
        self._terms = sorted(timetable.terms, key=lambda term: term.first)
        self._periods = [_list_periods(timetable, day) for day in DAYS]
        # Thousands of devices ask about the same few minutes.
        self._find_remembered = lru_cache(maxsize=REMEMBERED_MINUTES)(self._find)

    def find_kinds(self, at_ns: int) -> frozenset[str] | None:
        """Return what of `TIMES` it is, or None when nobody can say: the moment is not known (0), or it is no day that
        is closed for certain and the timetable has no periods, or no terms for it."""
        return self._find_remembered(at_ns // MINUTE_NS) if at_ns else None

    def find_date(self, at_ns: int) -> date:
        """Return the school's local date."""
        return datetime.fromtimestamp(at_ns // 10**9, self._zone).date()

    def is_closed(self, day: date) -> bool:
        """Tell whether the school is known to be closed: none of its days, a holiday, closed, or between two terms."""
        return (
            DAYS[day.weekday()] not in self._timetable.days
            or day in self._holidays
            or _is_in(self._timetable.closed, day)
            or (self.has_terms_for(day) and not _is_in(self._terms, day))
        )

    def has_terms_for(self, day: date) -> bool:
        """Tell whether terms say what a day is: from the first of the first one to the last of the last one."""
        return bool(self._terms) and self._terms[0].first <= day <= self._terms[-1].last

    def explain_end(self, now_ns: int) -> str:
        """Return in words that the terms end soon or are over; empty while there is time, or without any term."""
        today = self.find_date(now_ns)
        if not self._terms or today + timedelta(days=FORETOLD_DAYS) < self._terms[-1].last:
            return ""
        last = self._terms[-1].last
        ends = "ended" if last < today else "ends"
        return f"the last named term {ends} on {last.day} {last:%B %Y}; after it rules count whatever their times"

    def to_ns(self, local: datetime) -> int:
        """Return the moment that a local time without a zone means; of one that comes twice, the first."""
        return int(local.replace(tzinfo=self._zone).timestamp()) * 10**9

    def _find(self, minute: int) -> frozenset[str] | None:
        local = datetime.fromtimestamp(minute * 60, self._zone)
        if self.is_closed(local.date()):
            return frozenset((CLOSED, OUT_OF_HOURS))
        if not self._timetable.periods or (self._terms and not self.has_terms_for(local.date())):
            return None
        periods = self._periods[local.weekday()]
        now = f"{local:%H:%M}"
        kinds = {period.kind for period in periods if period.starts <= now < period.ends}
        taught = _without_clubs(periods)
        is_open = bool(taught) and min(each.starts for each in taught) <= now < max(each.ends for each in taught)
        return frozenset({*kinds, SCHOOL_HOURS if is_open else OUT_OF_HOURS})


def find_possible(timetable: Timetable) -> frozenset[str]:
    """Return what of `TIMES` it can ever be by a timetable, whatever its dates."""
    if not timetable.periods:
        return frozenset(TIMES)
    periods = [period for day in timetable.days for period in _list_periods(timetable, day)]
    hours = [SCHOOL_HOURS] if _without_clubs(periods) else []
    return frozenset({OUT_OF_HOURS, CLOSED, *hours, *(period.kind for period in periods)})


def _list_periods(timetable: Timetable, day: str) -> list[Period]:
    return [period for period in timetable.periods if not period.days or day in period.days]


def _without_clubs(periods: Iterable[Period]) -> list[Period]:
    return [period for period in periods if period.kind != "club"]


def _is_in(spans: Iterable[Span], day: date) -> bool:
    return any(span.first <= day <= span.last for span in spans)
