# SPDX-License-Identifier: Apache-2.0
"""Whether parents are told of an incident: whoever decides the incident asks, the safeguarding lead answers.

Telling can put a child at risk, and who looks after machines does not know. So nobody records that parents were told
before the DSL agreed (`responses`). The ground of a veto is one of a few words, for those who decide it alone: it
stands in no history, no audit log and no answer of `find_decision`. More about it belongs in the school's safeguarding
record, not here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from collector import audit
from collector.errors import PermissionDeniedError, UsageError
from collector.incidents import Action, hold_seen, note_history
from collector.roles import Permission, list_permissions, load_roles
from collector.store.engine import reading, writing
from collector.store.schema import devices, incident_responses, incidents, parent_decisions, users
from proto.events import Audience
from rules.responses import Step


class ParentState(StrEnum):
    """Where the question stands."""

    ASKED = "asked"
    AGREED = "agreed"
    VETOED = "vetoed"


class Ground(StrEnum):
    """Why parents are not told."""

    HARM = "harm"
    """It could put a child at risk."""
    AGENCY = "agency"
    """The police or children's social care asked to wait."""
    CONTACT = "contact"
    """There is nobody who could safely be told."""
    ELSEWHERE = "elsewhere"
    """They are told in another way, by the safeguarding lead."""
    RECORD = "record"
    """Another ground, which stands in the school's safeguarding record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What those who see the incident may know. The ground is not among it."""

    state: ParentState
    asked_by: str
    asked_at_ns: int
    decided_at_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as the safeguarding lead sees it."""

    incident: str
    rule_title: str
    summary: str
    hostname: str
    severity: int
    times: int
    opened_at_ns: int
    last_seen_at_ns: int
    asked_by: str
    asked_at_ns: int
    state: ParentState
    ground: Ground | None
    decided_by: str | None
    decided_at_ns: int | None
    is_told: bool
    """Whether it was recorded that parents were told."""


def ask(
    engine: Engine, school_id: str, incident_id: str, *, audiences: Collection[Audience], actor: str, now_ns: int
) -> None:
    """Ask the safeguarding lead whether parents may be told. A question that stands already is not asked again.

    Raises:
        UsageError: there is no such incident for this reader.
    """
    with writing(engine) as connection:
        hold_seen(connection, school_id, incident_id, audiences=audiences)
        if _find_question(connection, school_id, incident_id) is not None:
            return
        connection.execute(
            insert(parent_decisions).values(
                school_id=school_id,
                incident_id=incident_id,
                asked_by=actor,
                asked_at_ns=now_ns,
                state=ParentState.ASKED.value,
            )
        )
        _write_down(connection, school_id, incident_id, Action.PARENTS_ASKED, "parents.asked", actor, now_ns)


def decide(engine: Engine, school_id: str, incident_id: str, *, ground: Ground | None, actor: str, now_ns: int) -> None:
    """Agree that parents are told, or, with a ground, veto it. The caller has checked that this user may.

    A decision can be changed until parents were told. A ground that does not hold any more is not kept. Whoever asked
    decides only where nobody else could: a school with one safeguarding lead is not left without an answer.

    Raises:
        UsageError: nobody asked, or parents were told already.
        PermissionDeniedError: this user asked, and another one may decide.
    """
    with writing(engine) as connection:
        # The incident's row is what a record of having told them waits for as well.
        connection.execute(
            select(incidents.c.incident_id).where(incidents.c.incident_id == incident_id).with_for_update()
        )
        question = _find_question(connection, school_id, incident_id)
        if question is None:
            raise UsageError("nobody asked whether parents are told of this")
        if question.asked_by == actor and _list_deciders(connection, school_id) - {actor}:
            raise PermissionDeniedError("you asked this yourself: somebody else decides it")
        if connection.execute(_told(school_id).where(incident_responses.c.incident_id == incident_id)).first():
            raise UsageError("parents were told already", hint="the decision cannot be changed any more")
        connection.execute(
            update(parent_decisions)
            .where(parent_decisions.c.school_id == school_id, parent_decisions.c.incident_id == incident_id)
            .values(
                state=(ParentState.AGREED if ground is None else ParentState.VETOED).value,
                ground="" if ground is None else ground.value,
                decided_by=actor,
                decided_at_ns=now_ns,
            )
        )
        _write_down(connection, school_id, incident_id, Action.PARENTS_DECIDED, "parents.decided", actor, now_ns)


def find_decision(engine: Engine, school_id: str, incident_id: str) -> Decision | None:
    """Return how the question stands, or None if nobody asked. The caller has checked that the reader may see it."""
    columns = (
        parent_decisions.c.state,
        parent_decisions.c.asked_by,
        parent_decisions.c.asked_at_ns,
        parent_decisions.c.decided_at_ns,
    )
    query = select(*columns).where(
        parent_decisions.c.school_id == school_id, parent_decisions.c.incident_id == incident_id
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return Decision(
        state=ParentState(row.state),
        asked_by=row.asked_by,
        asked_at_ns=row.asked_at_ns,
        decided_at_ns=row.decided_at_ns,
    )


def list_questions(engine: Engine, school_id: str, *, limit: int = 1000) -> list[Question]:
    """Return the questions with the grounds, for those who decide them and for nobody else.

    Those that wait come first, and the newest asked before the older.
    """
    query = (
        select(
            parent_decisions,
            incidents.c.rule_title,
            incidents.c.summary,
            incidents.c.severity,
            incidents.c.reopened,
            incidents.c.escalated,
            incidents.c.opened_at_ns,
            incidents.c.last_seen_at_ns,
            devices.c.hostname,
        )
        .join_from(parent_decisions, incidents, incidents.c.incident_id == parent_decisions.c.incident_id)
        .join(devices, devices.c.device_id == incidents.c.device_id)
        .where(parent_decisions.c.school_id == school_id)
        .order_by(
            parent_decisions.c.state != ParentState.ASKED.value,
            parent_decisions.c.asked_at_ns.desc(),
            parent_decisions.c.incident_id,
        )
        .limit(limit)
    )
    with reading(engine) as connection:
        told = set(connection.execute(_told(school_id)).scalars())
        return [_to_question(row, told) for row in connection.execute(query)]


def list_deciders(engine: Engine, school_id: str) -> set[str]:
    """Return the names of the users who may decide it."""
    with reading(engine) as connection:
        return _list_deciders(connection, school_id)


def _told(school_id: str) -> Any:
    return select(incident_responses.c.incident_id).where(
        incident_responses.c.school_id == school_id, incident_responses.c.step == Step.PARENTS.value
    )


def _find_question(connection: Connection, school_id: str, incident_id: str) -> Row[Any] | None:
    query = select(parent_decisions.c.asked_by).where(
        parent_decisions.c.school_id == school_id, parent_decisions.c.incident_id == incident_id
    )
    return connection.execute(query).first()


def _list_deciders(connection: Connection, school_id: str) -> set[str]:
    query = select(users.c.name, users.c.roles).where(users.c.school_id == school_id, users.c.disabled.is_(False))
    return {
        row.name
        for row in connection.execute(query)
        if Permission.DECIDE_PARENTS in list_permissions(load_roles(row.roles))
    }


def _write_down(
    connection: Connection, school_id: str, incident_id: str, action: Action, name: str, actor: str, now_ns: int
) -> None:
    """Say that it was asked or decided, and never what the ground was."""
    note_history(connection, school_id, incident_id, now_ns, actor, action)
    audit.record(connection, school_id, actor=actor, action=name, subject=f"incident/{incident_id}", now_ns=now_ns)


def _to_question(row: Row[Any], told: Collection[str]) -> Question:
    return Question(
        incident=row.incident_id,
        rule_title=row.rule_title,
        summary=row.summary,
        hostname=row.hostname,
        severity=row.severity,
        times=1 + row.reopened + row.escalated,
        opened_at_ns=row.opened_at_ns,
        last_seen_at_ns=row.last_seen_at_ns,
        asked_by=row.asked_by,
        asked_at_ns=row.asked_at_ns,
        state=ParentState(row.state),
        ground=Ground(row.ground) if row.ground else None,
        decided_by=row.decided_by,
        decided_at_ns=row.decided_at_ns,
        is_told=row.incident_id in told,
    )
