# SPDX-License-Identifier: Apache-2.0
"""Tests of what somebody types who asks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.approved_media import MediumKey
from collector.console.clock import find_zone
from collector.exceptions import Asked, RequestError, Scope, read_asked, read_stick

ZONE = find_zone()
NOW_NS = int(datetime(2026, 11, 23, 9, 30, 12, tzinfo=UTC).timestamp()) * 10**9
SCOPE = Scope(rules=("bypass-tor",))
STICK = Scope(stick=MediumKey("0951", "1666", "60a44c"))


def read(first: str = "", last: str = "2026-12-18", review: str = "", reason: str = "a lesson") -> Asked:
    """Read a request."""
    return read_asked(SCOPE, first=first, last=last, review=review, reason=reason, zone=ZONE, now_ns=NOW_NS)


def read_for_stick(first: str, last: str) -> Asked:
    """Read a request for a USB device."""
    return read_asked(STICK, first=first, last=last, review="", reason="reports", zone=ZONE, now_ns=NOW_NS)


def show(at_ns: int) -> str:
    """Return a moment as the school's clock shows it."""
    return f"{datetime.fromtimestamp(at_ns // 10**9, ZONE):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("first", "last", "begins", "ends"),
    [
        ("", "2026-12-18", "2026-11-23 09:30", "2026-12-19 00:00"),
        ("2026-11-23", "2026-11-23", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("2026-11-25T10:00", "2026-11-25T11:00", "2026-11-25 10:00", "2026-11-25 11:00"),
        ("2027-03-27", "2027-03-28", "2027-03-27 00:00", "2027-03-29 00:00"),
        (" 2026-12-01 ", "2027-12-01", "2026-12-01 00:00", "2027-12-02 00:00"),
    ],
)
def test_days_and_minutes_are_the_schools(first: str, last: str, begins: str, ends: str) -> None:
    """A last day belongs to it, also one that is an hour shorter, and nothing means from this minute on."""
    asked = read(first, last)
    assert (show(asked.first_ns), show(asked.last_ns)) == (begins, ends)


@pytest.mark.parametrize(
    ("fields", "part", "words"),
    [
        ({"last": ""}, "last", "say until when"),
        ({"last": "Friday"}, "last", "the last day is not a day"),
        ({"last": "18/12/2026"}, "last", "is not a day"),
        ({"last": "2026-W51-5"}, "last", "is not a day"),
        ({"last": "9999-12-31"}, "last", "is not a day"),
        ({"last": "2026-12-18T9:00"}, "last", "is not a day"),
        ({"last": "2026-12-18T10:00+01:00"}, "last", "is not a day"),
        ({"last": "2026-11-22"}, "last", "over already"),
        ({"last": "2026-11-23T09:30"}, "last", "over already"),
        ({"first": "2026-11-22"}, "first", "over already"),
        ({"first": "2026-12-19"}, "last", "it ends before it begins"),
        ({"last": "2027-11-30"}, "last", "at most 366 days"),
        ({"review": "2026-12-19"}, "review", "not within the exception"),
        ({"review": "2026-11-22"}, "review", "not within the exception"),
        ({"review": "soon"}, "review", "the day of review is not a day"),
        ({"reason": " \n "}, "reason", "say why"),
        ({"reason": "x" * 1001}, "reason", "too long"),
        ({"reason": "a\u202eb"}, "reason", "no plain text"),
    ],
)
def test_what_is_not_right_is_said_with_its_part(fields: dict[str, str], part: str, words: str) -> None:
    """And what would be right."""
    with pytest.raises(RequestError) as told:
        read(**fields)
    assert (told.value.part, words in told.value.message, bool(told.value.hint)) == (part, True, True)


def test_usb_device_is_asked_for_by_whole_days_from_today() -> None:
    """The register that devices get knows a last day alone: no time of a day, and no first day to come."""
    for first in ("", "2026-11-23"):
        asked = read_for_stick(first, "2026-12-18")
        assert (show(asked.first_ns), show(asked.last_ns)) == ("2026-11-23 00:00", "2026-12-19 00:00")
    for first, last, part, words in (
        ("2026-12-10", "2026-12-18", "first", "approved from the day on which that is granted"),
        ("2026-11-23T10:00", "2026-12-18", "first", "for whole days"),
        ("", "2026-12-18T12:00", "last", "for whole days"),
        ("", "Friday", "last", "the last day is not a day"),
    ):
        with pytest.raises(RequestError) as told:
            read_for_stick(first, last)
        assert (told.value.part, words in told.value.message, bool(told.value.hint)) == (part, True, True)


def test_review_comes_with_the_end_or_in_three_months() -> None:
    """Unless somebody names a day."""
    assert read().review_on == "2026-12-18"
    assert read(last="2027-07-31").review_on == "2027-02-21"
    assert read(last="2027-07-31", review="2027-01-11").review_on == "2027-01-11"


def test_usb_device_is_named_as_lists_show_it() -> None:
    """In any case; without a serial number it is none."""
    assert read_stick("0951:16AB", "60A44C") == MediumKey("0951", "16ab", "60a44c")
    for ids, serial, part in (("0951", "x", "stick"), ("0951:16666", "x", "stick"), ("0951:1666", " ", "serial")):
        with pytest.raises(RequestError) as told:
            read_stick(ids, serial)
        assert told.value.part == part


@given(first=st.text(max_size=20), last=st.text(max_size=20), review=st.text(max_size=12))
def test_any_text_is_read_or_refused(first: str, last: str, review: str) -> None:
    """Nothing that somebody types ends in another error."""
    try:
        asked = read(first, last, review)
    except RequestError:
        return
    assert asked.first_ns < asked.last_ns
