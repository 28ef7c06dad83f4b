# SPDX-License-Identifier: Apache-2.0
"""Keeps what devices say is installed, inside the transaction that appends the event. Who reads it is `inventory`.

A row is one version of one program on one device, from when we heard of it until it was gone; of several that a device
lists at once (kernels) it is all of them. A whole list takes the
place of what was known; single programs are added, replaced and ended one by one. Paths are not kept: they can hold the
name of a person.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from collector.devices import to_fact
from collector.store.schema import software, software_lists

MAX_PROGRAMS_A_DEVICE = 10_000
"""What a device lists beyond is counted and not kept, so that no device fills the disk."""
MAX_GONE_A_DEVICE = 2_000
"""Rows of what is not installed any more; the oldest go first."""
MAX_SOURCE_CHARACTERS = 32
GONE_MARGIN = 200
"""So many more may stand before the oldest go: to look for them costs more than to keep them for a while."""
NO_EPOCH = 0
"""Epochs count from 1: no part goes on with such a list."""
FEW = 200
"""So many names are looked for one by one; for more all that the device has is read."""

_NUMBERS = re.compile(r"([0-9]+)")

Key = tuple[str, str]
"""Source and name, case folded as agents compare it."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A version that is in the table."""

    id: int
    version: str


@dataclass(frozen=True, slots=True)
class _Program:
    """What a device says that it has."""

    name: str
    version: str


def note_listed(
    connection: Connection, school_id: str, device_id: str, listed: Any, *, epoch: int, now_ns: int
) -> None:
    """Keep a list. A first one replaces what is known of the device, unless it goes on with the list before it.

    It goes on when it is of the same epoch of the chain and the agent did not start in between (`note_started`): no
    agent begins a second first list otherwise. No clock has a say in it, and parts may come hours apart.
    """
    programs = _to_programs(listed.programs)
    known = connection.execute(select(software_lists).where(software_lists.c.device_id == device_id)).first()
    if not listed.first:
        left_out = _add(connection, school_id, device_id, programs, now_ns, is_first=False)
        _note_change(connection, device_id, now_ns, left_out)
    elif known is None or known.epoch != epoch:
        _begin_list(connection, school_id, device_id, programs, epoch, now_ns, is_first=known is None)
    else:
        programs = _revive(connection, device_id, programs, known.listed_at_ns)
        left_out = _add(connection, school_id, device_id, programs, now_ns, is_first=known.is_first)
        _note_change(connection, device_id, now_ns, left_out)


def note_started(connection: Connection, device_id: str) -> None:
    """Keep that the agent started: it goes on with no list, so the next first one is another."""
    connection.execute(update(software_lists).where(software_lists.c.device_id == device_id).values(epoch=NO_EPOCH))


def _begin_list(
    connection: Connection,
    school_id: str,
    device_id: str,
    programs: Mapping[Key, _Program],
    epoch: int,
    now_ns: int,
    *,
    is_first: bool,
) -> None:
    """Let a device have these programs and no others: it is new, lost its memory, or was asked anew."""
    active = _find_all(connection, device_id)
    _end(connection, device_id, [row.id for key, row in active.items() if key not in programs], now_ns)
    left_out = _add(connection, school_id, device_id, programs, now_ns, is_first=is_first)
    connection.execute(delete(software_lists).where(software_lists.c.device_id == device_id))
    connection.execute(
        insert(software_lists).values(
            school_id=school_id,
            device_id=device_id,
            listed_at_ns=now_ns,
            changed_at_ns=now_ns,
            epoch=epoch,
            is_first=is_first,
            left_out=left_out,
        )
    )


def note_installed(connection: Connection, school_id: str, device_id: str, program: Any, now_ns: int) -> None:
    """Keep that a program was installed, or that it came to another version."""
    left_out = _add(connection, school_id, device_id, _to_programs([program]), now_ns, is_first=False)
    _note_change(connection, device_id, now_ns, left_out)


def note_removed(connection: Connection, device_id: str, program: Any, now_ns: int) -> None:
    """Keep that a program is gone."""
    (key,) = _to_programs([program])
    row = _find_some(connection, device_id, [key]).get(key)
    if row is not None:
        _end(connection, device_id, [row.id], now_ns)
        _note_change(connection, device_id, now_ns, 0)


def _note_change(connection: Connection, device_id: str, now_ns: int, left_out: int) -> None:
    connection.execute(_CHANGE, {"device": device_id, "now": now_ns, "more": left_out})


# Built once: building a statement costs more than running it.
_CHANGE = (
    update(software_lists)
    .where(software_lists.c.device_id == bindparam("device"))
    .values(changed_at_ns=bindparam("now"), left_out=software_lists.c.left_out + bindparam("more"))
)
_END = update(software).where(software.c.software_id == bindparam("ended")).values(gone_at_ns=bindparam("now"))
_ACTIVE = (
    select(software.c.software_id, software.c.source, software.c.folded_name, software.c.version)
    .where(software.c.device_id == bindparam("device"), software.c.gone_at_ns.is_(None))
    .order_by(software.c.software_id)
)
_SOME = _ACTIVE.where(software.c.folded_name.in_(bindparam("names", expanding=True)))
_COUNT = (
    select(func.count())
    .select_from(software)
    .where(software.c.device_id == bindparam("device"), software.c.gone_at_ns.is_(None))
)


def _add(
    connection: Connection,
    school_id: str,
    device_id: str,
    programs: Mapping[Key, _Program],
    now_ns: int,
    *,
    is_first: bool,
) -> int:
    """Add programs, a new version in place of the one before; return how many were too many."""
    active = _find_some(connection, device_id, list(programs))
    changed = [key for key, row in active.items() if key in programs and row.version != programs[key].version]
    new = [key for key in programs if key not in active]
    room = 0
    if new:
        room = max(0, MAX_PROGRAMS_A_DEVICE - int(connection.execute(_COUNT, {"device": device_id}).scalar_one()))
    _end(connection, device_id, [active[key].id for key in changed], now_ns)
    rows = [
        {
            "school_id": school_id,
            "device_id": device_id,
            "source": key[0],
            "name": programs[key].name,
            "folded_name": key[1],
            "version": programs[key].version,
            "first_seen_at_ns": now_ns,
            "is_first_list": is_first,
        }
        for key in [*changed, *new[:room]]
    ]
    if rows:
        connection.execute(insert(software), rows)
    return max(0, len(new) - room)


def _revive(
    connection: Connection, device_id: str, programs: Mapping[Key, _Program], listed_at_ns: int
) -> dict[Key, _Program]:
    """Take back what the part before this one of the same list ended; return what is left to add."""
    query = select(software.c.software_id, software.c.source, software.c.folded_name, software.c.version).where(
        software.c.device_id == device_id, software.c.gone_at_ns == listed_at_ns
    )
    ended = _to_rows(connection.execute(query))
    back = [key for key, row in ended.items() if key in programs and programs[key].version == row.version]
    if back:
        connection.execute(_END, [{"ended": ended[key].id, "now": None} for key in back])
    return {key: program for key, program in programs.items() if key not in back}


def _end(connection: Connection, device_id: str, ids: list[int], now_ns: int) -> None:
    if not ids:
        return
    connection.execute(_END, [{"ended": each, "now": now_ns} for each in ids])
    is_gone = (software.c.device_id == device_id, software.c.gone_at_ns.is_not(None))
    count = connection.execute(select(func.count()).select_from(software).where(*is_gone)).scalar_one()
    if count > MAX_GONE_A_DEVICE + GONE_MARGIN:
        newest_first = (software.c.gone_at_ns.desc(), software.c.software_id.desc())
        kept = select(software.c.software_id).where(*is_gone).order_by(*newest_first).limit(MAX_GONE_A_DEVICE)
        connection.execute(delete(software).where(*is_gone, software.c.software_id.not_in(kept)))


def _find_some(connection: Connection, device_id: str, keys: list[Key]) -> dict[Key, _Row]:
    """Return which of these programs a device has; with many keys, all that it has."""
    if len(keys) > FEW:
        return _find_all(connection, device_id)
    return _to_rows(connection.execute(_SOME, {"device": device_id, "names": [name for _, name in keys]}))


def _find_all(connection: Connection, device_id: str) -> dict[Key, _Row]:
    return _to_rows(connection.execute(_ACTIVE, {"device": device_id}))


def _to_rows(found: Iterable[Any]) -> dict[Key, _Row]:
    return {(row.source, row.folded_name): _Row(row.software_id, row.version) for row in found}


def _to_programs(programs: Iterable[Any]) -> dict[Key, _Program]:
    """Return programs as they are kept, each once; of one that is listed in several versions all of them."""
    names: dict[Key, str] = {}
    versions: dict[Key, set[str]] = {}
    for each in programs:
        source, name = to_fact(each.source)[:MAX_SOURCE_CHARACTERS], to_fact(each.name)
        key = (source, name.casefold())
        names.setdefault(key, name)
        versions.setdefault(key, set()).add(to_fact(each.version))
    return {key: _Program(name, _join(versions[key])) for key, name in names.items()}


def _join(versions: set[str]) -> str:
    if len(versions) == 1:
        return next(iter(versions))
    return to_fact(", ".join(sorted(filter(None, versions), key=_by_number)))


def _by_number(version: str) -> list[tuple[int, str]]:
    """Order 6.10 after 6.9: of two numbers without leading zeros the longer one is greater."""
    return [(len(part) if part.isdecimal() else 0, part) for part in _NUMBERS.split(version)]
