# SPDX-License-Identifier: Apache-2.0
"""Tests of sessions."""

import pytest
from sqlalchemy import select

from collector.roles import Role
from collector.sessions import (
    IDLE_NS,
    LONGEST_NS,
    Session,
    end_every_session,
    end_session,
    find_session,
)
from collector.store.engine import reading
from collector.store.schema import sessions
from collector.users import sign_in
from tests.collector.school import MINUTE_NS, School

PASSWORD = "correct horse battery"


@pytest.fixture
def anna(school: School) -> School:
    """A school with a technician who has a password."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    return school


def start(school: School) -> str:
    """Sign in and return the session's id."""
    return sign_in(school.engine, school.id, "anna", PASSWORD, school.now_ns)


def find(school: School, session_id: str, *, is_activity: bool = True) -> Session | None:
    """Look a session up now."""
    return find_session(school.engine, school.id, session_id, school.now_ns, is_activity=is_activity)


def test_session_knows_its_user(anna: School) -> None:
    """A session leads to its user's name and role, as they are now."""
    session = find(anna, start(anna))
    assert session is not None
    assert (session.user, session.roles, session.must_change_password) == ("anna", {Role.TECHNICIAN}, False)


def test_only_the_hash_of_an_id_is_stored(anna: School) -> None:
    """Whoever reads the database finds no id to use."""
    session_id = start(anna)
    with reading(anna.engine) as connection:
        rows = connection.execute(select(sessions)).all()
    assert rows
    assert all(session_id not in str(row) and session_id.encode() not in str(row).encode() for row in rows)


def test_made_up_id_is_no_session(anna: School) -> None:
    """An id that was never given out leads nowhere."""
    start(anna)
    assert find(anna, "x" * 43) is None


def test_session_ends_when_nothing_is_done(anna: School) -> None:
    """After the idle time without activity a session is over."""
    session_id = start(anna)
    anna.pass_time(IDLE_NS - 1)
    assert find(anna, session_id, is_activity=False)
    anna.pass_time(1)
    assert find(anna, session_id) is None


def test_activity_keeps_a_session_but_not_for_ever(anna: School) -> None:
    """Somebody who works on stays signed in, for twelve hours at most."""
    session_id = start(anna)
    for _ in range(LONGEST_NS // (20 * MINUTE_NS) - 1):
        anna.pass_time(20 * MINUTE_NS)
        assert find(anna, session_id)
    anna.pass_time(20 * MINUTE_NS)
    assert find(anna, session_id) is None


def test_page_that_refreshes_itself_is_no_activity(anna: School) -> None:
    """A list left open on a desk does not keep its session alive."""
    session_id = start(anna)
    for _ in range(3):
        anna.pass_time(10 * MINUTE_NS)
        found = find(anna, session_id, is_activity=False)
    assert found is None


def test_expired_sessions_are_thrown_away(anna: School) -> None:
    """The next sign-in clears what is over."""
    start(anna)
    start(anna)
    anna.pass_time(LONGEST_NS)
    start(anna)
    assert anna.count(sessions) == 1


def test_signing_out_ends_this_session_only(anna: School) -> None:
    """The session of another browser goes on."""
    here, there = start(anna), start(anna)
    session = find(anna, here)
    assert session
    end_session(anna.engine, anna.id, session, anna.now_ns)
    assert find(anna, here) is None
    assert find(anna, there)


def test_signing_out_everywhere_ends_all(anna: School) -> None:
    """No browser stays signed in."""
    here, there = start(anna), start(anna)
    session = find(anna, here)
    assert session
    end_every_session(anna.engine, anna.id, session, anna.now_ns)
    assert find(anna, here) is None
    assert find(anna, there) is None
