# SPDX-License-Identifier: Apache-2.0
"""The software inventory for people: by device, over the school, and what changed since a day. It only reads.

`installed` writes it, `hardware` has the other half, `bill_of_materials` makes a file of both for other programs.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, func, or_, select

from collector.devices import DeviceState
from collector.store.engine import reading
from collector.store.schema import devices, software, software_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A program on one device."""

    source: str
    name: str
    version: str
    first_seen_at_ns: int
    """When we heard of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolProgram:
    """A program on the devices of the school."""

    source: str
    name: str
    versions: dict[str, int]
    """On how many devices each is, the most frequent first."""
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """How much is known of the software of one device."""

    device: str
    hostname: str
    programs: int
    listed_at_ns: int | None
    """When its newest whole list came; None: never, so what is missing here may be there all the same."""
    changed_at_ns: int | None
    left_out: int
    """Programs that it listed and that were too many to keep."""


class What(StrEnum):
    """What became of a program."""

    INSTALLED = "installed"
    UPDATED = "updated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between then and now."""

    device: str
    hostname: str
    what: What
    source: str
    name: str
    before: str
    """The version then; empty when it was not there."""
    after: str
    heard_at_ns: int


def list_installed(engine: Engine, school_id: str, device_id: str) -> list[Installed]:
    """Return what is installed on a device, by source and name."""
    query = (
        select(software.c.source, software.c.name, software.c.version, software.c.first_seen_at_ns)
        .where(software.c.school_id == school_id, software.c.device_id == device_id, software.c.gone_at_ns.is_(None))
        .order_by(software.c.source, software.c.name)
    )
    with reading(engine) as connection:
        return [Installed(**row) for row in connection.execute(query).mappings()]


def list_programs(engine: Engine, school_id: str) -> list[SchoolProgram]:
    """Return what is installed on the devices that may speak, by name: what is on most of them first in each."""
    query = (
        select(software.c.source, software.c.name, software.c.version, func.count().label("devices"))
        .join_from(software, devices, devices.c.device_id == software.c.device_id)
        .where(
            software.c.school_id == school_id,
            software.c.gone_at_ns.is_(None),
            devices.c.state == DeviceState.ACTIVE.value,
        )
        .group_by(software.c.source, software.c.name, software.c.version)
    )
    counted: dict[tuple[str, str], Counter[str]] = {}
    with reading(engine) as connection:
        for row in connection.execute(query):
            counted.setdefault((row.name, row.source), Counter())[row.version] += row.devices
    return [
        SchoolProgram(source=source, name=name, versions=dict(versions.most_common()), devices=versions.total())
        for (name, source), versions in sorted(counted.items())
    ]


def list_states(engine: Engine, school_id: str) -> list[ListState]:
    """Return how much is known of each device that may speak, by host name; those without a list among them."""
    query = (
        _query_states(school_id, software.c.school_id == school_id)
        .where(devices.c.state == DeviceState.ACTIVE.value)
        .order_by(devices.c.hostname, devices.c.device_id)
    )
    with reading(engine) as connection:
        return [_to_state(row) for row in connection.execute(query)]


def find_state(engine: Engine, school_id: str, device_id: str) -> ListState | None:
    """Return how much is known of one device, whether it may speak or not; None: there is no such device."""
    query = _query_states(school_id, software.c.device_id == device_id).where(devices.c.device_id == device_id)
    with reading(engine) as connection:
        row = connection.execute(query).first()
        return _to_state(row) if row is not None else None


def _query_states(school_id: str, whose: ColumnElement[bool]) -> Select[Any]:
    """Return the query of list states; only the programs of `whose` are counted."""
    counts = (
        select(software.c.device_id, func.count().label("programs"))
        .where(whose, software.c.gone_at_ns.is_(None))
        .group_by(software.c.device_id)
        .subquery()
    )
    return (
        select(
            devices.c.device_id,
            devices.c.hostname,
            func.coalesce(counts.c.programs, 0).label("programs"),
            software_lists.c.listed_at_ns,
            software_lists.c.changed_at_ns,
            func.coalesce(software_lists.c.left_out, 0).label("left_out"),
        )
        .join_from(devices, counts, counts.c.device_id == devices.c.device_id, isouter=True)
        .join(software_lists, software_lists.c.device_id == devices.c.device_id, isouter=True)
        .where(devices.c.school_id == school_id)
    )


def _to_state(row: Row[Any]) -> ListState:
    return ListState(
        device=row.device_id,
        hostname=row.hostname,
        programs=row.programs,
        listed_at_ns=row.listed_at_ns,
        changed_at_ns=row.changed_at_ns,
        left_out=row.left_out,
    )


def list_changes(engine: Engine, school_id: str, *, since_ns: int, device_id: str | None = None) -> list[Change]:
    """Return the differences between a moment and now, newest first.

    What came and went in between is none. The first list of a device is no change either: what it had before, nobody
    knows. Of each device as many removals are remembered as `installed` keeps.
    """
    query = (
        select(software, devices.c.hostname)
        .join_from(software, devices, devices.c.device_id == software.c.device_id)
        .where(
            software.c.school_id == school_id,
            or_(software.c.first_seen_at_ns >= since_ns, software.c.gone_at_ns >= since_ns),
        )
        .order_by(software.c.device_id, software.c.source, software.c.folded_name, software.c.software_id)
    )
    if device_id is not None:
        query = query.where(software.c.device_id == device_id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    by_program = groupby(rows, key=lambda row: (row.device_id, row.source, row.folded_name))
    changes = [change for _, versions in by_program if (change := _find_change(versions, since_ns)) is not None]
    return sorted(changes, key=lambda each: (-each.heard_at_ns, each.hostname, each.name))


def _find_change(versions: Iterable[Any], since_ns: int) -> Change | None:
    """Return the difference that the versions of one program on one device make, or None."""
    rows = list(versions)
    before = next((row for row in rows if row.first_seen_at_ns < since_ns or row.is_first_list), None)
    after = rows[-1] if rows[-1].gone_at_ns is None else None
    if before is None and after is None:
        return None
    if before is not None and after is not None and before.version == after.version:
        return None
    last = rows[-1]
    what = What.INSTALLED if before is None else What.REMOVED if after is None else What.UPDATED
    return Change(
        device=last.device_id,
        hostname=last.hostname,
        what=what,
        source=last.source,
        name=last.name,
        before=before.version if before is not None else "",
        after=after.version if after is not None else "",
        heard_at_ns=last.gone_at_ns if last.gone_at_ns is not None else last.first_seen_at_ns,
    )
