# SPDX-License-Identifier: Apache-2.0
"""The incident log that policies ask for: what happened when and where, what was done about it, and who recorded that.

It is made of what stands in the incidents already. Notes, resolutions and recorded responses are what was done; who
asked and decided whether parents are told is not: that is for the page of the incident. A signature is given on paper.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from collector.incidents import Action
from collector.store.engine import reading
from collector.store.schema import devices, incident_history, incidents
from proto.events import Audience

MAX_ROWS = 5000
_CHUNK = 500

_DONE = (Action.NOTED.value, Action.RESOLVED.value, Action.RESPONDED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that somebody did about an incident."""

    at_ns: int
    actor: str
    action: Action
    words: str
    """What he wrote; of a response, which step it was as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIncident:
    """One incident of the log, with what was done about it."""

    incident: str
    opened_at_ns: int
    last_seen_at_ns: int
    hostname: str
    rule_title: str
    summary: str
    severity: int
    count: int
    state: str
    entries: tuple[Entry, ...]

    @property
    def recorders(self) -> tuple[str, ...]:
        """Who recorded what was done, each once."""
        return tuple(dict.fromkeys(each.actor for each in self.entries))


def list_log(
    engine: Engine,
    school_id: str,
    *,
    audiences: Collection[Audience],
    since_ns: int,
    until_ns: int,
    limit: int = MAX_ROWS,
) -> list[LoggedIncident]:
    """Return the incidents that were open or seen between two times and that a reader with these audiences may see.

    The oldest stands first; of more than the limit, the newest are returned.
    """
    query = (
        # `row.count` would be the tuple's own method.
        select(incidents, incidents.c.count.label("sightings"), devices.c.hostname)
        .join_from(incidents, devices, devices.c.device_id == incidents.c.device_id)
        .where(
            incidents.c.school_id == school_id,
            incidents.c.audience.in_([each.name.lower() for each in audiences]),
            incidents.c.opened_at_ns < until_ns,
            incidents.c.last_seen_at_ns >= since_ns,
        )
        .order_by(incidents.c.opened_at_ns.desc(), incidents.c.incident_id)
        .limit(limit)
    )
    with reading(engine) as connection:
        found = connection.execute(query).all()
        entries = _list_entries(connection, school_id, [row.incident_id for row in found])
    return [
        LoggedIncident(
            incident=row.incident_id,
            opened_at_ns=row.opened_at_ns,
            last_seen_at_ns=row.last_seen_at_ns,
            hostname=row.hostname,
            rule_title=row.rule_title,
            summary=row.summary,
            severity=row.severity,
            count=row.sightings,
            state=row.state,
            entries=tuple(entries.get(row.incident_id, ())),
        )
        for row in reversed(found)
    ]


def _list_entries(connection: Connection, school_id: str, incident_ids: Iterable[str]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    wanted = list(incident_ids)
    for chunk in (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)):
        query = (
            select(incident_history)
            .where(
                incident_history.c.school_id == school_id,
                incident_history.c.incident_id.in_(chunk),
                incident_history.c.action.in_(_DONE),
                # What the collector resolved by itself has no words.
                incident_history.c.note != "",
            )
            .order_by(incident_history.c.history_id)
        )
        for row in connection.execute(query):
            entry = Entry(at_ns=row.at_ns, actor=row.actor, action=Action(row.action), words=row.note)
            found.setdefault(row.incident_id, []).append(entry)
    return found
