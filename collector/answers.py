# SPDX-License-Identifier: Apache-2.0
"""What each check of a device answered last: pass, fail, unknown or not applicable, with the facts behind it.

It is what the device says; what it means for the school is for rules and incidents.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from collector.devices import MAX_NUMBER, to_fact
from collector.store.engine import reading
from collector.store.schema import answers
from proto.events import State

MAX_CHECKS_A_DEVICE = 50
MAX_FACTS = 30
MAX_NAME_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The newest answer of one check."""

    check: str
    state: str
    """As `proto.events.State`; what is none of these is unknown."""
    summary: str
    facts: dict[str, str]
    first_failed_at_ns: int
    """By the device's clock; 0 unless it fails."""
    received_at_ns: int


def note_answer(connection: Connection, school_id: str, device_id: str, changed: Any, now_ns: int) -> None:
    """Keep an answer in place of the one before, inside the transaction of its event."""
    name = to_fact(changed.check)[:MAX_NAME_CHARACTERS]
    facts = dict(sorted((to_fact(key), to_fact(value)) for key, value in changed.facts.items())[:MAX_FACTS])
    values = {
        "state": changed.state if changed.state in set(State) else State.UNKNOWN.value,
        "summary": to_fact(changed.summary),
        "facts": json.dumps(facts),
        "first_failed_at_ns": min(changed.first_failed_at_ns, MAX_NUMBER),
        "received_at_ns": now_ns,
    }
    mine = answers.c.device_id == device_id
    known = connection.execute(update(answers).where(mine, answers.c.check_name == name).values(values))
    if known.rowcount:
        return
    if connection.execute(select(func.count()).select_from(answers).where(mine)).scalar_one() < MAX_CHECKS_A_DEVICE:
        connection.execute(insert(answers).values(school_id=school_id, device_id=device_id, check_name=name, **values))


def list_answers(engine: Engine, school_id: str, device_id: str) -> list[Answer]:
    """Return the newest answer of each check of a device, those that fail first, then the unknown."""
    query = select(answers).where(answers.c.school_id == school_id, answers.c.device_id == device_id)
    with reading(engine) as connection:
        found = [
            Answer(
                check=row.check_name,
                state=row.state,
                summary=row.summary,
                facts=json.loads(row.facts),
                first_failed_at_ns=row.first_failed_at_ns,
                received_at_ns=row.received_at_ns,
            )
            for row in connection.execute(query)
        ]
    return sorted(found, key=lambda each: (_ORDER.index(each.state), each.check))


_ORDER = [state.value for state in (State.FAIL, State.UNKNOWN, State.PASS, State.NOT_APPLICABLE)]
