# SPDX-License-Identifier: Apache-2.0
"""Tests of what `explain` says about limits."""

from dataclasses import fields
from datetime import datetime

from agent.limits import describe_limits, describe_pauses
from rules.arrangements import Pause
from rules.exceptions import TimedPause
from rules.settings import Accounts, Downloads, Hardware, Lock, LockLimit, Medium, Posture, Settings

FULL = Settings(
    media=(Medium(vendor_id="0951", product_id="16d5", serial="a1"),),
    lock=Lock(limit_s=600, groups=(LockLimit(groups=("staff",), limit_s=1230), LockLimit(groups=("y2",), limit_s=0))),
    posture=Posture(administrators=("it",), password_max_age_days=121, off_after="18:00"),
    hardware=Hardware(ask=True, reason="inventory"),
    accounts=Accounts(ask=True, reason="audit", shared=("year-*",)),
    downloads=Downloads(count_media=True, reason="copyright"),
)


def make_pause(what: str, first_ns: int, last_ns: int) -> TimedPause:
    first, last = (datetime.fromisoformat(f"2026-11-23T{hour}:00") for hour in ("09", "11"))
    return TimedPause(Pause(id="p", what=what, first=first, last=last, reason="An exam."), first_ns, last_ns)


def test_every_limit_is_said():
    """Whoever sits at the machine can read what it is measured against."""
    text = "\n".join(describe_limits(FULL))
    for words in ("10 minutes", "staff: after 1230 seconds", "y2: never", "it.", "121 days", "18:00 to 06:00"):
        assert words in text
    assert "register: 1." in text
    assert "year-*" in text
    assert "counted: copyright" in text


def test_what_is_not_asked_is_not_said():
    """The usual limits, and nothing about passwords, evenings, accounts or media."""
    text = "\n".join(describe_limits(Settings()))
    assert "15 minutes" in text
    assert not any(word in text for word in ("Passwords", "off from", "several people", "counted"))


def test_no_table_is_forgotten():
    """A new table of the policy needs a sentence here; hardware's is its kind's reason."""
    assert {field.name for field in fields(Settings)} == {
        *("media", "lock", "posture", "hardware", "accounts", "downloads")
    }


def test_what_is_paused_is_said_until_it_is_over():
    """With its end, and without the reason, which may be about somebody."""
    pauses = [make_pause("keywords", 10, 20), make_pause("check:software", 5, 8)]
    lines = [describe_pauses(pauses, now_ns) for now_ns in (0, 8, 19, 20)]
    software = "check:software, from 2026-11-23 09:00 to 2026-11-23 11:00"
    keywords = "keywords, from 2026-11-23 09:00 to 2026-11-23 11:00"
    assert lines == [(software, keywords), (keywords,), (keywords,), ()]
