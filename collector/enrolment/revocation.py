# SPDX-License-Identifier: Apache-2.0
"""Ends a device's right to speak. What it said stays; giving one away, with a record of how, is another matter."""

from sqlalchemy import Engine

from collector.audit import COMMAND_LINE, record
from collector.devices import revoke
from collector.store.engine import writing


def revoke_device(engine: Engine, school_id: str, device_id: str, *, now_ns: int, actor: str = COMMAND_LINE) -> None:
    """Take a device's right to speak away; a stream that it has open ends within seconds. What it said stays.

    Raises:
        UsageError: there is no such device.
    """
    with writing(engine) as connection:
        revoke(connection, school_id, device_id)
        subject = f"device/{device_id}"
        record(connection, school_id, actor=actor, action="device.revoked", subject=subject, now_ns=now_ns)
