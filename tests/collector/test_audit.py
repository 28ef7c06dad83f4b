# SPDX-License-Identifier: Apache-2.0
"""Tests of the audit log."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, update

from collector.audit import AuditEntry, list_entries, record, verify_audit
from collector.store.engine import writing
from collector.store.schema import audit
from proto.errors import ChainError
from tests.collector.school import School


def write(school: School, *actions: str) -> None:
    """Write a row for each action, one transaction each."""
    for action in actions:
        with writing(school.engine) as connection:
            record(
                connection, school.id, actor="anna", action=action, subject="user/ben", detail="x", now_ns=school.now_ns
            )


def test_rows_are_numbered_and_listed_newest_first(school: School) -> None:
    """What was written is read again, with numbers without gaps."""
    write(school, "user.added", "user.disabled")
    assert list_entries(school.engine, school.id) == [
        AuditEntry(number=number, at_ns=school.now_ns, actor="anna", action=action, subject="user/ben", detail="x")
        for number, action in ((2, "user.disabled"), (1, "user.added"))
    ]
    assert verify_audit(school.engine, school.id) == 2


def test_empty_log_verifies(school: School) -> None:
    """A school where nothing happened has a sound log."""
    assert verify_audit(school.engine, school.id) == 0


def test_row_is_part_of_the_callers_transaction(school: School) -> None:
    """When what it tells is rolled back, the row is too."""

    def fail() -> None:
        with writing(school.engine) as connection:
            record(connection, school.id, actor="anna", action="user.added", subject="user/ben", now_ns=school.now_ns)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list_entries(school.engine, school.id) == []


@pytest.mark.parametrize("column", ["at_ns", "actor", "action", "subject", "detail"])
def test_changed_row_shows(school: School, column: str) -> None:
    """Whatever is changed in a row, verification names the row."""
    write(school, "a.done", "b.done", "c.done")
    with writing(school.engine) as connection:
        connection.execute(update(audit).where(audit.c.number == 2).values({column: 7 if column == "at_ns" else "z"}))
    with pytest.raises(ChainError, match="audit row 2 was changed"):
        verify_audit(school.engine, school.id)


def test_removed_row_shows(school: School) -> None:
    """A row taken out of the middle is missed."""
    write(school, "a.done", "b.done", "c.done")
    with writing(school.engine) as connection:
        connection.execute(delete(audit).where(audit.c.number == 2))
    with pytest.raises(ChainError, match="audit row 2 is missing"):
        verify_audit(school.engine, school.id)


def test_renumbered_rows_show(school: School) -> None:
    """Closing the gap of a removed row does not hide it."""
    write(school, "a.done", "b.done", "c.done")
    with writing(school.engine) as connection:
        connection.execute(delete(audit).where(audit.c.number == 2))
        connection.execute(update(audit).where(audit.c.number == 3).values(number=2))
    with pytest.raises(ChainError, match="audit row 2 does not follow"):
        verify_audit(school.engine, school.id)


def test_parts_of_a_row_cannot_be_moved_between_columns(school: School) -> None:
    """The same characters in other columns are another row."""
    write(school, "a.done")
    with writing(school.engine) as connection:
        connection.execute(update(audit).values(actor="ann", action="aa.done"))
    with pytest.raises(ChainError, match="audit row 1 was changed"):
        verify_audit(school.engine, school.id)


def test_writers_at_the_same_time_make_one_chain(school: School) -> None:
    """Several threads that write at once never fork the log."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write(school, f"thread.{number}"), range(24)))
    assert verify_audit(school.engine, school.id) == 24
