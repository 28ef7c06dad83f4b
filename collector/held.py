# SPDX-License-Identifier: Apache-2.0
"""The table of what rules fitted and somebody has to remember: read for one transaction, and written back in it.

What it means is up to `judgement`, which changes the rows; nothing here decides anything.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from collector.counting import Sighting
from collector.store.schema import held_sightings
from proto.events import Audience

MAX_THINGS_A_LOOK = 500
"""So many are looked at in one transaction; the others are due a few seconds later."""
_CHUNK = 500
_FIELDS = tuple(each.name for each in fields(Sighting))
_TABLE = held_sightings.c

Thing = tuple[str, str]
"""What counts together: a rule and what it fitted, on one device or for the school."""


class HeldState(StrEnum):
    """What became of a fit that is remembered."""

    HELD = "held"
    """It counts in no incident yet."""
    TOLD = "told"
    CLEARED = "cleared"
    """It was told, and what it was about ended since."""


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """A rule fitted an event."""

    rule: str
    subject: str
    group_key: str
    device_id: str
    event_id: int
    at_ns: int
    until_ns: int
    sighting: Sighting | str
    """As it was made, or as the table keeps it; empty once it was told."""
    state: HeldState = HeldState.HELD
    due_at_ns: int | None = None
    held_id: int | None = None
    """None until it is in the table."""
    is_changed: bool = False
    """Since it was read."""

    @property
    def thing(self) -> Thing:
        """What it counts for."""
        return self.rule, self.subject


def load_things(connection: Connection, school_id: str, things: Collection[Thing]) -> list[Held]:
    """Return what is remembered of some things."""
    wanted, subjects = set(things), sorted({subject for _, subject in things})
    rules = sorted({rule for rule, _ in things})
    return [
        held
        for start in range(0, len(subjects), _CHUNK)
        for held in _load(
            connection, school_id, _TABLE.rule.in_(rules), _TABLE.subject.in_(subjects[start : start + _CHUNK])
        )
        if held.thing in wanted
    ]


def load_of_devices(connection: Connection, school_id: str, pairs: Collection[tuple[str, str]]) -> list[Held]:
    """Return what is remembered of a rule on a device, for some devices and rules."""
    wanted, device_ids = set(pairs), sorted({device_id for device_id, _ in pairs})
    rules = sorted({rule for _, rule in pairs})
    return [
        held
        for start in range(0, len(device_ids), _CHUNK)
        for held in _load(
            connection, school_id, _TABLE.device_id.in_(device_ids[start : start + _CHUNK]), _TABLE.rule.in_(rules)
        )
        if (held.device_id, held.rule) in wanted
    ]


def count_of_devices(connection: Connection, pairs: Collection[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return how much is remembered of a rule on a device, for some devices and rules."""
    found: Counter[tuple[str, str]] = Counter()
    device_ids, rules = sorted({device_id for device_id, _ in pairs}), sorted({rule for _, rule in pairs})
    for start in range(0, len(device_ids), _CHUNK):
        query = (
            select(_TABLE.device_id, _TABLE.rule, func.count().label("rows"))
            .where(_TABLE.device_id.in_(device_ids[start : start + _CHUNK]), _TABLE.rule.in_(rules))
            .group_by(_TABLE.device_id, _TABLE.rule)
        )
        found.update({(row.device_id, row.rule): row.rows for row in connection.execute(query)})
    return found


def list_due(connection: Connection, school_id: str, now_ns: int) -> list[Thing]:
    """Return the things whose grace has ended, the longest ago first."""
    query = (
        select(_TABLE.rule, _TABLE.subject)
        .where(_TABLE.school_id == school_id, _TABLE.due_at_ns <= now_ns)
        .group_by(_TABLE.rule, _TABLE.subject)
        .order_by(func.min(_TABLE.due_at_ns))
        .limit(MAX_THINGS_A_LOOK)
    )
    return [(row.rule, row.subject) for row in connection.execute(query)]


def forget_ended(connection: Connection, school_id: str, now_ns: int) -> None:
    """Forget what cannot matter any more."""
    ended = (_TABLE.school_id == school_id, _TABLE.until_ns < now_ns, _TABLE.due_at_ns.is_(None))
    connection.execute(delete(held_sightings).where(*ended))


def save(connection: Connection, school_id: str, held: Iterable[Held], gone: Iterable[Held]) -> None:
    """Write back what changed, add what is new and remove what is gone."""
    held = list(held)
    new = [_to_row(school_id, each) for each in held if each.held_id is None]
    changed = [
        {"found": each.held_id, "now_is": each.state.value, "due": each.due_at_ns, "text": dump_sighting(each.sighting)}
        for each in held
        if each.held_id is not None and each.is_changed
    ]
    removed = [{"found": each.held_id} for each in gone if each.held_id is not None]
    if removed:
        connection.execute(_REMOVE, removed)
    if changed:
        connection.execute(_CHANGE, changed)
    if new:
        connection.execute(insert(held_sightings), new)


def dump_sighting(sighting: Sighting | str) -> str:
    """Return a sighting as it is kept."""
    if isinstance(sighting, str):
        return sighting
    return json.dumps({name: getattr(sighting, name) for name in _FIELDS})


def load_sighting(kept: Sighting | str) -> Sighting:
    """Return a sighting that was kept."""
    if isinstance(kept, Sighting):
        return kept
    values = json.loads(kept)
    return Sighting(**values | {"audience": Audience(values["audience"]), "clauses": tuple(values["clauses"])})


_CHANGE = (
    update(held_sightings)
    .where(_TABLE.held_id == bindparam("found"))
    .values(state=bindparam("now_is"), due_at_ns=bindparam("due"), sighting=bindparam("text"))
)
_REMOVE = delete(held_sightings).where(_TABLE.held_id == bindparam("found"))


def _load(connection: Connection, school_id: str, *conditions: ColumnElement[bool]) -> list[Held]:
    rows = connection.execute(select(held_sightings).where(_TABLE.school_id == school_id, *conditions))
    return [
        Held(
            rule=row.rule,
            subject=row.subject,
            group_key=row.group_key,
            device_id=row.device_id,
            event_id=row.event_id,
            at_ns=row.at_ns,
            until_ns=row.until_ns,
            sighting=row.sighting,
            state=HeldState(row.state),
            due_at_ns=row.due_at_ns,
            held_id=row.held_id,
        )
        for row in rows
    ]


def _to_row(school_id: str, held: Held) -> dict[str, Any]:
    return {
        "school_id": school_id,
        "rule": held.rule,
        "subject": held.subject,
        "group_key": held.group_key,
        "device_id": held.device_id,
        "event_id": held.event_id,
        "at_ns": held.at_ns,
        "due_at_ns": held.due_at_ns,
        "until_ns": held.until_ns,
        "state": held.state.value,
        "sighting": dump_sighting(held.sighting),
    }
