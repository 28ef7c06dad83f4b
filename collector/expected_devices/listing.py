# SPDX-License-Identifier: Apache-2.0
"""The school's list as it is kept: its rows, and which of them are still free. Taking a new one is in `intake`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, not_, or_, select

from collector.devices import DeviceState
from collector.expected_devices.sheet import fold_hostname, to_serial
from collector.store.engine import reading
from collector.store.schema import devices, expected_devices


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDevice:
    """A machine that the school says it has."""

    id: str
    hostname: str
    serial: str
    asset: str
    """The school's own number on it."""
    place: str
    added_at_ns: int
    added_by: str
    device_id: str | None
    """The device that was matched to it last."""
    device_state: str | None
    """Of that device."""

    @property
    def is_free(self) -> bool:
        """Whether a device may be matched to it: nobody was, or who was is revoked."""
        return self.device_id is None or self.device_state == DeviceState.REVOKED


def list_expected(engine: Engine, school_id: str) -> list[ExpectedDevice]:
    """Return the whole list by host name."""
    with reading(engine) as connection:
        return load_expected(connection, school_id)


def page_expected(
    engine: Engine, school_id: str, *, is_free: bool | None = None, limit: int, offset: int = 0
) -> tuple[list[ExpectedDevice], int]:
    """Return a part of the list by host name, and how many there are: all, or only those that are free or are not."""
    query = _query(school_id)
    if is_free is not None:
        free = or_(expected_devices.c.device_id.is_(None), devices.c.state == DeviceState.REVOKED.value)
        query = query.where(free if is_free else not_(free))
    counted = select(func.count()).select_from(query.subquery())
    ordered = query.order_by(expected_devices.c.folded_hostname, expected_devices.c.serial)
    with reading(engine) as connection:
        rows = connection.execute(ordered.limit(limit).offset(offset))
        return [_to_expected(row) for row in rows], connection.execute(counted).scalar_one()


def find_expected(engine: Engine, school_id: str, device_id: str) -> ExpectedDevice | None:
    """Return the row that a device was matched to, or None."""
    with reading(engine) as connection:
        row = connection.execute(_query(school_id).where(expected_devices.c.device_id == device_id)).first()
        return _to_expected(row) if row else None


def load_expected(connection: Connection, school_id: str) -> list[ExpectedDevice]:
    """Return the whole list by host name."""
    query = _query(school_id).order_by(expected_devices.c.folded_hostname, expected_devices.c.serial)
    return [_to_expected(row) for row in connection.execute(query)]


def load_expected_like(connection: Connection, school_id: str, hostname: str, serial: str) -> list[ExpectedDevice]:
    """Return the rows that have a host name or a serial number in common with a machine."""
    query = _query(school_id).where(
        or_(
            expected_devices.c.folded_hostname == fold_hostname(hostname),
            expected_devices.c.serial == to_serial(serial),
        )
    )
    return [_to_expected(row) for row in connection.execute(query)]


def _query(school_id: str) -> Any:
    return (
        select(expected_devices, devices.c.state.label("device_state"))
        .join_from(expected_devices, devices, devices.c.device_id == expected_devices.c.device_id, isouter=True)
        .where(expected_devices.c.school_id == school_id)
    )


def _to_expected(row: Row[Any]) -> ExpectedDevice:
    return ExpectedDevice(
        id=row.expected_id,
        hostname=row.hostname,
        serial=row.serial,
        asset=row.asset,
        place=row.place,
        added_at_ns=row.added_at_ns,
        added_by=row.added_by,
        device_id=row.device_id,
        device_state=row.device_state,
    )
