# SPDX-License-Identifier: Apache-2.0
"""Reads what somebody typed who asks for an exception: times, days, a reason, a USB device.

Whether it fits the policy and the school's registers is the business of `scope`.
"""

from datetime import date, timedelta, tzinfo

from collector.approved_media import MediumKey, find_key
from collector.exceptions.request import Asked, RequestError, Scope, find_midnight_ns, to_day, to_local
from rules.table import find_local_time

LONGEST_DAYS = 366
REVIEWED_WITHIN_DAYS = 90
"""The day of review when nobody names one."""
MAX_TEXT_CHARACTERS = 1000
FIRST_YEAR, LAST_YEAR = 1970, 2200
_DAY = "2026-11-23"
_MINUTE_NS = 60 * 10**9


def read_asked(scope: Scope, *, first: str, last: str, review: str, reason: str, zone: tzinfo, now_ns: int) -> Asked:
    """Return what somebody asks, out of what was typed: `first` and `last` are days, 2026-11-23, or minutes,
    2026-11-23T10:30, in the school's zone, `review` is a day.

    Without a beginning it begins now; a last day belongs to it; without a day of review that is the last day, or in
    three months. A USB device is asked for by whole days, and begins on the day on which it is granted.

    Raises:
        RequestError: one of them is no such thing, the time is over, not in order or too long, or no rule or no reason
            is given.
    """
    # In the order of a form, so that what is told first stands first.
    if not scope.rules and scope.stick is None:
        raise RequestError("choose the rule that the exception is from", "rules")
    read_span = _read_span if scope.stick is None else _read_days
    first_ns, last_ns = read_span(first.strip(), last.strip(), zone, now_ns)
    reason = read_text(reason, "why", part="reason")
    review_on = read_review_day(review.strip(), last_ns, zone, now_ns)
    return Asked(scope=scope, reason=reason, first_ns=first_ns, last_ns=last_ns, review_on=review_on)


def read_review_day(text: str, last_ns: int, zone: tzinfo, now_ns: int) -> str:
    """Return the ISO date of a review; without one, the last day or a day in three months, whichever comes first.

    Raises:
        RequestError: it is no day, over already, or after the exception.
    """
    today, end = to_day(now_ns, zone), to_day(last_ns - 1, zone)
    if not text:
        return min(end, today + timedelta(days=REVIEWED_WITHIN_DAYS)).isoformat()
    day = _read_day(text, "review")
    if not today <= day <= end:
        hint = f"from {today} to {end}"
        raise RequestError("the day of review is not within the exception", "review", hint=hint)
    return day.isoformat()


def read_stick(ids: str, serial: str) -> MediumKey:
    """Return the USB device that was meant by `0951:1666` and its serial number.

    Raises:
        RequestError: that names none, or none that can be told from others of its make.
    """
    vendor_id, _, product_id = ids.strip().lower().partition(":")
    key = find_key(vendor_id, product_id, serial)
    if key is None:
        hint = "vendor and product, as the list of USB devices shows them: 0951:1666"
        raise RequestError(f"{ids!r:.80} does not name a USB device", "stick", hint=hint)
    if not key.serial or not key.serial.isprintable():
        hint = "without one it cannot be told from others of its make"
        raise RequestError("give its serial number", "serial", hint=hint)
    return key


def read_text(text: str, what: str, *, part: str = "note", is_optional: bool = False) -> str:
    """Return a text of one line without needless blanks.

    Raises:
        RequestError: it is missing, too long, or has characters that cannot be seen.
    """
    text = " ".join(text.split())
    if not text and not is_optional:
        raise RequestError(f"say {what}", part, hint="whoever decides it reads this, and whoever looks at it in a year")
    if len(text) > MAX_TEXT_CHARACTERS or not text.isprintable():
        hint = f"up to {MAX_TEXT_CHARACTERS} characters that can be seen"
        raise RequestError("that is too long, or no plain text", part, hint=hint)
    return text


def _read_span(first: str, last: str, zone: tzinfo, now_ns: int) -> tuple[int, int]:
    today = to_day(now_ns, zone)
    if not last:
        hint = "every exception ends by itself: name its last day"
        raise RequestError("say until when", "last", hint=hint)
    begins = _read_moment(first, zone, "first") if first else now_ns - now_ns % _MINUTE_NS
    # The last day belongs to it.
    ends = _read_moment(last, zone, "last", days=1 if len(last) == len(_DAY) else 0)
    if to_day(begins, zone) < today:
        raise RequestError("the first day is over already", "first", hint=f"today, {today}, or a later day")
    if ends <= now_ns:
        raise RequestError("its time is over already", "last", hint=f"today, {today}, or a later day")
    if ends <= begins:
        raise RequestError("it ends before it begins", "last", hint="turn first and last round")
    # In local time, as rule files have it: two days of a year have not 24 hours.
    if to_local(ends, zone) - to_local(begins, zone) > timedelta(days=LONGEST_DAYS):
        raise RequestError(f"an exception lasts at most {LONGEST_DAYS} days", "last", hint="ask again when it ends")
    return begins, ends


def _read_days(first: str, last: str, zone: tzinfo, now_ns: int) -> tuple[int, int]:
    """Return the span of a USB device. The register that devices get knows a last day, and no time and no first day."""
    for text, part in ((first, "first"), (last, "last")):
        if find_local_time(text) is not None:
            raise RequestError("a USB device is approved for whole days", part, hint="2026-11-23, without a time")
    begins, ends = _read_span(first, last, zone, now_ns)
    today = to_day(now_ns, zone)
    if to_day(begins, zone) > today:
        hint = "leave the first day out, and ask when the device is needed"
        raise RequestError("a USB device is approved from the day on which that is granted", "first", hint=hint)
    return find_midnight_ns(today, zone), ends


def _read_moment(text: str, zone: tzinfo, part: str, *, days: int = 0) -> int:
    if len(text) == len(_DAY):
        return find_midnight_ns(_read_day(text, part) + timedelta(days=days), zone)
    local = find_local_time(text)
    if local is None or not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise _no_day(part)
    return int(local.replace(tzinfo=zone).timestamp()) * 10**9


def _read_day(text: str, part: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _no_day(part) from error
    # Python takes the day of a week too, 2026-W48-1; and the last day of all has no morrow.
    if day.isoformat() != text or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _no_day(part)
    return day


def _no_day(part: str) -> RequestError:
    what = "day of review" if part == "review" else f"{part} day"
    hint = "2026-11-23" if part == "review" else "2026-11-23, or for a minute of it 2026-11-23T10:30"
    return RequestError(f"the {what} is not a day", part, hint=hint)
