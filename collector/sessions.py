# SPDX-License-Identifier: Apache-2.0
"""Who is signed in at the console: rows that can be ended at any time, not tickets that stay good once given out.

The browser holds a random id, the table its SHA-256 only: who reads the database cannot take a session over.
What the session's user may do is read from `users` at every request. Cookies belong to `console`.
"""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Delete, Engine, delete, insert, or_, select, update

from collector.audit import record
from collector.roles import Role, load_roles, needs_second_factor
from collector.store.engine import reading, writing
from collector.store.schema import sessions, users

IDLE_NS = 30 * 60 * 10**9
"""A session ends when nobody did anything for this long."""
LONGEST_NS = 12 * 3600 * 10**9
"""A session ends after this long in any case."""
USE_NOTED_EVERY_NS = 60 * 10**9
"""How often a session's use is written down: not at every request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in user, as he is in the table of users now."""

    id: str
    user: str
    roles: frozenset[Role]
    must_change_password: bool
    csrf_token: str
    """Every form of this session carries it."""
    second_factor_at_ns: int | None
    """When the second factor was given in this session."""

    @property
    def lacks_second_factor(self) -> bool:
        """Whether a second factor is still to be given before anything is open."""
        return self.second_factor_at_ns is None and needs_second_factor(self.roles)


def start_session(
    connection: Connection, school_id: str, name: str, now_ns: int, *, second_factor_at_ns: int | None = None
) -> str:
    """Start a session inside the transaction in which the user's password was found right, and return its id.

    A session that takes the place of another brings its second factor along. Expired sessions of the school are
    thrown away.
    """
    session_id = secrets.token_urlsafe(32)
    connection.execute(
        delete(sessions).where(
            sessions.c.school_id == school_id,
            or_(sessions.c.made_at_ns <= now_ns - LONGEST_NS, sessions.c.last_used_at_ns <= now_ns - IDLE_NS),
        )
    )
    connection.execute(
        insert(sessions).values(
            school_id=school_id,
            id_sha256=_digest(session_id),
            user_name=name,
            csrf_token=secrets.token_urlsafe(32),
            made_at_ns=now_ns,
            last_used_at_ns=now_ns,
            second_factor_at_ns=second_factor_at_ns,
        )
    )
    return session_id


def find_session(
    engine: Engine, school_id: str, session_id: str, now_ns: int, *, is_activity: bool = True
) -> Session | None:
    """Return a session that is in force, or None. A page that refreshes itself is no activity of a person."""
    query = (
        select(sessions, users.c.roles, users.c.must_change_password)
        .join_from(
            sessions,
            users,
            (users.c.school_id == sessions.c.school_id) & (users.c.name == sessions.c.user_name),
        )
        .where(
            sessions.c.school_id == school_id,
            sessions.c.id_sha256 == _digest(session_id),
            sessions.c.made_at_ns > now_ns - LONGEST_NS,
            sessions.c.last_used_at_ns > now_ns - IDLE_NS,
            users.c.disabled.is_(False),
        )
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    if is_activity and now_ns - row.last_used_at_ns > USE_NOTED_EVERY_NS:
        with writing(engine) as connection:
            connection.execute(
                update(sessions).where(sessions.c.id_sha256 == row.id_sha256).values(last_used_at_ns=now_ns)
            )
    return Session(
        id=session_id,
        user=row.user_name,
        roles=load_roles(row.roles),
        must_change_password=row.must_change_password,
        csrf_token=row.csrf_token,
        second_factor_at_ns=row.second_factor_at_ns,
    )


def note_second_factor(engine: Engine, school_id: str, session: Session, now_ns: int) -> None:
    """Let a session go on whose user has just given the second factor.

    Raises:
        StoreError: the database does not answer; the session goes on waiting.
    """
    with writing(engine) as connection:
        connection.execute(
            update(sessions)
            .where(sessions.c.school_id == school_id, sessions.c.id_sha256 == _digest(session.id))
            .values(second_factor_at_ns=now_ns)
        )


def end_session(engine: Engine, school_id: str, session: Session, now_ns: int) -> None:
    """Sign a user out of one browser.

    Raises:
        StoreError: the database does not answer; the session goes on.
    """
    with writing(engine) as connection:
        connection.execute(_of(school_id, session.user).where(sessions.c.id_sha256 == _digest(session.id)))
        record(
            connection, school_id, actor=session.user, action="session.ended", subject=_subject(session), now_ns=now_ns
        )


def end_every_session(engine: Engine, school_id: str, session: Session, now_ns: int) -> None:
    """Sign a user out of every browser.

    Raises:
        StoreError: the database does not answer; the sessions go on.
    """
    with writing(engine) as connection:
        drop_sessions(connection, school_id, session.user)
        record(
            connection, school_id, actor=session.user, action="sessions.ended", subject=_subject(session), now_ns=now_ns
        )


def drop_sessions(connection: Connection, school_id: str, name: str) -> None:
    """End all sessions of a user, inside the transaction of what ends them."""
    connection.execute(_of(school_id, name))


def _of(school_id: str, name: str) -> Delete:
    return delete(sessions).where(sessions.c.school_id == school_id, sessions.c.user_name == name)


def _subject(session: Session) -> str:
    return f"user/{session.user}"


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()
