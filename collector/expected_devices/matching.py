# SPDX-License-Identifier: Apache-2.0
"""Links devices to rows of the school's list, and confirms the one kind of pending device that settles itself.

A pending device is confirmed without a person when exactly one row that was never taken has its host name *and* its
serial number. That is no proof of which machine it is: `fits` says why, and what it leaves open. One that goes on for a
device which may still speak is a copy of it, and a person decides. A device that is active already is only linked, so
that the list shows which machines are still missing; it gains nothing by it.
"""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from collector.audit import record
from collector.devices import SPEAKING_STATES, DeviceState, confirm
from collector.expected_devices.fits import FreeRows
from collector.expected_devices.listing import ExpectedDevice, load_expected, load_expected_like
from collector.store.schema import devices, expected_devices
from proto.enrolment import ENROLLED_AGAIN

BY_LIST = "the school’s list"
"""Who confirmed a device that the list settled."""
OURSELVES = "schoolwarden"
"""The actor of what happens without a person."""
SETTLED_SUCCESSIONS = ("", ENROLLED_AGAIN)
"""How a device may have come without a question open about the one before: there was none, or it is revoked already."""


def match_device(connection: Connection, school_id: str, device_id: str, now_ns: int) -> bool:
    """Match a device that has just come; return whether it was confirmed by that. In the transaction that adds it."""
    query = _unmatched(school_id).where(devices.c.device_id == device_id)
    device = connection.execute(query).first()
    if device is None:
        return False
    like = load_expected_like(connection, school_id, device.hostname, device.serial)
    return _match(connection, school_id, device, FreeRows(row for row in like if row.is_free), now_ns)


def match_all(connection: Connection, school_id: str, now_ns: int) -> list[str]:
    """Match every device that is not matched yet, after the list changed; return the ids of those it confirmed."""
    # The oldest first: who claims what an earlier one has claimed stays to be looked at.
    waiting = connection.execute(_unmatched(school_id).order_by(devices.c.enrolled_at_ns, devices.c.device_id)).all()
    free = load_free_rows(connection, school_id)
    return [each.device_id for each in waiting if _match(connection, school_id, each, free, now_ns)]


def load_free_rows(connection: Connection, school_id: str) -> FreeRows:
    """Return the rows of the list that a device may be matched to."""
    return FreeRows(row for row in load_expected(connection, school_id) if row.is_free)


def link(connection: Connection, row: ExpectedDevice, device_id: str) -> bool:
    """Match a device to a row that is still as it was read; return whether it was."""
    changed = connection.execute(
        update(expected_devices)
        .where(
            expected_devices.c.expected_id == row.id, expected_devices.c.device_id.is_not_distinct_from(row.device_id)
        )
        .values(device_id=device_id)
    )
    return changed.rowcount == 1


def move(connection: Connection, school_id: str, former_device_id: str, device_id: str) -> None:
    """Give the row of one device to the device that goes on for it."""
    connection.execute(
        update(expected_devices)
        .where(expected_devices.c.school_id == school_id, expected_devices.c.device_id == former_device_id)
        .values(device_id=device_id)
    )


def _unmatched(school_id: str) -> Any:
    listed = select(expected_devices.c.device_id).where(
        expected_devices.c.school_id == school_id, expected_devices.c.device_id.is_not(None)
    )
    columns = devices.c
    return select(columns.device_id, columns.state, columns.hostname, columns.serial, columns.succession).where(
        devices.c.school_id == school_id,
        devices.c.state.in_([state.value for state in SPEAKING_STATES]),
        devices.c.device_id.not_in(listed),
    )


def _match(connection: Connection, school_id: str, device: Row[Any], free: FreeRows, now_ns: int) -> bool:
    """Link a device to its row, if there is one; return whether it was pending and is confirmed by that."""
    is_pending: bool = device.state == DeviceState.PENDING
    if is_pending and device.succession not in SETTLED_SUCCESSIONS:
        return False
    fit = free.find_sole_fit(device.hostname, device.serial)
    if fit is None or (is_pending and not fit.is_exact) or not link(connection, fit.row, device.device_id):
        return False
    if is_pending:
        _confirm(connection, school_id, device.device_id, fit.row, now_ns)
    return is_pending


def _confirm(connection: Connection, school_id: str, device_id: str, row: ExpectedDevice, now_ns: int) -> None:
    confirm(connection, school_id, device_id, by=BY_LIST, now_ns=now_ns)
    record(
        connection,
        school_id,
        actor=OURSELVES,
        action="device.confirmed",
        subject=f"device/{device_id}",
        detail=f"host name {row.hostname} and serial number {row.serial} as on the school’s list ({row.id})",
        now_ns=now_ns,
    )
