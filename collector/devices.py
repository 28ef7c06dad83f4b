# SPDX-License-Identifier: Apache-2.0
"""The devices of a school: who they are, what they say of themselves, and when they were last heard.

Host names, versions and serial numbers are what a device claims; only its id and keys are authoritative. Enrolling one
is the business of `enrolment`, saying that it is one of the school's that of `confirmation`, giving it away that of
`disposals`, its evidence that of `ledger`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, case, func, select, update

from collector.errors import UsageError
from collector.sodium import to_fast_verifier
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import device_keys, devices, heads, incidents
from proto.keys import Verifier

QUIET_AFTER_NS = 15 * 60 * 10**9
"""A device not heard for this long is shown as quiet."""
MAX_FACT_CHARACTERS = 200
MAX_NOT_WATCHED = 20
MAX_NUMBER = 2**63 - 1
"""The largest that a column holds; a device can say a larger one."""


class DeviceState(StrEnum):
    """Whether a device may speak, and whether somebody said that it is ours."""

    PENDING = "pending"
    """It may speak; nobody confirmed yet that it is one of the school's, and what it finds is shown as unconfirmed."""
    ACTIVE = "active"
    REVOKED = "revoked"
    RETIRED = "retired"
    """The school gave it away, and keeps a record of how."""


SPEAKING_STATES = frozenset({DeviceState.ACTIVE, DeviceState.PENDING})
"""What a device must be to be heard. A state is compared as text: `"active" in SPEAKING_STATES` is true."""


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
    manufacturer: str
    product: str
    serial: str
    """As its firmware said when it enrolled, like maker and product: evidence of which machine it is, no proof."""
    former_device_id: str | None
    """The device whose key signed that this one goes on for it."""
    succession: str
    """Why, in one word of `proto.enrolment`; empty for a device that goes on for no other."""
    is_reset_often: bool
    """Somebody declared that it is set back to an image now and then."""
    confirmed_at_ns: int | None
    confirmed_by: str | None

    @property
    def may_speak(self) -> bool:
        """Whether what it sends is taken."""
        return self.state in SPEAKING_STATES

    @property
    def is_unconfirmed(self) -> bool:
        """Whether nobody ever said that it is one of the school's: what it found is shown as unconfirmed."""
        return is_unconfirmed(self.state, self.confirmed_at_ns)

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


def is_unconfirmed(state: str, confirmed_at_ns: int | None) -> bool:
    """Return whether nobody ever said of a device in this state that it is one of the school's."""
    return state == DeviceState.PENDING or (state != DeviceState.ACTIVE and confirmed_at_ns is None)


def list_devices(engine: Engine, school_id: str) -> list[Device]:
    """Return all devices of a school by host name."""
    with reading(engine) as connection:
        rows = connection.execute(query_devices(school_id).order_by(devices.c.hostname, devices.c.device_id))
        return [to_device(row) for row in rows]


def find_device(engine: Engine, school_id: str, device_id: str) -> Device | None:
    """Return one device, or None."""
    with reading(engine) as connection:
        row = connection.execute(query_devices(school_id).where(devices.c.device_id == device_id)).first()
        return to_device(row) if row else None


def list_successors(engine: Engine, school_id: str, device_id: str, *, limit: int) -> list[Device]:
    """Return the devices that go on for one, the newest first."""
    query = query_devices(school_id).where(devices.c.former_device_id == device_id)
    with reading(engine) as connection:
        return [
            to_device(row) for row in connection.execute(query.order_by(devices.c.enrolled_at_ns.desc()).limit(limit))
        ]


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
        devices.c.school_id == school_id, devices.c.state.not_in(sorted(SPEAKING_STATES))
    )
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def hold_states(connection: Connection, school_id: str) -> None:
    """Let no device be heard and ended at the same moment: what this transaction finds of that holds until its end.

    Whoever calls it does so first of all, or two may wait for each other.
    """
    take_turns(connection, f"states {school_id}")


_FIND_ENDED = select(devices.c.device_id).where(
    devices.c.device_id.in_(bindparam("asked", expanding=True)), devices.c.state.not_in(sorted(SPEAKING_STATES))
)
"""Made once: it is asked at every commit."""


def find_ended(connection: Connection, device_ids: Iterable[str]) -> set[str]:
    """Return those of some devices that may not speak any more."""
    return set(connection.execute(_FIND_ENDED, {"asked": list(device_ids)}).scalars())


def confirm(connection: Connection, school_id: str, device_id: str, *, by: str, now_ns: int) -> None:
    """Note that a pending device is one of the school's.

    Raises:
        UsageError: there is no such device, or it does not wait to be confirmed.
    """
    mine = (devices.c.school_id == school_id, devices.c.device_id == device_id)
    changed = connection.execute(
        update(devices)
        .where(*mine, devices.c.state == DeviceState.PENDING.value)
        .values(state=DeviceState.ACTIVE.value, confirmed_at_ns=now_ns, confirmed_by=by)
    )
    if changed.rowcount == 0:
        state = connection.execute(select(devices.c.state).where(*mine)).scalar()
        if state is None:
            raise _no_device(device_id)
        raise UsageError(f"device {device_id} does not wait to be confirmed: it is {state}")


def revoke(connection: Connection, school_id: str, device_id: str) -> None:
    """Take a device's right to speak away. What it said stays.

    Raises:
        UsageError: there is no such device, or it is retired: then it may not speak already, and stays retired.
    """
    _end(connection, school_id, device_id, DeviceState.REVOKED)


def retire(connection: Connection, school_id: str, device_id: str) -> None:
    """Take the right to speak from a device that the school gave away. What it said stays.

    Raises:
        UsageError: there is no such device, or it is retired already.
    """
    _end(connection, school_id, device_id, DeviceState.RETIRED)


def _end(connection: Connection, school_id: str, device_id: str, state: DeviceState) -> None:
    mine = (devices.c.school_id == school_id, devices.c.device_id == device_id)
    # Who was active was the school's, though nobody may have said so in words; who was pending stays unconfirmed.
    known_since = case((devices.c.state == DeviceState.ACTIVE.value, devices.c.enrolled_at_ns), else_=None)
    changed = connection.execute(
        update(devices)
        .where(*mine, devices.c.state != DeviceState.RETIRED.value)
        .values(state=state.value, confirmed_at_ns=func.coalesce(devices.c.confirmed_at_ns, known_since))
    )
    if changed.rowcount == 0:
        if connection.execute(select(devices.c.device_id).where(*mine)).first() is None:
            raise _no_device(device_id)
        raise UsageError(f"device {device_id} is retired already: it may not speak")


def _no_device(device_id: str) -> UsageError:
    return UsageError(f"there is no device {device_id}", hint="list them: schoolwarden-collector devices")


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


def note_hello(
    engine: Engine, device_id: str, *, now_ns: int, clock_offset_ns: int, bundle_version: int, trust_version: int = 0
) -> None:
    """Keep that a device said hello, how far its clock is off, and which policy and statement of trust it holds."""
    with writing(engine) as connection:
        connection.execute(
            update(devices)
            .where(devices.c.device_id == device_id)
            .values(
                last_seen_at_ns=now_ns,
                clock_offset_ns=max(-MAX_NUMBER, min(clock_offset_ns, MAX_NUMBER)),
                bundle_version=bundle_version,
                trust_version=trust_version,
            )
        )


def note_seen(engine: Engine, device_ids: Iterable[str], now_ns: int) -> None:
    """Keep that devices are connected now."""
    with writing(engine) as connection:
        for device_id in device_ids:
            connection.execute(update(devices).where(devices.c.device_id == device_id).values(last_seen_at_ns=now_ns))


def query_devices(school_id: str) -> Any:
    """Return the query of a school's devices, to be narrowed and ordered; `to_device` reads its rows."""
    # Counted by the index for each device that is asked for: one that says hello must not count everybody's.
    waiting = (
        select(func.count())
        .where(
            incidents.c.school_id == school_id,
            incidents.c.device_id == devices.c.device_id,
            incidents.c.state == "open",
            incidents.c.audience == "security",
        )
        .correlate(devices)
        .scalar_subquery()
    )
    return (
        select(devices, func.coalesce(heads.c.seq, 0).label("events"), waiting.label("open_incidents"))
        .join_from(devices, heads, heads.c.device_id == devices.c.device_id, isouter=True)
        .where(devices.c.school_id == school_id)
    )


def to_device(row: Row[Any]) -> Device:
    """Return a row of `query_devices` as a device."""
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
        manufacturer=row.manufacturer,
        product=row.product,
        serial=row.serial,
        former_device_id=row.former_device_id,
        succession=row.succession,
        is_reset_often=row.is_reset_often,
        confirmed_at_ns=row.confirmed_at_ns,
        confirmed_by=row.confirmed_by,
    )
