# SPDX-License-Identifier: Apache-2.0
"""Shows times: stored in nanoseconds UTC, read by people in the school's own time."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

ZONE = "Europe/London"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
LATEST_NS = 253_402_300_799 * 10**9
"""The end of the year 9999: a device may claim any time."""


def find_zone() -> tzinfo:
    """Return the school's zone, or UTC on a machine without a time zone database."""
    try:
        return ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        return UTC


_zone = find_zone()


def show_time(at_ns: int | None) -> str:
    """Return a time as people write it: `21 Nov 2026, 20:46`."""
    if at_ns is None:
        return "never"
    if not 0 <= at_ns <= LATEST_NS:
        return "a time that cannot be"
    at = datetime.fromtimestamp(at_ns // 10**9, _zone)
    utc = " UTC" if _zone is UTC else ""
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}, {at:%H:%M}{utc}"


def show_day(at_ns: int) -> str:
    """Return a day as people write it: `21 Nov 2026`."""
    at = datetime.fromtimestamp(at_ns // 10**9, _zone)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def mark_time(at_ns: int | None) -> Markup:
    """Return the element for a time: readable for people, exact to the second for programs."""
    if at_ns is None or not 0 <= at_ns <= LATEST_NS:
        return Markup("<span>{}</span>").format(show_time(at_ns))
    exact = datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, show_time(at_ns))


def show_span(span_ns: int) -> str:
    """Return a length of time in its largest unit: `3 minutes`."""
    seconds = abs(span_ns) // 10**9
    for size, name in UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a second"
