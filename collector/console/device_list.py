# SPDX-License-Identifier: Apache-2.0
"""What of the devices one page of the list shows: a state, a part of a name, a hundred at a time.

Chosen and counted in the database: a large school has thousands, and a page is for looking at some.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine, case, func, select

from collector.devices import QUIET_AFTER_NS, SPEAKING_STATES, Device, DeviceState, query_devices, to_device
from collector.store.engine import reading
from collector.store.schema import devices

PER_PAGE = 100
STATE_CHOICES = {
    "all": "All",
    "quiet": "Not heard",
    DeviceState.PENDING.value: "To be confirmed",
    DeviceState.ACTIVE.value: "In use",
    DeviceState.REVOKED.value: "Revoked",
    DeviceState.RETIRED.value: "Retired",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown; it lives in the address, so that it can be kept and passed on."""

    state: str = "all"
    name: str = ""
    page: int = 1

    def address(self, page: int) -> str:
        """Return the address of another page of the same."""
        return f"/devices?{urlencode({'state': self.state, 'name': self.name, 'page': page})}"


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list."""

    devices: tuple[Device, ...]
    total: int
    """On all pages."""


def read_filter(state: str, name: str, page: str) -> Filter:
    """Return what an address asks for, or everything for what makes no sense."""
    return Filter(
        state=state if state in STATE_CHOICES else "all",
        name=name.strip()[:200],
        page=read_page(page),
    )


def read_page(page: str) -> int:
    """Return which page an address asks for; the first when that makes no sense."""
    is_number = page.isascii() and page.isdigit() and 0 < len(page) < 7
    return max(1, int(page)) if is_number else 1


def load_listed(engine: Engine, school_id: str, chosen: Filter, now_ns: int) -> Listed:
    """Return a page of the devices: quiet ones first, because they are the ones to look at, ended ones last.

    Raises:
        StoreError: the database does not answer.
    """
    wanted = _where(school_id, chosen, now_ns)
    order = case(
        (devices.c.state == DeviceState.REVOKED.value, 2),
        (devices.c.state == DeviceState.RETIRED.value, 3),
        (devices.c.last_seen_at_ns < now_ns - QUIET_AFTER_NS, 0),
        else_=1,
    )
    query = query_devices(school_id).where(*wanted).order_by(order, devices.c.hostname, devices.c.device_id)
    with reading(engine) as connection:
        total = connection.execute(select(func.count()).select_from(devices).where(*wanted)).scalar_one()
        rows = connection.execute(query.limit(PER_PAGE).offset((chosen.page - 1) * PER_PAGE))
        return Listed(tuple(to_device(row) for row in rows), total)


def count_states(engine: Engine, school_id: str, now_ns: int) -> dict[str, int]:
    """Return how many devices there are for each choice of the filter.

    Raises:
        StoreError: the database does not answer.
    """
    choices = [func.count().filter(*_of_state(choice, now_ns)) for choice in STATE_CHOICES]
    query = select(*choices).select_from(devices).where(devices.c.school_id == school_id)
    with reading(engine) as connection:
        return dict(zip(STATE_CHOICES, connection.execute(query).one(), strict=True))


def _where(school_id: str, chosen: Filter, now_ns: int) -> list[Any]:
    wanted = [devices.c.school_id == school_id, *_of_state(chosen.state, now_ns)]
    if chosen.name:
        wanted.append(func.lower(devices.c.hostname).contains(chosen.name.lower(), autoescape=True))
    return wanted


def _of_state(choice: str, now_ns: int) -> list[Any]:
    if choice == "all":
        return []
    if choice == "quiet":
        # As `Device.is_quiet`; one that may not speak is expected to be silent.
        speaking = sorted(state.value for state in SPEAKING_STATES)
        return [devices.c.state.in_(speaking), devices.c.last_seen_at_ns < now_ns - QUIET_AFTER_NS]
    return [devices.c.state == choice]
