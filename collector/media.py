# SPDX-License-Identifier: Apache-2.0
"""USB storage: which was seen on which device, as rules let devices tell; never a file's name.

Which of it the school approved is in `approved_media`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, tuple_, update

from collector.approved_media import Approval, MediumKey, find_key, list_approved_media
from collector.devices import to_fact
from collector.store.engine import reading
from collector.store.schema import devices, seen_media
from proto.events import UsbWritten

MAX_SEEN_A_DEVICE = 300
"""The one that was not seen for longest goes first."""
MAX_WORD_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A USB device that was seen, or is in the register, or both."""

    key: MediumKey
    vendor: str
    """As it calls itself: anybody's text."""
    product: str
    form: str
    protection: str
    """As it was seen last; empty when it was not seen."""
    protection_by: str
    hostnames: tuple[str, ...]
    """On which devices it was seen, the newest first."""
    last_seen_at_ns: int | None
    written_at_ns: int | None
    approval: Approval | None


def note_seen(connection: Connection, school_id: str, device_id: str, event: Any, now_ns: int) -> None:
    """Keep that a device told of USB storage, inside the transaction of its event."""
    told = event.device
    key = find_key(told.vendor_id, told.product_id, told.serial)
    if key is None:
        return  # It is no USB device that a register could name; the event itself is kept as evidence.
    table = seen_media.c
    this = (
        table.device_id == device_id,
        table.vendor_id == key.vendor_id,
        table.product_id == key.product_id,
        table.serial == key.serial,
    )
    values = {
        "vendor": to_fact(told.vendor),
        "product": to_fact(told.product),
        "form": to_fact(told.form)[:MAX_WORD_CHARACTERS],
        "protection": to_fact(told.protection)[:MAX_WORD_CHARACTERS],
        "protection_by": to_fact(told.protection_by),
        "last_seen_at_ns": now_ns,
    }
    if type(event).__name__ == UsbWritten.__name__:
        values["written_at_ns"] = now_ns
    if connection.execute(update(seen_media).where(*this).values(values)).rowcount:
        return
    place = {"school_id": school_id, "device_id": device_id, "first_seen_at_ns": now_ns}
    ids = {"vendor_id": key.vendor_id, "product_id": key.product_id, "serial": key.serial}
    connection.execute(insert(seen_media).values(**place, **ids, **values))
    _forget_oldest(connection, device_id)


def _forget_oldest(connection: Connection, device_id: str) -> None:
    table = seen_media.c
    mine = table.device_id == device_id
    if connection.execute(select(func.count()).select_from(seen_media).where(mine)).scalar_one() <= MAX_SEEN_A_DEVICE:
        return
    key = (table.vendor_id, table.product_id, table.serial)
    oldest = connection.execute(select(*key).where(mine).order_by(table.last_seen_at_ns, *key).limit(1)).one()
    connection.execute(delete(seen_media).where(mine, tuple_(*key) == tuple_(*oldest)))


def list_media(engine: Engine, school_id: str) -> list[Medium]:
    """Return every USB device that was seen or is in the register: what was seen last first, then what never was."""
    with reading(engine) as connection:
        approvals = {each.key: each for each in list_approved_media(connection, school_id)}
        seen: dict[MediumKey, list[Any]] = {}
        for row in connection.execute(_query(school_id)):
            seen.setdefault(MediumKey(row.vendor_id, row.product_id, row.serial), []).append(row)
    found = [_to_medium(key, rows, approvals.get(key)) for key, rows in seen.items()]
    return found + [_to_medium(key, [], approval) for key, approval in approvals.items() if key not in seen]


def find_medium(engine: Engine, school_id: str, digest: str) -> Medium | None:
    """Return the USB device that an address names, or None."""
    table = seen_media.c
    with reading(engine) as connection:
        approvals = {each.key: each for each in list_approved_media(connection, school_id)}
        keys = select(table.vendor_id, table.product_id, table.serial).where(table.school_id == school_id).distinct()
        seen = (MediumKey(*row) for row in connection.execute(keys))
        key = next((each for each in (*approvals, *seen) if each.digest == digest), None)
        if key is None:
            return None
        this = (table.vendor_id == key.vendor_id, table.product_id == key.product_id, table.serial == key.serial)
        rows = connection.execute(_query(school_id).where(*this)).all()
    return _to_medium(key, rows, approvals.get(key))


def _query(school_id: str) -> Select[Any]:
    return (
        select(seen_media, devices.c.hostname)
        .join_from(seen_media, devices, devices.c.device_id == seen_media.c.device_id)
        .where(seen_media.c.school_id == school_id)
        .order_by(seen_media.c.last_seen_at_ns.desc(), devices.c.hostname)
    )


def _to_medium(key: MediumKey, rows: Sequence[Any], approval: Approval | None) -> Medium:
    newest = rows[0] if rows else None
    written = [row.written_at_ns for row in rows if row.written_at_ns is not None]
    return Medium(
        key=key,
        vendor=newest.vendor if newest else "",
        product=newest.product if newest else "",
        form=newest.form if newest else "",
        protection=newest.protection if newest else "",
        protection_by=newest.protection_by if newest else "",
        hostnames=tuple(row.hostname for row in rows),
        last_seen_at_ns=newest.last_seen_at_ns if newest else None,
        written_at_ns=max(written, default=None),
        approval=approval,
    )
