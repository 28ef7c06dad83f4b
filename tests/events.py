# SPDX-License-Identifier: Apache-2.0
"""The newest events of a device, as tests look at them. The product never shows so many with their contents."""

from sqlalchemy import Engine, select

from collector.ledger import StoredEvent, find_event
from collector.store.engine import reading
from collector.store.schema import events


def list_events(engine: Engine, school_id: str, device_id: str, *, limit: int = 50) -> list[StoredEvent]:
    """Return a device's newest events with their content, newest first."""
    query = select(events.c.event_id).where(events.c.school_id == school_id, events.c.device_id == device_id)
    with reading(engine) as connection:
        newest = connection.execute(query.order_by(events.c.event_id.desc()).limit(limit)).scalars().all()
    return [event for event in (find_event(engine, school_id, each) for each in newest) if event]
