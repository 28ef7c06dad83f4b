# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of the audit log."""

import pytest

from collector.audit import list_entries, record
from collector.roles import Role
from collector.store.engine import writing
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
    assert (first, last) == ("1", "1")
    assert "auditor looked at row 1: asked Tom about row 2" in page.words
    assert list_entries(school.engine, school.id)[0].action == "audit.reviewed"


def read_flag(school: School, reader: str, count: int = 1) -> None:
    """Write down that somebody read a flag."""
    for _ in range(count):
        with writing(school.engine) as connection:
            record(connection, school.id, actor=reader, action="flag.read", subject="flag/0011", now_ns=school.now_ns)


@pytest.mark.parametrize("roles", [{Role.HEADTEACHER}, {Role.HEADTEACHER, Role.AUDITOR}], ids=["head", "both"])
def test_head_does_not_learn_that_there_is_a_flag(
    enter: Enter, school: School, auditor: Visitor, roles: set[Role]
) -> None:
    """It may be about him: that the chair read one is for the auditor, also when the head is an auditor too."""
    head = enter(roles, "head")
    read_flag(school, "chair")
    page = head.get("/audit")
    assert "those rows are for the auditor" in page.words
    assert "chair" not in page.words.replace("chair of governors", "")
    assert "flag.read" not in page.words
    head.post("/audit", {"first": find_field(page.text, "first"), "last": find_field(page.text, "last"), "note": ""})
    page = auditor.get("/audit")
    waiting = page.words.split("What you found")[0]
    assert "chair flag.read: a safeguarding flag" in waiting
    assert "those rows are for the auditor" not in page.words


def test_the_button_covers_what_is_shown_above_it(auditor: Visitor, school: School) -> None:
    """At most 100 rows, the oldest first; the others come when these are signed off."""
    read_flag(school, "chair", 105)
    page = auditor.get("/audit")
    assert "These are the oldest 100; the others come when these are signed off" in page.words
    assert "I have looked at these 100 rows" in page.words
    first, last = find_field(page.text, "first"), find_field(page.text, "last")
    too_far = auditor.post("/audit", {"first": first, "last": str(int(last) + 1), "note": ""})
    assert (too_far.status, "more than 100 rows" in too_far.words) == (400, True)
    assert auditor.post("/audit", {"first": first, "last": last, "note": ""}).status == 303
    assert int(find_field(auditor.get("/audit").text, "first")) > int(last)


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
    assert "user.added" not in auditor.get("/audit?actor=auditor").words.split("The log Who")[1]
