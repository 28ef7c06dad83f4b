# SPDX-License-Identifier: Apache-2.0
"""Incidents: one for each (school, rule, subject), counted while it lasts, reopened when it comes back (`counting`).

States: open -> acknowledged -> resolved, and back to open by a person or by the next event. One of the class illegal
is resolved only after it was recorded what was decided about the police. It never decides who may see one: every query
takes the audiences of the reader, and there is no query without. What the policy names to be done is in `responses`.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from collector import audit
from collector.devices import is_unconfirmed
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import devices, incident_history, incident_responses, incidents
from proto.events import Audience
from rules.model import ActionClass
from rules.responses import Step

OURSELVES = "schoolwarden"
"""The actor of what happens without a person."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Action(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NOTED = "noted"
    ESCALATED = "escalated"
    RESPONDED = "responded"
    PARENTS_ASKED = "parents_asked"
    PARENTS_DECIDED = "parents_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as people and exports see it."""

    id: str
    school: str
    rule: str
    rule_title: str
    audience: str
    severity: int
    action_class: str
    state: str
    device: str
    hostname: str
    subject: str
    group: str
    opened_at_ns: int
    last_seen_at_ns: int
    count: int
    reopened: int
    escalated: int
    """How often it got worse by coming again."""
    response: str
    """Id of what the policy named to be done when it was seen last; empty where it named nothing."""
    summary: str
    clauses: tuple[str, ...]
    first_event_id: int
    last_event_id: int
    is_unconfirmed: bool
    """Nobody ever said that its device is one of the school's."""

    @property
    def times(self) -> int:
        """Which time it is that this came up: what its persistence is measured by."""
        return 1 + self.reopened + self.escalated

    @property
    def is_illegal(self) -> bool:
        """Whether the policy calls it illegal: then nobody here investigates it."""
        return self.action_class == ActionClass.ILLEGAL


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to an incident."""

    at_ns: int
    actor: str
    action: str
    note: str
    event_id: int | None


def list_incidents(
    engine: Engine,
    school_id: str,
    *,
    audiences: Collection[Audience],
    states: Collection[IncidentState] = tuple(IncidentState),
    device_id: str | None = None,
    least_severity: int = 1,
    limit: int = 1000,
) -> list[Incident]:
    """Return the incidents that a reader with these audiences may see, newest first."""
    query = _query(school_id, audiences).where(incidents.c.state.in_([state.value for state in states]))
    if least_severity > 1:
        query = query.where(incidents.c.severity >= least_severity)
    if device_id is not None:
        query = query.where(incidents.c.device_id == device_id)
    query = query.order_by(incidents.c.last_seen_at_ns.desc(), incidents.c.incident_id).limit(limit)
    with reading(engine) as connection:
        return [_to_incident(row) for row in connection.execute(query)]


def find_incident(
    engine: Engine, school_id: str, incident_id: str, *, audiences: Collection[Audience]
) -> Incident | None:
    """Return one incident, or None if there is none that this reader may see."""
    with reading(engine) as connection:
        row = connection.execute(_query(school_id, audiences).where(incidents.c.incident_id == incident_id)).first()
        return _to_incident(row) if row else None


def count_open(engine: Engine, school_id: str, *, audiences: Collection[Audience]) -> int:
    """Return how many incidents wait for somebody."""
    with reading(engine) as connection:
        return connection.execute(
            select(func.count())
            .select_from(incidents)
            .where(
                incidents.c.school_id == school_id,
                incidents.c.audience.in_([each.name.lower() for each in audiences]),
                incidents.c.state == IncidentState.OPEN.value,
            )
        ).scalar_one()


def list_history(engine: Engine, school_id: str, incident_id: str) -> list[HistoryEntry]:
    """Return what happened to an incident, in order. The caller has checked that the reader may see it."""
    query = (
        select(incident_history)
        .where(incident_history.c.school_id == school_id, incident_history.c.incident_id == incident_id)
        .order_by(incident_history.c.history_id)
    )
    with reading(engine) as connection:
        return [
            HistoryEntry(row.at_ns, row.actor, row.action, row.note, row.event_id) for row in connection.execute(query)
        ]


def decide(
    engine: Engine,
    school_id: str,
    incident_id: str,
    *,
    audiences: Collection[Audience],
    actor: str,
    action: Action,
    note: str,
    now_ns: int,
) -> None:
    """Acknowledge, resolve, reopen or note an incident. Doing the same again changes nothing.

    Raises:
        UsageError: there is no such incident for this reader, a resolution comes without a note, or the incident is of
            the class illegal and nobody recorded what was decided about the police.
    """
    if action is Action.RESOLVED and not note.strip():
        raise UsageError("say what was done", hint="a resolved incident needs a note")
    if action is Action.NOTED and not note.strip():
        raise UsageError("the note is empty", hint="write what should be remembered")
    target = {
        Action.ACKNOWLEDGED: IncidentState.ACKNOWLEDGED,
        Action.RESOLVED: IncidentState.RESOLVED,
        Action.REOPENED: IncidentState.OPEN,
    }.get(action)
    with writing(engine) as connection:
        incident = hold_seen(connection, school_id, incident_id, audiences=audiences)
        if target is not None and incident.state == target.value:
            return
        if action is Action.RESOLVED and incident.is_illegal and not is_decided_about_police(connection, incident_id):
            raise UsageError(
                "nobody recorded what was decided about the police",
                hint="the policy calls this illegal: record that step first, also if nothing is reported",
            )
        audit.record(
            connection,
            school_id,
            actor=actor,
            action=f"incident.{action.value}",
            subject=f"incident/{incident_id}",
            now_ns=now_ns,
        )
        if target is not None:
            connection.execute(
                update(incidents).where(incidents.c.incident_id == incident_id).values(state=target.value)
            )
        note_history(connection, school_id, incident_id, now_ns, actor, action, note=note.strip())


def hold_seen(connection: Connection, school_id: str, incident_id: str, *, audiences: Collection[Audience]) -> Incident:
    """Return an incident that this reader may see. Nobody else changes it until the commit.

    Raises:
        UsageError: there is no such incident for this reader.
    """
    query = _query(school_id, audiences).where(incidents.c.incident_id == incident_id)
    row = connection.execute(query.with_for_update(of=incidents)).first()
    if row is None:
        raise UsageError("there is no such incident")
    return _to_incident(row)


def is_decided_about_police(connection: Connection, incident_id: str) -> bool:
    """Return whether it was recorded what the school decided about the police."""
    query = select(incident_responses.c.response_id).where(
        incident_responses.c.incident_id == incident_id, incident_responses.c.step == Step.POLICE.value
    )
    return connection.execute(query.limit(1)).first() is not None


def hold_for(connection: Connection, school_id: str, *, rule: str, subject: str) -> str | None:
    """Return the id of an incident that is not resolved, or None. Nobody counts or reopens it until the commit."""
    query = select(incidents.c.incident_id).where(
        incidents.c.school_id == school_id,
        incidents.c.rule == rule,
        incidents.c.subject == subject,
        incidents.c.state != IncidentState.RESOLVED.value,
    )
    return connection.execute(query.with_for_update()).scalar()


def resolve_held(connection: Connection, school_id: str, incident_id: str, *, actor: str, now_ns: int) -> None:
    """Resolve an incident that is held, because what is behind it was decided."""
    state = {"state": IncidentState.RESOLVED.value}
    connection.execute(update(incidents).where(incidents.c.incident_id == incident_id).values(**state))
    note_history(connection, school_id, incident_id, now_ns, actor, Action.RESOLVED)


def note_history(
    connection: Connection,
    school_id: str,
    incident_id: str,
    at_ns: int,
    actor: str,
    action: Action,
    *,
    note: str = "",
    event_id: int | None = None,
) -> None:
    """Write down what became of an incident, and through whom."""
    connection.execute(
        insert(incident_history).values(
            school_id=school_id,
            incident_id=incident_id,
            at_ns=at_ns,
            actor=actor,
            action=action.value,
            note=note,
            event_id=event_id,
        )
    )


def _query(school_id: str, audiences: Collection[Audience]) -> Any:
    return (
        # `row.count` would be the tuple's own method.
        select(
            incidents,
            incidents.c.count.label("sightings"),
            devices.c.hostname,
            devices.c.state.label("device_state"),
            devices.c.confirmed_at_ns,
        )
        .join_from(incidents, devices, devices.c.device_id == incidents.c.device_id)
        .where(incidents.c.school_id == school_id, incidents.c.audience.in_([each.name.lower() for each in audiences]))
    )


def _to_incident(row: Row[Any]) -> Incident:
    return Incident(
        id=row.incident_id,
        school=row.school_id,
        rule=row.rule,
        rule_title=row.rule_title,
        audience=row.audience,
        severity=row.severity,
        action_class=row.action_class,
        state=row.state,
        device=row.device_id,
        hostname=row.hostname,
        subject=row.subject,
        group=row.group_key,
        opened_at_ns=row.opened_at_ns,
        last_seen_at_ns=row.last_seen_at_ns,
        count=row.sightings,
        reopened=row.reopened,
        escalated=row.escalated,
        response=row.response,
        summary=row.summary,
        clauses=tuple(json.loads(row.clauses)),
        first_event_id=row.first_event_id,
        last_event_id=row.last_event_id,
        is_unconfirmed=is_unconfirmed(row.device_state, row.confirmed_at_ns),
    )
