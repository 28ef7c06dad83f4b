# SPDX-License-Identifier: Apache-2.0
"""Tests of showing times."""

from datetime import UTC, datetime

import pytest

from collector.console.clock import mark_time, show_day, show_span, show_time


def at(text: str) -> int:
    """Return a time in UTC as nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_winter_time_is_utc() -> None:
    """In winter a school reads the time that is stored."""
    assert show_time(at("2026-11-21T20:46:05")) == "21 Nov 2026, 20:46"


def test_summer_time_is_an_hour_on() -> None:
    """In summer the clock on the wall is an hour ahead, across midnight too."""
    assert show_time(at("2026-06-30T23:30:00")) == "1 Jul 2026, 00:30"


def test_day_is_the_one_at_school() -> None:
    """Late in a summer evening in UTC it is the next day at school."""
    assert show_day(at("2026-06-30T23:30:00")) == "1 Jul 2026"


def test_element_holds_the_exact_time() -> None:
    """What a person reads is rounded, what a program reads is not."""
    marked = mark_time(at("2026-06-30T23:30:07"))
    assert 'datetime="2026-06-30T23:30:07Z"' in marked
    assert ">1 Jul 2026, 00:30</time>" in marked


@pytest.mark.parametrize("impossible", [-1, 10**30])
def test_impossible_time_is_no_crash(impossible: int) -> None:
    """A device may claim any time."""
    assert show_time(impossible) == "a time that cannot be"
    assert "<time" not in mark_time(impossible)


def test_no_time_is_never() -> None:
    """What did not happen has no time."""
    assert show_time(None) == "never"


@pytest.mark.parametrize(
    ("span_s", "shown"),
    [(0, "less than a second"), (1, "1 second"), (-119, "1 minute"), (7200, "2 hours"), (90_000, "1 day")],
)
def test_span_has_its_largest_unit(span_s: int, shown: str) -> None:
    """A length of time is one number and one word."""
    assert show_span(span_s * 10**9) == shown
