# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of the audit log."""

import pytest

from collector.audit import list_entries
from collector.roles import Role
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import School


@pytest.fixture
def auditor(enter: Enter) -> Visitor:
    """Somebody who looks through the log and does nothing else."""
    return enter(Role.AUDITOR)


def find_field(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    return page.split(f'name="{name}" value="')[1].split('"')[0]


def test_the_log_is_looked_through(auditor: Visitor, school: School) -> None:
    """What others did waits, is shown, and is signed off with a note; the look itself stands in the log."""
    page = auditor.get("/audit")
    assert "user.added: user/auditor" in page.words
    assert "nobody yet" in page.words
    first, last = find_field(page.text, "first"), find_field(page.text, "last")
    answer = auditor.post("/audit", {"first": first, "last": last, "note": "asked Tom about row 2"})
    assert answer.location == "/audit?done=audit-reviewed"
    page = auditor.get("/audit")
    assert f"auditor looked at rows {first} to {last}: asked Tom about row 2" in page.words
    assert list_entries(school.engine, school.id)[0].action == "audit.reviewed"


def test_own_rows_are_for_somebody_else(auditor: Visitor, school: School) -> None:
    """They are counted and cannot be signed off."""
    page = auditor.get("/audit")
    auditor.post("/audit", {"first": find_field(page.text, "first"), "last": find_field(page.text, "last")})
    words = auditor.get("/audit?show=waiting").words
    assert "another person must look at them" in words
    number = str(next(each.number for each in list_entries(school.engine, school.id) if each.actor == "auditor"))
    answer = auditor.post("/audit", {"first": number, "last": number, "note": ""})
    assert answer.status == 400
    assert "You did all of this yourself" in answer.words


def test_what_no_form_of_ours_sends_is_refused(auditor: Visitor) -> None:
    """Numbers that are none, and rows that there are not."""
    for first, last in (("", ""), ("-1", "2"), ("1", "9" * 30), ("x", "y")):
        answer = auditor.post("/audit", {"first": first, "last": last, "note": "kept"})
        assert (answer.status, "There are no such rows" in answer.words) == (400, True)
        assert ">kept</textarea>" in answer.text


def test_one_actor_is_shown(auditor: Visitor) -> None:
    """And when there is nothing like that, that is said."""
    assert "No rows like that" in auditor.get("/audit?actor=nobody-at-all").words
    assert "user.added" not in auditor.get("/audit?actor=auditor").words
