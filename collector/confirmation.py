# SPDX-License-Identifier: Apache-2.0
"""What people decide about devices that wait: ours, ours under new keys, or not ours; and which are set back often.

A device waits (`pending`) when its token was good for many machines, or when it goes on for another under new keys.
What it says of itself, host name and serial number above all, is shown as evidence and decides nothing here: a person
who can go and look does. The one case that the school's list settles alone is in `expected_devices.matching`.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from collector.audit import record
from collector.devices import SPEAKING_STATES, Device, DeviceState, confirm, query_devices, revoke, to_device
from collector.errors import UsageError
from collector.expected_devices import SETTLED_SUCCESSIONS, Fit, link, load_free_rows, move
from collector.store.engine import reading, writing
from collector.store.schema import devices

MAX_WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that waits to be confirmed, with what fits it."""

    device: Device
    fits: tuple[Fit, ...]
    """Free rows of the school's list that have something in common with it."""
    listed: Fit | None
    """The one row that it fits, when nothing speaks against it and no other waiting device fits the same row."""

    @property
    def is_settled_by_list(self) -> bool:
        """Whether it may be confirmed together with others: it fits a row, and is no copy of a device that speaks."""
        return self.listed is not None and self.device.succession in SETTLED_SUCCESSIONS


def list_waiting(engine: Engine, school_id: str) -> list[Waiting]:
    """Return the devices that wait to be confirmed, by host name."""
    with reading(engine) as connection:
        return _load_waiting(connection, school_id)


def find_waiting(engine: Engine, school_id: str, device_id: str) -> Waiting | None:
    """Return one device that waits to be confirmed, or None."""
    with reading(engine) as connection:
        return next((each for each in _load_waiting(connection, school_id) if each.device.id == device_id), None)


def confirm_device(engine: Engine, school_id: str, device_id: str, *, actor: str, now_ns: int) -> None:
    """Confirm that a device is one of the school's. A device that it goes on for stays what it is: they are two.

    Raises:
        UsageError: there is no such device, or it does not wait to be confirmed.
    """
    with writing(engine) as connection:
        waiting = {each.device.id: each for each in _load_waiting(connection, school_id)}
        _confirm(connection, school_id, device_id, waiting.get(device_id), actor, now_ns)


def confirm_listed(engine: Engine, school_id: str, *, actor: str, now_ns: int) -> list[Device]:
    """Confirm every waiting device that fits exactly one free row of the school's list, and return them.

    Not among them: a device that contradicts its row in one fact, two that fit one row, and a copy of another device,
    about which more is to be decided.
    """
    with writing(engine) as connection:
        found = [each for each in _load_waiting(connection, school_id) if each.is_settled_by_list]
        for each in found:
            _confirm(connection, school_id, each.device.id, each, actor, now_ns)
    return [each.device for each in found]


def replace_former(engine: Engine, school_id: str, device_id: str, *, actor: str, now_ns: int) -> None:
    """Confirm that a device is the same machine as the one it goes on for, which was set back: that one is revoked.

    Raises:
        UsageError: there is no such device, it does not wait, or the other one does not speak any more.
    """
    with writing(engine) as connection:
        row = connection.execute(query_devices(school_id).where(devices.c.device_id == device_id)).first()
        former_id = to_device(row).former_device_id if row else None
        if row is None or former_id is None:
            raise UsageError(f"device {device_id} goes on for no other device")
        former = connection.execute(
            select(devices.c.state).where(devices.c.school_id == school_id, devices.c.device_id == former_id)
        ).scalar()
        if former not in SPEAKING_STATES:
            raise UsageError(
                f"device {former_id} is {former or 'not known'}: nobody can go on for it any more",
                hint="admit this one as a new device, or revoke it",
            )
        confirm(connection, school_id, device_id, by=actor, now_ns=now_ns)
        revoke(connection, school_id, former_id)
        move(connection, school_id, former_id, device_id)
        detail = f"the same machine as {former_id}, which was set back ({row.succession})"
        _record(connection, school_id, actor, "device.confirmed", device_id, detail, now_ns)
        _record(connection, school_id, actor, "device.revoked", former_id, f"{device_id} goes on for it", now_ns)


def declare_resets(
    engine: Engine, school_id: str, device_id: str, *, is_on: bool, why: str, actor: str, now_ns: int
) -> None:
    """Declare that a machine is set back to an image now and then (deep freeze), or that it is not any more.

    Raises:
        UsageError: there is no such device, or nobody says why.
    """
    if not 0 < len(why.strip()) <= MAX_WHY_CHARACTERS:
        raise UsageError("say why", hint=f"up to {MAX_WHY_CHARACTERS} characters, for whoever reads the log")
    with writing(engine) as connection:
        changed = connection.execute(
            update(devices)
            .where(devices.c.school_id == school_id, devices.c.device_id == device_id)
            .values(is_reset_often=is_on)
        )
        if changed.rowcount == 0:
            raise UsageError(f"there is no device {device_id}", hint="list them: schoolwarden-collector devices")
        detail = f"{'on' if is_on else 'off'}: {why.strip()}"
        _record(connection, school_id, actor, "device.resets_declared", device_id, detail, now_ns)


def _load_waiting(connection: Connection, school_id: str) -> list[Waiting]:
    query = query_devices(school_id).where(devices.c.state == DeviceState.PENDING.value)
    found = [
        to_device(row) for row in connection.execute(query.order_by(devices.c.hostname, devices.c.device_id)).all()
    ]
    if not found:
        return []
    free = load_free_rows(connection, school_id)
    sole = {device.id: free.find_sole_fit(device.hostname, device.serial) for device in found}
    claims = Counter(fit.row.id for fit in sole.values() if fit)
    waiting = []
    for device in found:
        fit = sole[device.id]
        listed = fit if fit and claims[fit.row.id] == 1 else None
        waiting.append(Waiting(device, tuple(free.list_fits(device.hostname, device.serial)), listed))
    return waiting


def _confirm(
    connection: Connection, school_id: str, device_id: str, waiting: Waiting | None, actor: str, now_ns: int
) -> None:
    confirm(connection, school_id, device_id, by=actor, now_ns=now_ns)
    detail = "no row of the school’s list"
    if waiting is not None and waiting.listed is not None and link(connection, waiting.listed.row, device_id):
        detail = f"row {waiting.listed.row.id} of the school’s list"
    _record(connection, school_id, actor, "device.confirmed", device_id, detail, now_ns)


def _record(
    connection: Connection, school_id: str, actor: str, action: str, device_id: str, detail: str, now_ns: int
) -> None:
    record(
        connection, school_id, actor=actor, action=action, subject=f"device/{device_id}", detail=detail, now_ns=now_ns
    )
