# SPDX-License-Identifier: Apache-2.0
"""Sessions on devices, by reference: `note_...` keep them, and `find_several` says which account is on several at once.

It tells machines apart, never people. Somebody who walks from one room to another has two sessions for a while, and a
laptop that was left signed in at home keeps its session: so only sessions on devices that are heard now count, and only
once they stood side by side for some minutes. What happened while a device was offline is therefore not found.

A session that a network carries (`remote`) does not count: one person makes it from where he sits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from collector.devices import MAX_NUMBER, DeviceState, to_fact
from collector.store.schema import devices, presence
from proto.sealed import SUBJECT_REF_BYTES

GRACE_NS = 10 * 60 * 10**9
"""How long two sessions of one account stand side by side before it is told."""
HEARD_WITHIN_NS = 5 * 60 * 10**9
"""A device that was not heard for longer does not count: nobody may be there."""
LONGEST_NS = 24 * 3600 * 10**9
"""A session that has no end after this is taken for ended."""
KEPT_NS = 7 * LONGEST_NS
"""Sessions that ended are forgotten after a week; the evidence of them is in the ledger."""
MAX_SESSIONS_A_DEVICE = 200
SESSION_REF_BYTES = 8
PERSONAL = "personal"
REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """An account that has sessions on several devices at the same time."""

    account_ref: bytes
    device_id: str
    """Where the newest session began."""
    event_id: int
    """With which it began."""
    hostnames: tuple[str, ...]
    """Of all the devices, as they call themselves."""


def note_signed_in(
    connection: Connection, school_id: str, device_id: str, event_id: int, header: Any, signed_in: Any, now_ns: int
) -> None:
    """Keep that a session began, inside the transaction of its event; the same again changes nothing."""
    if len(signed_in.account_ref) != SUBJECT_REF_BYTES or len(signed_in.session_ref) != SESSION_REF_BYTES:
        return  # By such a reference nothing can be compared; the event is kept all the same.
    mine = presence.c.device_id == device_id
    known = select(presence.c.session_ref).where(mine, presence.c.session_ref == signed_in.session_ref)
    if connection.execute(known).first() is not None:
        return
    offset = select(devices.c.clock_offset_ns).where(devices.c.device_id == device_id)
    offset_ns = connection.execute(offset).scalar() or 0
    is_personal = (
        to_fact(signed_in.account_kind) == PERSONAL and not signed_in.is_local and signed_in.session_type != REMOTE
    )
    connection.execute(
        insert(presence).values(
            school_id=school_id,
            device_id=device_id,
            session_ref=signed_in.session_ref,
            account_ref=signed_in.account_ref,
            is_personal=is_personal,
            boot_id=header.boot_id[:16],
            event_id=event_id,
            # Nothing begins after it was heard, whatever a device's clock says.
            since_ns=min(max(header.wall_clock_ns - offset_ns, 0), now_ns, MAX_NUMBER),
        )
    )
    newest = (presence.c.event_id.desc(), presence.c.session_ref)
    kept = select(presence.c.session_ref).where(mine).order_by(*newest).limit(MAX_SESSIONS_A_DEVICE)
    connection.execute(delete(presence).where(mine, presence.c.session_ref.not_in(kept)))


def note_signed_out(connection: Connection, device_id: str, signed_out: Any, now_ns: int) -> None:
    """Keep that a session ended."""
    connection.execute(
        update(presence)
        .where(
            presence.c.device_id == device_id,
            presence.c.session_ref == signed_out.session_ref,
            presence.c.until_ns.is_(None),
        )
        .values(until_ns=now_ns)
    )


def note_boot(connection: Connection, device_id: str, boot_id: bytes, now_ns: int) -> None:
    """End the sessions of a device that were before it booted."""
    connection.execute(
        update(presence)
        .where(
            presence.c.device_id == device_id,
            presence.c.boot_id != boot_id[:16],
            presence.c.until_ns.is_(None),
        )
        .values(until_ns=now_ns)
    )


def find_several(connection: Connection, school_id: str, now_ns: int) -> list[Several]:
    """Return the accounts that are on several devices now, each once for every session that joins; and tidy up."""
    mine = presence.c.school_id == school_id
    is_stale = (mine, presence.c.until_ns.is_(None), presence.c.since_ns < now_ns - LONGEST_NS)
    connection.execute(update(presence).where(*is_stale).values(until_ns=now_ns))
    connection.execute(delete(presence).where(mine, presence.c.until_ns < now_ns - KEPT_NS))
    counts = (
        mine,
        presence.c.is_personal,
        presence.c.until_ns.is_(None),
        presence.c.since_ns <= now_ns - GRACE_NS,
        devices.c.last_seen_at_ns >= now_ns - HEARD_WITHIN_NS,
        devices.c.state == DeviceState.ACTIVE.value,
    )
    several = (
        select(presence.c.account_ref)
        .join_from(presence, devices, devices.c.device_id == presence.c.device_id)
        .where(*counts)
        .group_by(presence.c.account_ref)
        # At least one of them is news.
        .having(func.count(presence.c.device_id.distinct()) > 1)
        .having(func.count() > func.count(presence.c.told_at_ns))
    )
    query = (
        select(presence, devices.c.hostname)
        .join_from(presence, devices, devices.c.device_id == presence.c.device_id)
        .where(*counts, presence.c.account_ref.in_(several))
        .order_by(presence.c.account_ref, presence.c.event_id)
    )
    sessions: dict[bytes, list[Any]] = {}
    for row in connection.execute(query):
        sessions.setdefault(row.account_ref, []).append(row)
    for rows in sessions.values():
        _mark_told(connection, rows, now_ns)
    return [_to_several(ref, rows) for ref, rows in sessions.items()]


def _mark_told(connection: Connection, rows: Iterable[Any], now_ns: int) -> None:
    these = [
        (presence.c.device_id == row.device_id) & (presence.c.session_ref == row.session_ref)
        for row in rows
        if row.told_at_ns is None
    ]
    connection.execute(update(presence).where(or_(*these)).values(told_at_ns=now_ns))


def _to_several(account_ref: bytes, rows: list[Any]) -> Several:
    newest = rows[-1]
    return Several(
        account_ref=account_ref,
        device_id=newest.device_id,
        event_id=newest.event_id,
        hostnames=tuple(dict.fromkeys(row.hostname for row in rows)),
    )
