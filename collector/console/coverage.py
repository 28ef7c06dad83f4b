# SPDX-License-Identifier: Apache-2.0
"""How much of the school was heard lately: the answer to what an empty list is worth.

Counted in the database, because the live list asks every two seconds and must not read every device for it.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from collector.devices import QUIET_AFTER_NS, DeviceState
from collector.store.engine import reading
from collector.store.schema import devices


@dataclass(frozen=True, slots=True)
class Coverage:
    """Devices of the school that may speak; a revoked one is expected to be silent."""

    devices: int
    heard: int
    """Of these, in the last 15 minutes."""
    pending: int
    """Devices beside them that speak, and that nobody confirmed to be the school's."""


def count_heard(engine: Engine, school_id: str, now_ns: int) -> Coverage:
    """Return how many devices there are, and how many of them were heard lately.

    Raises:
        StoreError: the database does not answer.
    """
    is_heard = devices.c.last_seen_at_ns >= now_ns - QUIET_AFTER_NS
    is_active = devices.c.state == DeviceState.ACTIVE.value
    query = select(
        func.count().filter(is_active),
        func.count().filter(is_active, is_heard),
        func.count().filter(devices.c.state == DeviceState.PENDING.value),
    ).where(devices.c.school_id == school_id)
    with reading(engine) as connection:
        return Coverage(*connection.execute(query).one())
