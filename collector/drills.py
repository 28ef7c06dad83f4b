# SPDX-License-Identifier: Apache-2.0
"""Orders to drill: somebody asks whether flags of a device come through, and the device's answer is a marked flag.

An order is signed for one device and a few minutes when it is sent (`server`); what a drill brings about is never a
concern and never counted as one. What an order is, is in `proto.drill`; the answers come through `arrivals`.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update

from collector.audit import record
from collector.devices import DeviceState
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import devices, drills
from proto.drill import NONCE_BYTES

VALID_FOR_NS = 10 * 60 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One order and what became of it."""

    device_id: str
    hostname: str
    ordered_by: str
    ordered_at_ns: int
    expires_at_ns: int
    answered_at_ns: int | None
    """None while no flag answered it."""


@dataclass(frozen=True, slots=True)
class PendingDrill:
    """An order that is still to be given."""

    nonce: bytes
    device_id: str
    expires_at_ns: int


def order_drill(engine: Engine, school_id: str, *, device_id: str, actor: str, now_ns: int) -> None:
    """Order a device to drill; it hears of it within seconds if it is connected in the next ten minutes.

    Raises:
        UsageError: there is no such device, or it was revoked.
    """
    with writing(engine) as connection:
        known = select(devices.c.device_id).where(
            devices.c.school_id == school_id,
            devices.c.device_id == device_id,
            devices.c.state == DeviceState.ACTIVE.value,
        )
        if connection.execute(known).first() is None:
            raise UsageError(f"there is no device {device_id}", hint="list them: schoolwarden-collector devices")
        _order(connection, school_id, device_id, actor, now_ns)


def order_drills(engine: Engine, school_id: str, *, actor: str, now_ns: int) -> int:
    """Order every device to drill and return how many there are."""
    known = select(devices.c.device_id).where(
        devices.c.school_id == school_id, devices.c.state == DeviceState.ACTIVE.value
    )
    with writing(engine) as connection:
        found = connection.execute(known.order_by(devices.c.device_id)).scalars().all()
        for device_id in found:
            _order(connection, school_id, device_id, actor, now_ns)
    return len(found)


def list_drills(engine: Engine, school_id: str, *, limit: int = 1000) -> list[Drill]:
    """Return the newest orders, newest first."""
    query = (
        select(drills, devices.c.hostname)
        .join_from(drills, devices, devices.c.device_id == drills.c.device_id)
        .where(drills.c.school_id == school_id)
        .order_by(drills.c.ordered_at_ns.desc(), devices.c.hostname, drills.c.nonce)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [
            Drill(
                device_id=row.device_id,
                hostname=row.hostname,
                ordered_by=row.ordered_by,
                ordered_at_ns=row.ordered_at_ns,
                expires_at_ns=row.expires_at_ns,
                answered_at_ns=row.answered_at_ns,
            )
            for row in connection.execute(query)
        ]


def list_pending(engine: Engine, school_id: str, now_ns: int) -> list[PendingDrill]:
    """Return the orders that still hold and that no flag has answered."""
    query = (
        select(drills.c.nonce, drills.c.device_id, drills.c.expires_at_ns)
        .where(drills.c.school_id == school_id, drills.c.answered_at_ns.is_(None))
        .where(drills.c.ordered_at_ns > now_ns - VALID_FOR_NS, drills.c.expires_at_ns > now_ns)
        .order_by(drills.c.ordered_at_ns)
    )
    with reading(engine) as connection:
        return [PendingDrill(row.nonce, row.device_id, row.expires_at_ns) for row in connection.execute(query)]


def answer_drill(
    connection: Connection, school_id: str, *, device_id: str, nonce: bytes, flag_id: str, now_ns: int
) -> bool:
    """Note which flag answered an order, however late it comes: a device may have been away since.

    False: nobody ordered it of this device, or it is answered.
    """
    changed = connection.execute(
        update(drills)
        .where(
            drills.c.school_id == school_id,
            drills.c.nonce == nonce,
            drills.c.device_id == device_id,
            drills.c.answered_at_ns.is_(None),
        )
        .values(answered_at_ns=now_ns, flag_id=flag_id)
    )
    return changed.rowcount == 1


def _order(connection: Connection, school_id: str, device_id: str, actor: str, now_ns: int) -> None:
    record(connection, school_id, actor=actor, action="drill.ordered", subject=f"device/{device_id}", now_ns=now_ns)
    connection.execute(
        insert(drills).values(
            school_id=school_id,
            nonce=secrets.token_bytes(NONCE_BYTES),
            device_id=device_id,
            ordered_at_ns=now_ns,
            expires_at_ns=now_ns + VALID_FOR_NS,
            ordered_by=actor,
        )
    )
