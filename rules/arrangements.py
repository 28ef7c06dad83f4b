# SPDX-License-Identifier: Apache-2.0
"""What a school arranges beside its rules: its timetable, profiles, exceptions, pauses, groups of devices, and where it
departs from national guidance. Frozen values, nothing else.

`arrangements_grammar` reads them from the rule files; `timetable` and `exceptions` apply them.
"""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One of `[[timetable.period]]`: a part of the school day."""

    kind: str
    """lesson, break, lunch, registration, club or exam."""
    name: str
    starts: str
    """Local time, HH:MM; it belongs to the period."""
    ends: str
    """It does not."""
    days: tuple[str, ...] = ()
    """mon to sun; empty: every school day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One of `[[timetable.term]]` or `[[timetable.closed]]`: whole days, both ends included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """`[timetable]`: when the school is at work, and at what."""

    zone: str = "Europe/London"
    days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri")
    periods: tuple[Period, ...] = ()
    terms: tuple[Span, ...] = ()
    """None: every school day that is not closed."""
    closed: tuple[Span, ...] = ()
    bank_holidays: str = ""
    """england, wales, scotland or northern-ireland: whose the collector writes into a bundle; empty for none."""
    bank_holiday_dates: tuple[date, ...] = ()
    """`[bank_holidays]`, written by the collector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One of `[[profile]]`: a time with rules of its own, such as examinations. It ends by itself."""

    id: str
    title: str
    first: date
    last: date
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleException:
    """One of `[[exception]]`: who or what some rules leave alone for a while. It ends by itself."""

    id: str
    rules: tuple[str, ...]
    first: datetime
    """Local time of the timetable's zone, without one of its own; included."""
    last: datetime
    """Not included."""
    reason: str
    programs: tuple[str, ...] = ()
    """Names of programs as rules have them, without case; empty: any."""
    devices: tuple[str, ...] = ()
    """Ids; empty: any."""
    accounts: tuple[str, ...] = ()
    """References of nominated users in hexadecimal digits; empty: anybody. Everybody with a session must be one."""
    during: tuple[str, ...] = ()
    """Kinds of periods; empty: any time between first and last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One of `[[pause]]`: a safeguard that is switched off for a while. It ends by itself."""

    id: str
    what: str
    """keywords, check:<name> or rule:<id>."""
    first: datetime
    last: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGroup:
    """One of `[[device_group]]`."""

    name: str
    devices: frozenset[str]
    """Ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One of `[[departure]]`: where a school's policy and national guidance differ, and which of them is followed."""

    clause: str
    policy: str
    """What the school's policy says."""
    guidance: str
    """What national guidance says, and where."""
    follows: str
    """policy or guidance: this one overrides the other."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangements:
    """All of them."""

    timetable: Timetable | None = None
    profiles: tuple[Profile, ...] = ()
    exceptions: tuple[RuleException, ...] = ()
    pauses: tuple[Pause, ...] = ()
    device_groups: tuple[DeviceGroup, ...] = ()
    departures: tuple[Departure, ...] = ()
