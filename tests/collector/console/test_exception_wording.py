# SPDX-License-Identifier: Apache-2.0
"""Tests of the words for exceptions."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.approved_media import MediumKey
from collector.console import exception_wording as words
from collector.exceptions import ExceptionRequest, Scope, Status
from rules.timetable import TIMES

REQUEST = ExceptionRequest(
    id="0" * 16,
    scope=Scope(rules=("bypass-tor", "gone")),
    reason="a lesson",
    first_ns=0,
    last_ns=0,
    review_on="2026-12-18",
    asked_by="anna",
    asked_at_ns=0,
    state="asked",
    account_refs=(),
    decided_by="",
    decided_at_ns=None,
    decision_note="",
    reviewed_by="",
    reviewed_at_ns=None,
)


def test_everything_has_words() -> None:
    """Every status, and every kind of time that an exception can be for."""
    assert set(words.STATUSES) == set(Status)
    assert set(words.DURING) == set(TIMES)


def test_what_it_is_about_is_said_in_titles() -> None:
    """A rule that is gone keeps its id; a USB device is named by what tells it from others."""
    assert words.name_scope(REQUEST.scope, {"bypass-tor": "Tor"}) == "Tor, gone"
    assert words.name_scope(Scope(stick=MediumKey("0951", "1666", "60a4")), {}) == "USB device 0951:1666 60a4"


@pytest.mark.parametrize(
    ("last", "said"),
    [((2026, 12, 19), "18 Dec 2026"), ((2026, 12, 18, 10, 30), "18 Dec 2026, 10:30"), ((2026, 7, 1, 23), "1 Jul 2026")],
)
def test_whole_day_is_told_as_its_last(last: tuple[int, int, int], said: str) -> None:
    """Nobody thinks of the midnight after it; in summer that is an hour earlier."""
    last_ns = int(datetime(*last, tzinfo=UTC).timestamp()) * 10**9
    assert words.name_end(replace(REQUEST, last_ns=last_ns)) == said


def test_review_is_told_unless_it_ends_before() -> None:
    """Nobody has to look at what ends on that day anyway."""
    last_ns = int(datetime(2026, 12, 19, tzinfo=UTC).timestamp()) * 10**9
    request = replace(REQUEST, last_ns=last_ns)
    assert words.name_review(request) == "none before it ends"
    assert words.name_review(replace(request, review_on="2026-12-01")) == "on 1 Dec 2026 at the latest"
