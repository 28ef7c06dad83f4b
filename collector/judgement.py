# SPDX-License-Identifier: Apache-2.0
"""When what rules fitted is an incident, for those that ask for more than one fit or for time: threshold, devices,
grace and escalation. What an evaluator says of one event comes in, sightings for `counting` come out.

What has to be remembered is in a table (`held`), is judged in `memory`, and is written back within the transaction that
appends the events: there is no half of it.

Windows and grace go by the time at which we heard of an event. The clock of a device can be set, and two of them cannot
be compared. What a device kept while it was away therefore counts as if it had come together: more is told than
strictly within a window, never less. The timetable goes by the device's own time: see `circumstances`.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from collector import held as table
from collector.counting import Sighting, record_sightings
from collector.errors import StoreError
from collector.memory import Cleared as Cleared
from collector.memory import Fit as Fit
from collector.memory import Memory, find_thing
from collector.sightings import find_group, sighting_of_failure, sighting_of_match
from collector.store.engine import take_turns, writing
from rules.counted import is_immediate
from rules.evaluate import Evaluator
from rules.model import Rule
from rules.moment import UNKNOWN, Moment

log = logging.getLogger(__name__)

SETTLED_NS = 5 * 60 * 10**9
"""After our own start nothing is due for so long: devices first tell what happened while we did not listen."""

FindRule = Callable[[str, str], Rule | None]
"""Returns what a rule says now, by a device and the rule's id; None when the device's policy has none of that id."""


def observe(
    evaluator: Evaluator,
    kind: str,
    content: Any,
    find_moment: Callable[[], Moment],
    *,
    device_id: str,
    event_id: int,
    heard_ns: int,
) -> tuple[Sequence[Sighting], Sequence[Fit | Cleared]]:
    """Return what an event means: the incidents that it is by itself, and what has to be remembered."""
    # What is not known excuses nothing, so what fits nothing now fits nothing whatever the moment was. It is most.
    fits = evaluator.match(kind, content, UNKNOWN)
    ends = evaluator.clears(kind, content)
    if not fits and not ends:
        return (), ()
    sightings: list[Sighting] = []
    observed: list[Fit | Cleared] = [Cleared(each.rule.id, device_id, find_group(each, content)) for each in ends]
    for match in evaluator.match(kind, content, find_moment()) if fits else ():
        sighting = sighting_of_match(match, device_id, event_id, content)
        if is_immediate(match.rule):
            sightings.append(sighting)
        else:
            observed.append(Fit(match.rule, sighting, heard_ns))
    return sightings, observed


def judge(connection: Connection, school_id: str, observed: Sequence[Fit | Cleared]) -> list[Sighting]:
    """Take in what one commit observed, inside its transaction, and return what has become an incident by it.

    A mistake of ours in here is an incident of its own, as that of a rule is: evidence is kept whatever it means.
    """
    if not observed:
        return []
    try:
        with connection.begin_nested():
            return _judge(connection, school_id, observed)
    except (SQLAlchemyError, StoreError):
        raise
    except Exception as error:
        log.exception("what was observed was not judged")
        failed = [each.sighting for each in observed if isinstance(each, Fit)]
        return [sighting_of_failure(type(error).__name__, each.device_id, each.event_id) for each in failed]


def _judge(connection: Connection, school_id: str, observed: Sequence[Fit | Cleared]) -> list[Sighting]:
    # Two who take in the last but one and the last at the same moment would both find that one is missing.
    take_turns(connection, f"judgement {school_id}")
    fits = [each for each in observed if isinstance(each, Fit)]
    ended = [(each.device_id, each.rule) for each in observed if isinstance(each, Cleared)]
    found = table.load_things(connection, school_id, {find_thing(each) for each in fits}) if fits else []
    if ended:
        known = {each.held_id for each in found}
        found += [each for each in table.load_of_devices(connection, school_id, ended) if each.held_id not in known]
    counts = table.count_of_devices(connection, {(each.sighting.device_id, each.rule.id) for each in fits})
    memory = Memory(found, counts)
    sightings = memory.take(observed)
    _save(connection, school_id, memory)
    return sightings


def record_due(engine: Engine, school_id: str, find_rule: FindRule, now_ns: int, *, listening_since_ns: int) -> int:
    """Open or count the incidents of what nothing cleared before its grace ended; return how many things that were.

    Raises:
        StoreError: the database does not answer; what was not recorded is found again.
    """
    if now_ns - listening_since_ns < SETTLED_NS:
        return 0
    with writing(engine) as connection:
        take_turns(connection, f"judgement {school_id}")
        due = table.list_due(connection, school_id, now_ns)
        memory = Memory(table.load_things(connection, school_id, due) if due else ())
        sightings: list[Sighting] = []
        for thing in due:
            rule = find_rule(memory.things[thing][-1].device_id, thing[0])
            sightings += memory.mature(rule, thing, now_ns)
        _save(connection, school_id, memory)
        table.forget_ended(connection, school_id, now_ns)
        record_sightings(connection, school_id, sightings, now_ns)
    return len({(each.rule, each.subject) for each in sightings})


def _save(connection: Connection, school_id: str, memory: Memory) -> None:
    table.save(connection, school_id, [each for rows in memory.things.values() for each in rows], memory.gone)
