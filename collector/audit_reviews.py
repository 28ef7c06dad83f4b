# SPDX-License-Identifier: Apache-2.0
"""Looking through the audit log: who saw which rows, and never his own.

A review covers the rows from one number to another, except those of the reviewer himself: they wait for somebody else.
A row about a safeguarding flag says who did what and when, and not which flag: whoever looks through the log need not
be one of its readers, and may be the person it is about. The log itself is `audit`'s.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, exists, func, insert, not_, select

from collector.audit import AuditEntry, record, verify_audit
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import audit, audit_reviews
from proto.errors import ChainError

SEALED_ACTIONS = ("flag.",)
"""What these begin with is about one flag: the row is shown without saying which."""
HIDDEN_SUBJECT = "a safeguarding flag"
MAX_NOTE_CHARACTERS = 2000


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
    """That this reviewer can look at."""
    own: int
    """That he did himself: they wait for another."""
    first_number: int
    last_number: int
    oldest_at_ns: int
    """0 when none waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One look through the log."""

    at_ns: int
    reviewer: str
    first_number: int
    last_number: int
    note: str


def list_log(
    engine: Engine, school_id: str, *, actor: str = "", waiting: bool = False, before: int = 0, limit: int = 100
) -> list[ReviewedEntry]:
    """Return rows, newest first: of one actor, only those that wait for a review, only those before a number."""
    wanted = [audit.c.school_id == school_id]
    if actor:
        wanted.append(audit.c.actor == actor)
    if waiting:
        wanted.append(not_(_is_reviewed()))
    if before:
        wanted.append(audit.c.number < before)
    query = select(audit).where(*wanted).order_by(audit.c.number.desc()).limit(limit)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        reviews = connection.execute(select(audit_reviews).where(audit_reviews.c.school_id == school_id)).all()
    return [_to_entry(row, reviews) for row in rows]


def list_actors(engine: Engine, school_id: str) -> list[str]:
    """Return everybody who did something, by name."""
    query = select(audit.c.actor).distinct().where(audit.c.school_id == school_id).order_by(audit.c.actor)
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def count_waiting(engine: Engine, school_id: str, reviewer: str = "") -> Waiting:
    """Return what waits for a review; for nobody in particular, all of it."""
    open_rows = select(func.count(), func.min(audit.c.number), func.max(audit.c.number), func.min(audit.c.at_ns)).where(
        audit.c.school_id == school_id, not_(_is_reviewed())
    )
    with reading(engine) as connection:
        rows, first, last, oldest = connection.execute(open_rows.where(audit.c.actor != reviewer)).one()
        own = connection.execute(open_rows.where(audit.c.actor == reviewer)).one()[0]
    return Waiting(rows=rows, own=own, first_number=first or 0, last_number=last or 0, oldest_at_ns=oldest or 0)


def list_reviews(engine: Engine, school_id: str, *, limit: int = 20) -> list[Review]:
    """Return the last looks through the log, newest first."""
    query = (
        select(audit_reviews)
        .where(audit_reviews.c.school_id == school_id)
        .order_by(audit_reviews.c.at_ns.desc())
        .limit(limit)
    )
    with reading(engine) as connection:
        return [
            Review(
                at_ns=row.at_ns,
                reviewer=row.reviewer,
                first_number=row.first_number,
                last_number=row.last_number,
                note=row.note,
            )
            for row in connection.execute(query)
        ]


def review(
    engine: Engine, school_id: str, *, reviewer: str, first_number: int, last_number: int, note: str, now_ns: int
) -> Review:
    """Keep that somebody looked through the rows from one number to another, and what he found.

    Raises:
        UsageError: there are no such rows, he did all of them himself, or the log does not verify: one that somebody
            changed is not signed off.
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
        raise UsageError("there are no such rows", hint="look at the log again")
    made = Review(at_ns=now_ns, reviewer=reviewer, first_number=first_number, last_number=last_number, note=note)
    with writing(engine) as connection:
        seen = (audit.c.school_id == school_id, audit.c.number.between(first_number, last_number))
        others = connection.execute(select(func.count()).where(*seen, audit.c.actor != reviewer)).scalar_one()
        if not others:
            raise UsageError("you did all of this yourself", hint="somebody else must look at it")
        last_hash = connection.execute(
            select(audit.c.hash).where(audit.c.school_id == school_id, audit.c.number == last_number)
        ).scalar_one()
        connection.execute(
            insert(audit_reviews).values(
                review_id=secrets.token_hex(8),
                school_id=school_id,
                at_ns=now_ns,
                reviewer=reviewer,
                first_number=first_number,
                last_number=last_number,
                last_hash=last_hash,
                note=note,
            )
        )
        record(
            connection,
            school_id,
            actor=reviewer,
            action="audit.reviewed",
            subject=f"audit/{first_number}-{last_number}",
            detail=note,
            now_ns=now_ns,
        )
    return made


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
    entry = AuditEntry(
        number=row.number, at_ns=row.at_ns, actor=row.actor, action=row.action, subject=row.subject, detail=row.detail
    )
    is_sealed = entry.action.startswith(SEALED_ACTIONS) or entry.subject.startswith(SEALED_ACTIONS[0].rstrip(".") + "/")
    who = {
        each.reviewer
        for each in reviews
        if each.first_number <= entry.number <= each.last_number and each.reviewer != entry.actor
    }
    return ReviewedEntry(
        number=entry.number,
        at_ns=entry.at_ns,
        actor=entry.actor,
        action=entry.action,
        subject=HIDDEN_SUBJECT if is_sealed else entry.subject,
        detail="" if is_sealed else entry.detail,
        reviewers=tuple(sorted(who)),
    )
