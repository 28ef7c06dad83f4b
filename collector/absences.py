# SPDX-License-Identifier: Apache-2.0
"""Who of the readers of flags is away, and until when: while one is away, flags go to whoever stands in for him.

An absence opens nothing to anybody: `readers` still asks for the signed set. It only closes, so everything here is in
the audit log. How a flag goes around somebody who is away is in `rules.route`.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from sqlalchemy import Connection, Engine, delete, insert, select, update

from collector.audit import record
from collector.errors import UsageError
from collector.roles import Permission, list_permissions, load_roles
from collector.store.engine import reading, writing
from collector.store.schema import absences, users

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A time in which a reader is away."""

    user: str
    from_ns: int
    until_ns: int
    """The first moment after it."""
    noted_by: str


def read_days(from_day: str, until_day: str, zone: tzinfo) -> tuple[int, int]:
    """Return when the first day begins and the last day ends, in the school's zone. Days are written 2026-11-23.

    Raises:
        UsageError: one of them is no day, or the last is before the first.
    """
    first, last = _read_day(from_day), _read_day(until_day)
    if last < first:
        raise UsageError("the last day is before the first", hint="turn them round")
    return _find_midnight(first, zone), _find_midnight(last + timedelta(days=1), zone)


def note_absence(
    engine: Engine, school_id: str, *, user: str, from_ns: int, until_ns: int, actor: str, now_ns: int
) -> None:
    """Note that a reader is away.

    Raises:
        UsageError: the user reads no flags, the time is over, too long or not in order, or another absence overlaps it.
    """
    if from_ns >= until_ns:
        raise UsageError("an absence ends after it begins")
    if until_ns <= now_ns:
        raise UsageError("that absence is over already", hint="choose a last day from today on")
    if until_ns - from_ns > LONGEST_DAYS * 86_400 * 10**9:
        raise UsageError(f"an absence is at most {LONGEST_DAYS} days long", hint="disable a user who has left")
    with writing(engine) as connection:
        # The log's lock comes first: two who note one absence at once are one after the other.
        _record(connection, school_id, "absence.noted", actor, user, (from_ns, until_ns), now_ns)
        _verify_reader(connection, school_id, user)
        others = connection.execute(
            select(absences.c.from_ns).where(
                absences.c.school_id == school_id,
                absences.c.user_name == user,
                absences.c.from_ns < until_ns,
                absences.c.until_ns > from_ns,
            )
        )
        if others.first() is not None:
            raise UsageError(f"{user} is noted as away in that time already", hint="end that absence first")
        connection.execute(
            insert(absences).values(
                school_id=school_id, user_name=user, from_ns=from_ns, until_ns=until_ns, noted_by=actor
            )
        )


def end_absence(engine: Engine, school_id: str, *, user: str, actor: str, now_ns: int) -> None:
    """End the absence that a user is in, or else take back the next one.

    Raises:
        UsageError: the user is not away, and none lies ahead.
    """
    with writing(engine) as connection:
        first = connection.execute(
            select(absences)
            .where(absences.c.school_id == school_id, absences.c.user_name == user, absences.c.until_ns > now_ns)
            .order_by(absences.c.from_ns)
            .limit(1)
        ).first()
        if first is None:
            raise UsageError(f"{user} is not noted as away")
        its = (
            absences.c.school_id == school_id,
            absences.c.user_name == user,
            absences.c.from_ns == first.from_ns,
        )
        if first.from_ns >= now_ns:
            connection.execute(delete(absences).where(*its))
        else:
            connection.execute(update(absences).where(*its).values(until_ns=now_ns))
        _record(connection, school_id, "absence.ended", actor, user, (first.from_ns, first.until_ns), now_ns)


def list_absent(engine: Engine, school_id: str, now_ns: int) -> frozenset[str]:
    """Return the names of the users who are away now."""
    query = select(absences.c.user_name).where(
        absences.c.school_id == school_id, absences.c.from_ns <= now_ns, absences.c.until_ns > now_ns
    )
    with reading(engine) as connection:
        return frozenset(connection.execute(query).scalars())


def list_absences(engine: Engine, school_id: str, now_ns: int, *, user: str | None = None) -> list[Absence]:
    """Return the absences that are not over, of everybody or of one user, the first to begin first."""
    query = select(absences).where(absences.c.school_id == school_id, absences.c.until_ns > now_ns)
    if user is not None:
        query = query.where(absences.c.user_name == user)
    with reading(engine) as connection:
        return [
            Absence(user=row.user_name, from_ns=row.from_ns, until_ns=row.until_ns, noted_by=row.noted_by)
            for row in connection.execute(query.order_by(absences.c.from_ns, absences.c.user_name))
        ]


def _verify_reader(connection: Connection, school_id: str, user: str) -> None:
    roles = connection.execute(
        select(users.c.roles).where(users.c.school_id == school_id, users.c.name == user)
    ).scalar_one_or_none()
    if roles is None:
        raise UsageError(f"there is no user {user}")
    if Permission.READ_FLAGS not in list_permissions(load_roles(roles)):
        raise UsageError(f"{user} reads no safeguarding flags", hint="only the absence of somebody who does is noted")


def _record(
    connection: Connection, school_id: str, action: str, actor: str, user: str, span_ns: tuple[int, int], now_ns: int
) -> None:
    detail = f"{span_ns[0]} to {span_ns[1]}"
    record(connection, school_id, actor=actor, action=action, subject=f"user/{user}", detail=detail, now_ns=now_ns)


def _read_day(text: str) -> date:
    try:
        day = date.fromisoformat(text.strip())
        if not 2000 <= day.year < 2200:
            raise ValueError("not in our time")
    except ValueError as error:
        raise UsageError(f"{text[:40]!r} is no day", hint="write it as 2026-11-23") from error
    return day


def _find_midnight(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp()) * 10**9
