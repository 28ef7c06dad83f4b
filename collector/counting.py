# SPDX-License-Identifier: Apache-2.0
"""Counts what was seen: a sighting opens an incident, counts in it, or opens it again, inside the caller's transaction.

One device has so many open incidents of one rule; what comes beyond counts in one more. Which events an incident rests
on is kept beside it, up to a limit: `evidence` hands them out. What an incident is, and what people do with it, is in
`incidents`.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from collector.clauses import find_own_clauses
from collector.incidents import OURSELVES, Action, IncidentState, note_history
from collector.store.schema import incidents
from proto.events import Audience

MAX_OPEN_OF_A_RULE = 50
"""On one device; what it has beyond is counted in one incident."""
MAX_EVENTS_OF_INCIDENT = 10_000
"""Kept by number; what an incident counts beyond, it only counts."""
OF_SCHOOL = "school/"
"""So begins the subject of what was seen on several devices and is one incident of the school."""
MORE_OF_THE_SAME = "More of the same on this device than can be shown one by one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A reason to open or count an incident: a rule fitted an event."""

    rule: str
    rule_title: str
    audience: Audience
    severity: int
    action_class: str
    device_id: str
    subject: str
    """What it is about, the device included: `device/<id>/program/tor-browser`."""
    group_key: str
    """The same on every device: `program/tor-browser`."""
    summary: str
    clauses: tuple[str, ...]
    event_id: int
    """0 when no event of the ledger stands behind it."""
    count: int = 1
    response: str = ""
    """Id of what the policy names to be done about it."""
    is_escalated: bool = False
    """Its severity is higher than the rule's, because it came again and again."""


def record_sightings(connection: Connection, school_id: str, sightings: Iterable[Sighting], now_ns: int) -> None:
    """Open, count or reopen incidents, inside the transaction that appends the events behind them."""
    merged: dict[tuple[str, str], list[Sighting]] = {}
    for sighting in sightings:
        merged.setdefault((sighting.rule, sighting.subject), []).append(sighting)
    if not merged:
        return
    subjects = sorted({subject for _, subject in merged})
    found = {
        (row.rule, row.subject): row
        for chunk in (subjects[start : start + 500] for start in range(0, len(subjects), 500))
        for row in connection.execute(_FIND, {"school": school_id, "subjects": chunk})
    }
    counted: list[dict[str, Any]] = []
    opened: dict[tuple[str, str], int] = {}
    beyond: list[Sighting] = []
    behind: list[dict[str, Any]] = []
    for key, group in sorted(merged.items()):
        last, count = group[-1], sum(each.count for each in group)
        row = found.get(key)
        if row is None:
            if _has_room(connection, school_id, last, opened):
                incident_id = _open(connection, school_id, group[0], last, count, now_ns)
                behind += _list_events(school_id, incident_id, group, counted_before=0)
            else:
                beyond += [to_more(each) for each in group]
            continue
        behind += _list_events(school_id, row.incident_id, group, counted_before=row.sightings)
        counted.append(_count(row, last, count, now_ns))
        if row.state == IncidentState.RESOLVED:
            note_history(
                connection, school_id, row.incident_id, now_ns, OURSELVES, Action.REOPENED, event_id=last.event_id
            )
        if _escalates(row, last):
            _note_escalated(connection, school_id, row.incident_id, last, now_ns)
    if counted:
        connection.execute(_COUNT, counted)
    if behind:
        connection.execute(_KEEP_EVENTS, behind)
    if beyond:
        record_sightings(connection, school_id, beyond, now_ns)


def _count(row: Any, last: Sighting, count: int, now_ns: int) -> dict[str, Any]:
    """Return what changes in an incident that is there."""
    reopens = row.state == IncidentState.RESOLVED
    return {
        "found": row.incident_id,
        "more": count,
        "now": now_ns,
        "event": last.event_id,
        "worst": max(row.severity, last.severity),
        "newest": last.summary,
        # Of what is the school's it is shown where it was last seen; anything else stays where it is.
        "where": last.device_id if last.subject.startswith(OF_SCHOOL) else row.device_id,
        "named": last.response or row.response,
        "stands": IncidentState.OPEN.value if reopens else row.state,
        "again": int(reopens),
        "higher": int(_escalates(row, last)),
    }


def _escalates(row: Any, last: Sighting) -> bool:
    return last.is_escalated and last.severity > row.severity


def _note_escalated(connection: Connection, school_id: str, incident_id: str, last: Sighting, now_ns: int) -> None:
    note = f"severity {last.severity}, because it came again"
    action, event_id = Action.ESCALATED, last.event_id
    note_history(connection, school_id, incident_id, now_ns, OURSELVES, action, note=note, event_id=event_id)


def _list_events(
    school_id: str, incident_id: str, group: Iterable[Sighting], *, counted_before: int
) -> list[dict[str, Any]]:
    """Return the rows of the events behind an incident, as far as it has room for them.

    It never counts less than it has events, so what it counted is asked, and no table.
    """
    events = dict.fromkeys(each.event_id for each in group if each.event_id)
    room = max(MAX_EVENTS_OF_INCIDENT - counted_before, 0)
    return [{"school": school_id, "incident": incident_id, "event": event_id} for event_id in list(events)[:room]]


def _has_room(connection: Connection, school_id: str, sighting: Sighting, opened: dict[tuple[str, str], int]) -> bool:
    """Tell whether an incident more may stand for a rule on a device, and count it in `opened`.

    What a device calls its programs, files and USB devices is in subjects: without an end, one device could fill the
    list with names that it made up. What is not about a device alone, flags among it, has no such end.
    """
    prefix = f"device/{sighting.device_id}/"
    if not sighting.subject.startswith(prefix) or sighting.subject == prefix + _more_of(sighting.rule):
        return True
    key = (sighting.rule, sighting.device_id)
    if key not in opened:
        asked = {"school": school_id, "rule": sighting.rule, "device": sighting.device_id}
        opened[key] = connection.execute(_COUNT_OF_RULE, asked).scalar_one()
    opened[key] += 1
    return opened[key] <= MAX_OPEN_OF_A_RULE


def _more_of(rule: str) -> str:
    return f"{rule}/more"


def to_more(sighting: Sighting) -> Sighting:
    """Return a sighting as one of those of its rule and device that are not told apart any more."""
    group = _more_of(sighting.rule)
    subject = f"device/{sighting.device_id}/{group}"
    return replace(sighting, subject=subject, group_key=group, summary=MORE_OF_THE_SAME)


# Built once: building a statement costs more than running it, and the first and the last are on the path of every
# commit.
_FIND = (
    select(
        incidents.c.rule,
        incidents.c.subject,
        incidents.c.incident_id,
        incidents.c.state,
        incidents.c.severity,
        incidents.c.device_id,
        incidents.c.response,
        # `row.count` would be the tuple's own method.
        incidents.c.count.label("sightings"),
    )
    .where(incidents.c.school_id == bindparam("school"), incidents.c.subject.in_(bindparam("subjects", expanding=True)))
    # Held until the commit: nobody resolves it between our look and our count. SQLite has one writer anyway. In one
    # order, so that two who hold several do not wait for each other.
    .order_by(incidents.c.subject, incidents.c.rule)
    .with_for_update()
)
_COUNT_OF_RULE = (
    select(func.count())
    .select_from(incidents)
    .where(
        incidents.c.school_id == bindparam("school"),
        incidents.c.device_id == bindparam("device"),
        incidents.c.state != IncidentState.RESOLVED.value,
        incidents.c.rule == bindparam("rule"),
    )
)
_COUNT = (
    update(incidents)
    .where(incidents.c.incident_id == bindparam("found"))
    .values(
        count=incidents.c.count + bindparam("more"),
        last_seen_at_ns=bindparam("now"),
        last_event_id=bindparam("event"),
        severity=bindparam("worst"),
        summary=bindparam("newest"),
        device_id=bindparam("where"),
        response=bindparam("named"),
        state=bindparam("stands"),
        reopened=incidents.c.reopened + bindparam("again"),
        escalated=incidents.c.escalated + bindparam("higher"),
    )
)
# The same event can be seen twice, as one of several accounts on a device; it stands there once.
_KEEP_EVENTS = text(
    "INSERT INTO incident_events (school_id, incident_id, event_id) VALUES (:school, :incident, :event) "
    "ON CONFLICT DO NOTHING"
)


def _open(connection: Connection, school_id: str, first: Sighting, last: Sighting, count: int, now_ns: int) -> str:
    incident_id = secrets.token_hex(8)
    connection.execute(
        insert(incidents).values(
            incident_id=incident_id,
            school_id=school_id,
            rule=first.rule,
            rule_title=first.rule_title,
            audience=first.audience.name.lower(),
            severity=max(first.severity, last.severity),
            action_class=first.action_class,
            state=IncidentState.OPEN.value,
            device_id=first.device_id,
            subject=first.subject,
            group_key=first.group_key,
            summary=last.summary,
            clauses=json.dumps(find_own_clauses(connection, school_id, first.clauses)),
            response=last.response,
            escalated=int(last.is_escalated),
            opened_at_ns=now_ns,
            last_seen_at_ns=now_ns,
            count=count,
            first_event_id=first.event_id,
            last_event_id=last.event_id,
        )
    )
    note_history(connection, school_id, incident_id, now_ns, OURSELVES, Action.OPENED, event_id=first.event_id)
    if last.is_escalated:
        _note_escalated(connection, school_id, incident_id, last, now_ns)
    return incident_id
