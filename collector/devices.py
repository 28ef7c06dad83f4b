# SPDX-License-Identifier: Apache-2.0
"""The devices of a school: who they are, what they say of themselves, and when they were last heard.

Host names and versions are what a device claims; only its id and keys are authoritative. Enrolling one is the
business of `enrolment`, its evidence that of `ledger`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from collector.errors import UsageError
from collector.sodium import to_fast_verifier
from collector.store.engine import reading, writing
from collector.store.schema import device_keys, devices, heads, incidents
from proto.keys import Verifier

QUIET_AFTER_NS = 15 * 60 * 10**9
"""A device not heard for this long is shown as quiet."""
MAX_FACT_CHARACTERS = 200
MAX_NOT_WATCHED = 20
MAX_NUMBER = 2**63 - 1
"""The largest that a column holds; a device can say a larger one."""


class DeviceState(StrEnum):
    """Whether a device may speak."""

    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as people and exports see it."""

    id: str
    school: str
    state: str
    hostname: str
    os: str
    os_version: str
    architecture: str
    agent_version: str
    enrolled_at_ns: int
    last_seen_at_ns: int
    clock_offset_ns: int
    """The device's clock minus the collector's, when it last said hello."""
    bundle_version: int
    not_watched: tuple[str, ...]
    events: int
    """Events that the ledger holds of its current epoch."""
    open_incidents: int

    def is_quiet(self, now_ns: int) -> bool:
        """Return whether it was not heard for a while: off, broken or tampered with, nobody knows which."""
        return now_ns - self.last_seen_at_ns > QUIET_AFTER_NS


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """What verifies a device's envelopes."""

    school_id: str
    device_id: str
    state: str
    verifier: Verifier


def list_devices(engine: Engine, school_id: str) -> list[Device]:
    """Return all devices of a school by host name."""
    with reading(engine) as connection:
        rows = connection.execute(_query(school_id).order_by(devices.c.hostname, devices.c.device_id))
        return [_to_device(row) for row in rows]


def find_device(engine: Engine, school_id: str, device_id: str) -> Device | None:
    """Return one device, or None."""
    with reading(engine) as connection:
        row = connection.execute(_query(school_id).where(devices.c.device_id == device_id)).first()
        return _to_device(row) if row else None


def find_key(engine: Engine, device_id: str) -> DeviceKey | None:
    """Return what verifies a device's envelopes, or None for a device that never enrolled."""
    with reading(engine) as connection:
        row = connection.execute(
            select(devices.c.school_id, devices.c.state, device_keys.c.algorithm, device_keys.c.public_key)
            .join_from(devices, device_keys, device_keys.c.device_id == devices.c.device_id)
            .where(devices.c.device_id == device_id)
            .order_by(device_keys.c.made_at_ns.desc())
        ).first()
    if row is None:
        return None
    return DeviceKey(row.school_id, device_id, row.state, to_fast_verifier(row.algorithm, row.public_key))


def find_revoked(engine: Engine, school_id: str) -> set[str]:
    """Return the ids of the devices that may not speak."""
    query = select(devices.c.device_id).where(
        devices.c.school_id == school_id, devices.c.state == DeviceState.REVOKED.value
    )
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def revoke(connection: Connection, school_id: str, device_id: str) -> None:
    """Take a device's right to speak away. What it said stays.

    Raises:
        UsageError: there is no such device.
    """
    changed = connection.execute(
        update(devices)
        .where(devices.c.school_id == school_id, devices.c.device_id == device_id)
        .values(state=DeviceState.REVOKED.value)
    )
    if changed.rowcount == 0:
        raise UsageError(f"there is no device {device_id}", hint="list them: schoolwarden-collector devices")


def to_fact(text: str) -> str:
    """Return what a device says of itself as it is kept: cut, and without the one character that PostgreSQL refuses."""
    return text[:MAX_FACT_CHARACTERS].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def note_started(connection: Connection, device_id: str, started: Any) -> None:
    """Keep what a device says of itself when its agent starts."""
    connection.execute(
        update(devices)
        .where(devices.c.device_id == device_id)
        .values(
            hostname=to_fact(started.hostname),
            os=to_fact(started.os),
            os_version=to_fact(started.os_version),
            architecture=to_fact(started.architecture),
            agent_version=to_fact(started.agent_version),
            not_watched=json.dumps([to_fact(each) for each in started.not_watched[:MAX_NOT_WATCHED]]),
        )
    )


def note_policy(connection: Connection, device_id: str, applied: Any) -> None:
    """Keep which policy a device says is in force on it."""
    connection.execute(
        update(devices)
        .where(devices.c.device_id == device_id)
        .values(bundle_version=min(applied.bundle_version, MAX_NUMBER))
    )


def note_hello(engine: Engine, device_id: str, *, now_ns: int, clock_offset_ns: int, bundle_version: int) -> None:
    """Keep that a device said hello, how far its clock is off, and which policy it holds."""
    with writing(engine) as connection:
        connection.execute(
            update(devices)
            .where(devices.c.device_id == device_id)
            .values(
                last_seen_at_ns=now_ns,
                clock_offset_ns=max(-MAX_NUMBER, min(clock_offset_ns, MAX_NUMBER)),
                bundle_version=bundle_version,
            )
        )


def note_seen(engine: Engine, device_ids: Iterable[str], now_ns: int) -> None:
    """Keep that devices are connected now."""
    with writing(engine) as connection:
        for device_id in device_ids:
            connection.execute(update(devices).where(devices.c.device_id == device_id).values(last_seen_at_ns=now_ns))


def _query(school_id: str) -> Any:
    waiting = (
        select(incidents.c.device_id, func.count().label("open_incidents"))
        .where(incidents.c.school_id == school_id, incidents.c.state == "open", incidents.c.audience == "security")
        .group_by(incidents.c.device_id)
        .subquery()
    )
    return (
        select(
            devices,
            func.coalesce(heads.c.seq, 0).label("events"),
            func.coalesce(waiting.c.open_incidents, 0).label("open_incidents"),
        )
        .join_from(devices, heads, heads.c.device_id == devices.c.device_id, isouter=True)
        .join(waiting, waiting.c.device_id == devices.c.device_id, isouter=True)
        .where(devices.c.school_id == school_id)
    )


def _to_device(row: Row[Any]) -> Device:
    return Device(
        id=row.device_id,
        school=row.school_id,
        state=row.state,
        hostname=row.hostname,
        os=row.os,
        os_version=row.os_version,
        architecture=row.architecture,
        agent_version=row.agent_version,
        enrolled_at_ns=row.enrolled_at_ns,
        last_seen_at_ns=row.last_seen_at_ns,
        clock_offset_ns=row.clock_offset_ns,
        bundle_version=row.bundle_version,
        not_watched=tuple(json.loads(row.not_watched)),
        events=row.events,
        open_incidents=row.open_incidents,
    )
