# SPDX-License-Identifier: Apache-2.0
"""Tests of looking through the audit log: everybody's rows, never one's own, never which flag."""

import pytest
from sqlalchemy import update

from collector import audit_reviews
from collector.audit import record
from collector.audit_reviews import (
    HIDDEN_SUBJECT,
    Viewer,
    Waiting,
    count_waiting,
    list_actors,
    list_log,
    list_reviews,
    list_waiting,
    review,
)
from collector.errors import UsageError
from collector.store.engine import writing
from collector.store.schema import audit
from tests.collector.school import School

MINUTE_NS = 60 * 10**9
HEAD = Viewer("head", reads_flags=True)


def write(school: School, *rows: tuple[str, str, str]) -> None:
    """Write (actor, action, subject), a minute apart."""
    for place, (actor, action, subject) in enumerate(rows):
        with writing(school.engine) as connection:
            record(
                connection,
                school.id,
                actor=actor,
                action=action,
                subject=subject,
                detail="why",
                now_ns=school.now_ns + place * MINUTE_NS,
            )


def look(school: School, reviewer: str | Viewer, first: int, last: int, note: str = "nothing unusual") -> None:
    """Have somebody look through rows; who is only named reads no flags."""
    review(
        school.engine,
        school.id,
        reviewer if isinstance(reviewer, Viewer) else Viewer(reviewer, reads_flags=False),
        first_number=first,
        last_number=last,
        note=note,
        now_ns=school.now_ns,
    )


def waiting_numbers(school: School) -> list[int]:
    """Return the numbers of the rows that nobody else has looked at, oldest first."""
    return [each.number for each in reversed(list_log(school.engine, school.id, waiting=True))]


def test_what_one_did_himself_waits_for_another(school: School) -> None:
    """A review covers the others' rows; the reviewer's own, and the row about the review, stay for somebody else."""
    write(school, ("tom", "policy.published", "policy/2"), ("anna", "user.added", "user/ben"), ("tom", "x.y", "z/1"))
    anna = Viewer("anna", reads_flags=False)
    assert count_waiting(school.engine, school.id, anna) == Waiting(rows=2, own=1, oldest_at_ns=school.now_ns)
    assert [each.number for each in list_waiting(school.engine, school.id, anna)] == [1, 3]
    look(school, "anna", 1, 3)
    assert waiting_numbers(school) == [2, 4]
    look(school, "tom", 1, 4)
    assert waiting_numbers(school) == [5]
    found = list_reviews(school.engine, school.id)
    assert sorted((each.reviewer, each.rows, each.first_number, each.last_number) for each in found) == [
        ("anna", 2, 1, 3),
        ("tom", 2, 2, 4),
    ]
    assert [each.subject for each in list_log(school.engine, school.id, limit=2)] == ["audit/2,4", "audit/1,3"]
    assert [each.reviewers for each in list_log(school.engine, school.id)][::-1] == [
        ("anna",),
        ("tom",),
        ("anna",),
        ("tom",),
        (),
    ]


def test_nobody_signs_off_himself_alone(school: School) -> None:
    """When all of it is the reviewer's own, it is refused and nothing is kept."""
    write(school, ("tom", "policy.published", "policy/2"))
    with pytest.raises(UsageError, match="yourself"):
        look(school, "tom", 1, 1)
    assert list_reviews(school.engine, school.id) == []
    assert waiting_numbers(school) == [1]


def test_a_log_that_somebody_changed_is_not_signed_off(school: School) -> None:
    """The whole log is verified first."""
    write(school, ("tom", "policy.published", "policy/2"), ("tom", "x.y", "z/1"))
    with writing(school.engine) as connection:
        connection.execute(update(audit).where(audit.c.number == 1).values(actor="ben"))
    with pytest.raises(UsageError, match="does not verify: audit row 1 was changed"):
        look(school, "anna", 1, 2)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (1, 3), (1, 2**62)], ids=["0", "back", "past", "far"])
def test_rows_that_there_are_not_are_refused(school: School, first: int, last: int) -> None:
    """A form can send any number."""
    write(school, ("tom", "x.y", "z/1"), ("tom", "x.y", "z/2"))
    with pytest.raises(UsageError, match="no such rows"):
        look(school, "anna", first, last)


def test_a_note_has_a_length(school: School) -> None:
    """It is a sentence, not a file."""
    write(school, ("tom", "x.y", "z/1"))
    with pytest.raises(UsageError, match="longer than"):
        look(school, "anna", 1, 1, note="a" * 2001)


def test_which_flag_is_not_said(school: School) -> None:
    """Whoever looks through the log need not be a reader of the flag, and may be the person it is about."""
    write(school, ("dora", "flag.read", "flag/0011"), ("dora", "flag.copied", "flag/0011"), ("tom", "x.y", "z/1"))
    shown = list_log(school.engine, school.id)
    assert [(each.subject, each.detail) for each in shown][::-1] == [
        (HIDDEN_SUBJECT, ""),
        (HIDDEN_SUBJECT, ""),
        ("z/1", "why"),
    ]
    assert "0011" not in repr(shown)


def test_a_reader_of_flags_is_not_told_that_there_is_a_flag(school: School) -> None:
    """The flag may be about the head: that the chair read one is left out of his list, his names and his counts."""
    rows = [("chair", "flag.read", "flag/0011"), ("chair", "evidence.exported", "flag/0011")]
    write(school, ("tom", "x.y", "z/1"), *rows, ("tom", "x.y", "z/2"), ("head", "flag.read", "flag/0022"))
    assert [each.number for each in list_log(school.engine, school.id, HEAD)] == [5, 4, 1]
    assert [each.number for each in list_log(school.engine, school.id, HEAD, waiting=True)] == [5, 4, 1]
    assert list_log(school.engine, school.id, HEAD, actor="chair") == []
    assert list_actors(school.engine, school.id, HEAD) == ["head", "tom"]
    assert count_waiting(school.engine, school.id, HEAD) == Waiting(rows=2, own=1, oldest_at_ns=school.now_ns)
    assert [each.number for each in list_log(school.engine, school.id)] == [5, 4, 3, 2, 1]


def test_the_look_of_a_reader_of_flags_does_not_cover_what_he_did_not_see(school: School) -> None:
    """Rows about flags inside what the head signs off still wait, and only for somebody who reads none."""
    write(school, ("tom", "x.y", "z/1"), ("chair", "flag.read", "flag/0011"), ("tom", "x.y", "z/2"))
    look(school, HEAD, 1, 3)
    assert waiting_numbers(school) == [2, 4]
    with pytest.raises(UsageError, match="no such rows"):
        look(school, HEAD, 2, 2)
    look(school, "grace", 1, 4)
    assert waiting_numbers(school) == [5]


def test_nobody_signs_off_more_than_a_page_shows(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first, so many together; the next ones come when these are done, and nothing is done twice."""
    monkeypatch.setattr(audit_reviews, "MAX_ROWS_AT_ONCE", 3)
    write(school, *(("tom", "x.y", f"z/{place}") for place in range(5)))
    grace = Viewer("grace", reads_flags=False)
    assert [each.number for each in list_waiting(school.engine, school.id, grace)] == [1, 2, 3]
    with pytest.raises(UsageError, match="more than 3 rows"):
        look(school, grace, 1, 5)
    look(school, grace, 1, 3)
    assert waiting_numbers(school) == [4, 5, 6]
    with pytest.raises(UsageError, match="looked at these rows already"):
        look(school, "anna", 1, 3)


def test_the_log_is_filtered_and_paged(school: School) -> None:
    """By actor, before a number, so many rows."""
    write(school, *((("tom", "anna")[place % 2], "x.y", f"z/{place}") for place in range(6)))
    assert list_actors(school.engine, school.id, HEAD) == ["anna", "tom"]
    assert [each.number for each in list_log(school.engine, school.id, actor="tom")] == [5, 3, 1]
    assert [each.number for each in list_log(school.engine, school.id, before=4, limit=2)] == [3, 2]
