# SPDX-License-Identifier: Apache-2.0
"""What breaks a device's story, in plain words: two machines speak as one, a chain begins anew, a clock jumps.

It makes sightings of what ingest found and of what devices say of themselves. The words are ours: what a device sends
is a number, a word that is one of ours, or quoted. What the rules of the policy see is in `sightings`.
"""

from typing import Any

from sqlalchemy import Connection, select

from collector.counting import Sighting
from collector.store.schema import devices
from collector.summaries import quote
from proto.enrolment import ENROLLED_AGAIN, FORKED, ROLLED_BACK
from proto.events import Audience

LARGE_STEP_NS = 3600 * 10**9
"""A clock that was set by more than this opens an incident: what a device says of times then wants a second look."""

_REKEYED = {
    FORKED: ("Two machines spoke as {host}. This one goes on as a device of its own", 4),
    ROLLED_BACK: ("{host} was set back to an older copy of itself and goes on as a new device", 4),
    ENROLLED_AGAIN: ("{host} was enrolled again and goes on as a new device", 2),
}
_RESTARTED = {
    "lost": ("{host} lost its queue: what it had not sent is gone", 3),
    "damaged": ("The queue of {host} was damaged: what could not be read back is gone", 3),
    "reset": ("{host} says that it was set back to its image, and nobody declared that it is", 4),
    "quarantined": ("{host} set an event aside that could not be taken, and began a new chain without it", 3),
}


def sighting_of_fork(connection: Connection, device_id: str) -> Sighting:
    """Return the incident of two machines with one identity. Both signed: which is the older one nobody can tell."""
    text = f"Two machines speak as {_find_host(connection, device_id)}, or an old copy of it was started"
    return _sight("device-forked", "Two machines use one identity", 4, device_id, 0, text)


def sighting_of_rekey(connection: Connection, device_id: str, event_id: int, content: Any) -> Sighting:
    """Return the incident of a device that goes on for another."""
    words, severity = _REKEYED.get(content.reason, ("{host} goes on for another device", 4))
    text = words.format(host=_find_host(connection, device_id))
    text += f", after event {content.former_seq} of device {quote(content.former_device_id)}"
    if content.carried:
        text += f"; {_count(content.carried, 'event')} that waited {_is(content.carried)} told again"
    return _sight("device-rekeyed", "A device goes on under a new key", severity, device_id, event_id, text)


def list_restarts(connection: Connection, device_id: str, event_id: int, content: Any) -> list[Sighting]:
    """Return the incident of a chain that begins anew; none when the device is declared to be reset often and was."""
    host = _find_host(connection, device_id)
    if content.reason == "reset" and _is_reset_often(connection, device_id):
        return []
    if content.reason == "collector_restored":
        return [_sighting_of_restored_collector(host, device_id, event_id, content)]
    words, severity = _RESTARTED.get(content.reason, ("{host} began a new chain: " + _escape(content.reason), 3))
    text = words.format(host=host)
    return [_sight("chain-restarted", "A device began a new chain", severity, device_id, event_id, text)]


def list_steps(connection: Connection, device_id: str, event_id: int, content: Any) -> list[Sighting]:
    """Return the incident of a clock that was set by a lot; a small step is in the evidence only."""
    step_ns = content.found_ns - content.expected_ns
    if abs(step_ns) <= LARGE_STEP_NS:
        return []
    where = "ahead" if step_ns > 0 else "back"
    text = f"The clock of {_find_host(connection, device_id)} jumped {where} by {_show_span(abs(step_ns))}"
    return [_sight("clock-stepped", "The clock of a device jumped", 2, device_id, event_id, text)]


def _sighting_of_restored_collector(host: str, device_id: str, event_id: int, content: Any) -> Sighting:
    if content.lost_first_seq and content.lost_last_seq >= content.lost_first_seq:
        lost = (
            f"events {content.lost_first_seq} to {content.lost_last_seq}"
            if content.lost_last_seq > content.lost_first_seq
            else f"event {content.lost_first_seq}"
        )
        held = "are held" if content.lost_last_seq > content.lost_first_seq else "is held"
        text = f"{lost[0].upper()}{lost[1:]} of {host} {held} by nobody any more: the collector’s database was set back"
    else:
        text = f"The collector’s database was set back: {host} began a new chain, and knows of nothing that is lost"
    return _sight("collector-restored", "The collector’s database was set back", 4, device_id, event_id, text)


def _sight(rule: str, title: str, severity: int, device_id: str, event_id: int, text: str) -> Sighting:
    return Sighting(
        rule=rule,
        rule_title=title,
        audience=Audience.SECURITY,
        severity=severity,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/{rule}",
        group_key=rule,
        summary=text,
        clauses=("WE-12",),
        event_id=event_id,
    )


def _find_host(connection: Connection, device_id: str) -> str:
    name = connection.execute(select(devices.c.hostname).where(devices.c.device_id == device_id)).scalar()
    return quote(name or "") or "a device without a name"


def _is_reset_often(connection: Connection, device_id: str) -> bool:
    return bool(connection.execute(select(devices.c.is_reset_often).where(devices.c.device_id == device_id)).scalar())


def _escape(text: str) -> str:
    return quote(text).replace("{", "{{").replace("}", "}}")


def _show_span(span_ns: int) -> str:
    minutes = span_ns // (60 * 10**9)
    days, hours = minutes // (24 * 60), minutes // 60
    if days >= 2 * 365:
        return _count(days // 365, "year")
    return _count(days, "day") if days >= 2 else _count(hours, "hour")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
