# SPDX-License-Identifier: Apache-2.0
"""What devices are made of, as they say: the newest, and for each device a short history of how it was.

Who asks devices for it is the policy (`[hardware]`). Files for people are made by `commands`.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from collector.devices import MAX_NUMBER, to_fact
from collector.store.engine import reading
from collector.store.schema import devices, hardware

MAX_KEPT_A_DEVICE = 10
MAX_DISKS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """One built-in disk."""

    model: str
    serial: str
    size_bytes: int
    technology: str
    """ssd, hdd, or empty when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a device said that it is made of."""

    device: str
    hostname: str
    since_ns: int
    confirmed_at_ns: int
    """When it last said the same."""
    manufacturer: str
    product: str
    serial: str
    firmware: str
    processor: str
    cores: int
    memory_bytes: int
    disks: tuple[DiskFacts, ...]


def note_hardware(
    connection: Connection, school_id: str, device_id: str, event_id: int, listed: Any, now_ns: int
) -> None:
    """Keep what a device is made of, inside the transaction of its event; the same again is noted as such."""
    values = {
        **{name: to_fact(getattr(listed, name)) for name in _TEXTS},
        "cores": max(0, min(listed.cores, MAX_NUMBER)),
        "memory_bytes": min(listed.memory_bytes, MAX_NUMBER),
        "disks": json.dumps([_to_disk(each) for each in listed.disks[:MAX_DISKS]]),
    }
    mine = hardware.c.device_id == device_id
    newest = connection.execute(select(hardware).where(mine).order_by(hardware.c.event_id.desc()).limit(1)).first()
    if newest is not None and all(getattr(newest, name) == value for name, value in values.items()):
        same = (mine, hardware.c.event_id == newest.event_id)
        connection.execute(update(hardware).where(*same).values(confirmed_at_ns=now_ns))
        return
    place = {"school_id": school_id, "device_id": device_id, "event_id": event_id}
    connection.execute(insert(hardware).values(**place, **values, since_ns=now_ns, confirmed_at_ns=now_ns))
    kept = select(hardware.c.event_id).where(mine).order_by(hardware.c.event_id.desc()).limit(MAX_KEPT_A_DEVICE)
    connection.execute(delete(hardware).where(mine, hardware.c.event_id.not_in(kept)))


def list_hardware(engine: Engine, school_id: str) -> list[Hardware]:
    """Return what each device is made of now, by host name; a device that did not say is not in it."""
    newest: dict[str, Hardware] = {}
    with reading(engine) as connection:
        for row in connection.execute(_query(school_id).order_by(devices.c.hostname, hardware.c.event_id)):
            newest[row.device_id] = _to_hardware(row)
    return list(newest.values())


def list_versions(engine: Engine, school_id: str, device_id: str) -> list[Hardware]:
    """Return what one device said it is made of over time, newest first."""
    query = _query(school_id).where(hardware.c.device_id == device_id).order_by(hardware.c.event_id.desc())
    with reading(engine) as connection:
        return [_to_hardware(row) for row in connection.execute(query)]


_TEXTS = ("manufacturer", "product", "serial", "firmware", "processor")


def _query(school_id: str) -> Any:
    return (
        select(hardware, devices.c.hostname)
        .join_from(hardware, devices, devices.c.device_id == hardware.c.device_id)
        .where(hardware.c.school_id == school_id)
    )


def _to_disk(disk: Any) -> dict[str, Any]:
    return {
        "model": to_fact(disk.model),
        "serial": to_fact(disk.serial),
        "size_bytes": min(disk.size_bytes, MAX_NUMBER),
        "technology": to_fact(disk.technology),
    }


def _to_hardware(row: Row[Any]) -> Hardware:
    return Hardware(
        device=row.device_id,
        hostname=row.hostname,
        since_ns=row.since_ns,
        confirmed_at_ns=row.confirmed_at_ns,
        **{name: getattr(row, name) for name in _TEXTS},
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        disks=tuple(DiskFacts(**each) for each in json.loads(row.disks)),
    )
