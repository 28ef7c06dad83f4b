# SPDX-License-Identifier: Apache-2.0
"""The register of changes: each that somebody asked for, whatever became of it. Rows are decided once and stay.

Who may decide one and what follows is in `agreement`.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from collector.audit import record
from collector.changes.amendments import Amendment, dump_amendment, load_amendment
from collector.composition import Composition
from collector.errors import PermissionDeniedError, UsageError
from collector.people.second_person import is_made_by, is_same_person
from collector.store.engine import reading
from collector.store.schema import changes

MAX_WAITING = 50
"""More than that nobody looks through."""


class ChangeState(StrEnum):
    """How far a change is."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One of them."""

    id: str
    subject: str
    author: str
    reason: str
    difference: str
    weakens: tuple[str, ...]
    """What it takes away from safeguards."""
    state: ChangeState
    made_at_ns: int
    decided_at_ns: int | None
    decided_by: str | None
    """The second person; None when nobody had to be asked."""
    decision_note: str
    version: int | None
    """Of the policy that carries it."""


def find_change(engine: Engine, school_id: str, change_id: str) -> Change | None:
    """Return a change, or None."""
    query = select(changes).where(changes.c.school_id == school_id, changes.c.change_id == change_id)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return _to_change(row) if row else None


def list_changes(engine: Engine, school_id: str, *, limit: int = 200) -> list[Change]:
    """Return the newest changes, newest first."""
    query = select(changes).where(changes.c.school_id == school_id)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(changes.c.made_at_ns.desc(), changes.c.change_id).limit(limit))
        return [_to_change(row) for row in rows]


def list_waiting(engine: Engine, school_id: str) -> list[Change]:
    """Return the changes that wait for a second person, the oldest first."""
    query = select(changes).where(changes.c.school_id == school_id, changes.c.state == ChangeState.PROPOSED)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(changes.c.made_at_ns, changes.c.change_id))
        return [_to_change(row) for row in rows]


def find_waiting(connection: Connection, school_id: str, change_id: str, actor: str) -> tuple[Change, Amendment]:
    """Return a change that waits for a decision, and what it does.

    Raises:
        UsageError: there is none, or it is decided.
        PermissionDeniedError: who decides is who asked for it, or a user whom he made.
    """
    query = select(changes).where(changes.c.school_id == school_id, changes.c.change_id == change_id)
    row = connection.execute(query).first()
    if row is None:
        raise UsageError(
            f"there is no change {change_id!r:.60}", hint="list them: schoolwarden-collector policy changes"
        )
    if row.state != ChangeState.PROPOSED:
        raise UsageError(f"this change is {row.state} already", hint="nothing waits to be decided about it")
    if objection := find_objection(connection, school_id, row.author, actor):
        raise PermissionDeniedError(objection, hint="somebody else who may agree has to look at it")
    return _to_change(row), load_amendment(row.step)


def find_objection(connection: Connection, school_id: str, author: str, user: str) -> str:
    """Return why a user's word on an author's change is no second person's; empty when it is."""
    if is_same_person(connection, school_id, user, author):
        return "nobody gives the second word on his own change"
    if is_made_by(connection, school_id, user, author):
        return "whoever asked for this change made your user, or gave it its roles or a password"
    return ""


def verify_room(connection: Connection, school_id: str) -> None:
    """Check that not too many changes wait already.

    Raises:
        UsageError: too many do.
    """
    waiting = (changes.c.school_id == school_id, changes.c.state == ChangeState.PROPOSED)
    count = connection.execute(select(func.count()).select_from(changes).where(*waiting)).scalar_one()
    if count >= MAX_WAITING:
        raise UsageError(f"{MAX_WAITING} changes wait already", hint="decide or withdraw some of them first")


def keep(connection: Connection, school_id: str, change: Change, amendment: Amendment) -> None:
    """Write down a change that was asked for, published or not."""
    connection.execute(
        insert(changes).values(
            change_id=change.id,
            school_id=school_id,
            subject=change.subject,
            author=change.author,
            reason=change.reason,
            difference=change.difference,
            weakens=json.dumps(change.weakens),
            step=dump_amendment(amendment),
            state=change.state.value,
            made_at_ns=change.made_at_ns,
            version=change.version,
        )
    )
    action = "change.proposed" if change.state is ChangeState.PROPOSED else "change.published"
    detail = f"{change.subject}: {change.reason}"
    subject = f"change/{change.id}"
    record(
        connection,
        school_id,
        actor=change.author,
        action=action,
        subject=subject,
        detail=detail,
        now_ns=change.made_at_ns,
    )


_ACTIONS = {
    ChangeState.PUBLISHED: "change.agreed",
    ChangeState.REFUSED: "change.refused",
    ChangeState.WITHDRAWN: "change.withdrawn",
}


def decide(
    connection: Connection, school_id: str, change: Change, state: ChangeState, *, actor: str, note: str, now_ns: int
) -> None:
    """Write down what was decided about a change."""
    values = {"state": state.value, "decided_at_ns": now_ns, "decided_by": actor, "decision_note": note}
    connection.execute(update(changes).where(changes.c.change_id == change.id).values(values))
    subject, detail = f"change/{change.id}", f"{change.subject}, asked by {change.author}. {note}".strip()
    record(connection, school_id, actor=actor, action=_ACTIONS[state], subject=subject, detail=detail, now_ns=now_ns)


def show_anew(connection: Connection, change_id: str, composition: Composition, *, version: int | None = None) -> None:
    """Write down what a change would do now, or did under the version that carries it."""
    values = {"difference": composition.difference, "weakens": json.dumps(composition.weakenings), "version": version}
    connection.execute(update(changes).where(changes.c.change_id == change_id).values(values))


def _to_change(row: Row[Any]) -> Change:
    return Change(
        id=row.change_id,
        subject=row.subject,
        author=row.author,
        reason=row.reason,
        difference=row.difference,
        weakens=tuple(json.loads(row.weakens)),
        state=ChangeState(row.state),
        made_at_ns=row.made_at_ns,
        decided_at_ns=row.decided_at_ns,
        decided_by=row.decided_by,
        decision_note=row.decision_note,
        version=row.version,
    )
