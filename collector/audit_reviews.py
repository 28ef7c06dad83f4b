# SPDX-License-Identifier: Apache-2.0
"""Looking through the audit log: who saw which rows, and never his own.

A review covers the rows that its reviewer was shown and no other: what he did himself waits for somebody else. A row
about a safeguarding flag never says which flag. A reader of flags, such as the head, is shown no such row but his own:
the flag may be about himself, and the row would tell him that there is one. Those rows wait for somebody who reads no
flags. The log itself is `audit`'s.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, exists, func, insert, not_, or_, select

from collector.audit import record, verify_audit
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import audit, audit_reviews
from proto.errors import ChainError

SEALED_ACTIONS, SEALED_SUBJECTS = "flag.", "flag/"
"""What begins with these is about one flag: the row is shown without saying which, and to no reader of flags."""
HIDDEN_SUBJECT = "a safeguarding flag"
MAX_NOTE_CHARACTERS = 2000
MAX_ROWS_AT_ONCE = 100
"""So many are shown, and signed off, together: nobody signs what he did not see."""
_NO_SUCH_ROWS = "there are no such rows"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks through the log at the console."""

    name: str
    reads_flags: bool
    """In any of his roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedEntry:
    """A row of the log as it may be shown, and who has looked at it."""

    number: int
    at_ns: int
    actor: str
    action: str
    subject: str
    detail: str
    reviewers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What nobody but its actor has looked at yet."""

    rows: int
    """That this viewer can look at."""
    own: int
    """That he did himself: they wait for another."""
    oldest_at_ns: int
    """0 when none waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One look through the log."""

    at_ns: int
    reviewer: str
    rows: int
    """That it covers; between the first and the last there can be others."""
    first_number: int
    last_number: int
    note: str


def list_log(
    engine: Engine,
    school_id: str,
    viewer: Viewer | None = None,
    *,
    actor: str = "",
    waiting: bool = False,
    before: int = 0,
    limit: int = 100,
) -> list[ReviewedEntry]:
    """Return rows, newest first: of one actor, only those that wait for a review, only those before a number.

    Those that this viewer may see; without one, for the operator, all.
    """
    wanted = [audit.c.school_id == school_id, *_list_limits(viewer)]
    if actor:
        wanted.append(audit.c.actor == actor)
    if waiting:
        wanted.append(not_(_is_reviewed()))
    if before:
        wanted.append(audit.c.number < before)
    query = _select_rows().where(*wanted).order_by(audit.c.number.desc()).limit(limit)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        reviews = connection.execute(select(audit_reviews).where(audit_reviews.c.school_id == school_id)).all()
    return [_to_entry(row, reviews) for row in rows]


def list_waiting(engine: Engine, school_id: str, viewer: Viewer) -> list[ReviewedEntry]:
    """Return what this viewer can sign off now: what others did and nobody else has looked at, oldest first."""
    wanted = (audit.c.school_id == school_id, audit.c.actor != viewer.name, not_(_is_reviewed()), *_list_limits(viewer))
    with reading(engine) as connection:
        rows = connection.execute(_select_rows().where(*wanted).order_by(audit.c.number).limit(MAX_ROWS_AT_ONCE)).all()
    return [_to_entry(row, ()) for row in rows]


def list_actors(engine: Engine, school_id: str, viewer: Viewer) -> list[str]:
    """Return everybody who did something that this viewer may see, by name."""
    wanted = (audit.c.school_id == school_id, *_list_limits(viewer))
    query = select(audit.c.actor).distinct().where(*wanted).order_by(audit.c.actor)
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def count_waiting(engine: Engine, school_id: str, viewer: Viewer | None = None) -> Waiting:
    """Return what waits for a review that this viewer may see; for the operator, all of it."""
    name = viewer.name if viewer else ""
    open_rows = select(func.count(), func.min(audit.c.at_ns)).where(
        audit.c.school_id == school_id, not_(_is_reviewed()), *_list_limits(viewer)
    )
    with reading(engine) as connection:
        rows, oldest = connection.execute(open_rows.where(audit.c.actor != name)).one()
        own = connection.execute(open_rows.where(audit.c.actor == name)).one()[0]
    return Waiting(rows=rows, own=own, oldest_at_ns=oldest or 0)


def list_reviews(engine: Engine, school_id: str, *, limit: int = 20) -> list[Review]:
    """Return the last looks through the log, newest first."""
    columns = audit_reviews.c
    one_look = (columns.at_ns, columns.reviewer, columns.note)
    query = (
        select(
            *one_look,
            func.min(columns.first_number).label("first_number"),
            func.max(columns.last_number).label("last_number"),
            func.sum(columns.last_number - columns.first_number + 1).label("row_count"),
        )
        .where(columns.school_id == school_id)
        .group_by(*one_look)
        .order_by(columns.at_ns.desc(), func.max(columns.last_number).desc())
        .limit(limit)
    )
    with reading(engine) as connection:
        return [
            Review(
                at_ns=row.at_ns,
                reviewer=row.reviewer,
                rows=int(row.row_count),
                first_number=row.first_number,
                last_number=row.last_number,
                note=row.note,
            )
            for row in connection.execute(query)
        ]


def review(
    engine: Engine, school_id: str, viewer: Viewer, *, first_number: int, last_number: int, note: str, now_ns: int
) -> None:
    """Keep that somebody looked at the rows that waited for him from one number to another, and what he found.

    Raises:
        UsageError: there are no such rows, none of them waits for him, they are more than a page shows, or the log does
            not verify: one that somebody changed is not signed off.
    """
    note = note.strip()
    if len(note) > MAX_NOTE_CHARACTERS:
        raise UsageError(f"the note is longer than {MAX_NOTE_CHARACTERS} characters")
    try:
        length = verify_audit(engine, school_id)
    except ChainError as error:
        raise UsageError(
            f"the log does not verify: {error.message}", hint="tell whoever is responsible; do not sign it off"
        ) from error
    if not 1 <= first_number <= last_number <= length:
        raise UsageError(_NO_SUCH_ROWS, hint="look at the log again")
    with writing(engine) as connection:
        runs = _to_runs(_load_for(connection, school_id, viewer, first_number, last_number))
        for run in runs:
            connection.execute(
                insert(audit_reviews).values(
                    review_id=secrets.token_hex(8),
                    school_id=school_id,
                    at_ns=now_ns,
                    reviewer=viewer.name,
                    first_number=run[0].number,
                    last_number=run[-1].number,
                    last_hash=run[-1].hash,
                    note=note,
                )
            )
        # In the log, which nobody can change unseen, stands exactly what was covered.
        covered = ",".join(str(run[0].number) if len(run) == 1 else f"{run[0].number}-{run[-1].number}" for run in runs)
        record(
            connection,
            school_id,
            actor=viewer.name,
            action="audit.reviewed",
            subject=f"audit/{covered}",
            detail=note,
            now_ns=now_ns,
        )


def _load_for(
    connection: Connection, school_id: str, viewer: Viewer, first_number: int, last_number: int
) -> list[Row[Any]]:
    """Return the rows of a range that wait for this viewer, oldest first."""
    wanted = (audit.c.school_id == school_id, audit.c.number.between(first_number, last_number), *_list_limits(viewer))
    columns = (audit.c.number, audit.c.actor, audit.c.hash, _is_reviewed().label("is_reviewed"))
    seen = connection.execute(select(*columns).where(*wanted).order_by(audit.c.number)).all()
    if not seen:
        raise UsageError(_NO_SUCH_ROWS, hint="look at the log again")
    if all(row.actor == viewer.name for row in seen):
        raise UsageError("you did all of this yourself", hint="somebody else must look at it")
    waiting = [row for row in seen if row.actor != viewer.name and not row.is_reviewed]
    if not waiting:
        raise UsageError("somebody has looked at these rows already", hint="look at the log again")
    if len(waiting) > MAX_ROWS_AT_ONCE:
        raise UsageError(f"these are more than {MAX_ROWS_AT_ONCE} rows", hint="sign off what the page shows")
    return waiting


def _to_runs(rows: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
    """Part rows where a number between them is missing."""
    grouped = groupby(enumerate(rows), key=lambda pair: pair[1].number - pair[0])
    return [[row for _, row in run] for _, run in grouped]


def _list_limits(viewer: Viewer | None) -> list[ColumnElement[bool]]:
    """Return what a row must be for this viewer to learn of it."""
    if viewer is None or not viewer.reads_flags:
        return []
    return [or_(not_(_is_about_flag()), audit.c.actor == viewer.name)]


def _select_rows() -> Select[Any]:
    return select(audit, _is_about_flag().label("is_about_flag"))


def _is_about_flag() -> ColumnElement[bool]:
    return or_(audit.c.action.startswith(SEALED_ACTIONS), audit.c.subject.startswith(SEALED_SUBJECTS))


def _is_reviewed() -> ColumnElement[bool]:
    """Whether somebody other than its actor has looked at a row of `audit`."""
    return exists(
        select(1).where(
            and_(
                audit_reviews.c.school_id == audit.c.school_id,
                audit_reviews.c.first_number <= audit.c.number,
                audit_reviews.c.last_number >= audit.c.number,
                audit_reviews.c.reviewer != audit.c.actor,
            )
        )
    )


def _to_entry(row: Any, reviews: Any) -> ReviewedEntry:
    who = {
        each.reviewer
        for each in reviews
        if each.first_number <= row.number <= each.last_number and each.reviewer != row.actor
    }
    return ReviewedEntry(
        number=row.number,
        at_ns=row.at_ns,
        actor=row.actor,
        action=row.action,
        subject=HIDDEN_SUBJECT if row.is_about_flag else row.subject,
        detail="" if row.is_about_flag else row.detail,
        reviewers=tuple(sorted(who)),
    )
