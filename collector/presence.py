# SPDX-License-Identifier: Apache-2.0
"""Sessions on devices, by reference: `note_...` keep them, and `find_several` says which account is on several at once.

It tells machines apart, never people. Somebody who walks from one room to another has two sessions for a while, and a
laptop that was left signed in at home keeps its session: so only sessions on devices that are heard now count, and only
once they stood side by side for some minutes. All spans are counted from when we heard of a session, not from when it
began: a laptop that was offline tells of its sessions late, their ends right behind. What happened meanwhile is
therefore not found.

A session that a network carries (`remote`) does not count: one person makes it from where he sits.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, bindparam, delete, func, insert, select, update

from collector.devices import DeviceState, to_fact
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
MARGIN = 50
"""So many more may stand before the oldest go: to look for them costs more than to keep them for a while."""
SESSION_REF_BYTES = 8
MAX_KIND_CHARACTERS = 16
PERSONAL = "personal"
REMOTE = "remote"

SessionKey = tuple[str, bytes]
"""Device and reference of the session."""


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
            account_kind=to_fact(signed_in.account_kind)[:MAX_KIND_CHARACTERS],
            boot_id=header.boot_id[:16],
            event_id=event_id,
            heard_at_ns=now_ns,
        )
    )
    count = connection.execute(select(func.count()).select_from(presence).where(mine)).scalar_one()
    if count <= MAX_SESSIONS_A_DEVICE + MARGIN:
        return
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
    is_stale = (mine, presence.c.until_ns.is_(None), presence.c.heard_at_ns < now_ns - LONGEST_NS)
    _execute_for(connection, _END, _hold(connection, *is_stale), now_ns)
    _execute_for(connection, _FORGET, _hold(connection, mine, presence.c.until_ns < now_ns - KEPT_NS), now_ns)
    counts = (
        mine,
        presence.c.is_personal,
        presence.c.until_ns.is_(None),
        presence.c.heard_at_ns <= now_ns - GRACE_NS,
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
    is_news = (mine, presence.c.until_ns.is_(None), presence.c.told_at_ns.is_(None))
    held = set(_hold(connection, *is_news, presence.c.account_ref.in_(several)))
    told: list[SessionKey] = []
    found: list[Several] = []
    for account_ref, rows in sessions.items():
        news = [(row.device_id, row.session_ref) for row in rows if row.told_at_ns is None]
        # Of a session that ingest is busy with it is told at the next look: whether it lasts is not known yet.
        if held.issuperset(news):
            told += news
            found.append(_to_several(account_ref, rows))
    _execute_for(connection, _TELL, told, now_ns)
    return found


def _hold(connection: Connection, *conditions: ColumnElement[bool]) -> list[SessionKey]:
    """Return the sessions to which this applies and hold them until the commit, without those that another holds.

    Ingest holds sessions in the order of their events. Who waited for it here could make it wait for himself.
    """
    key = (presence.c.device_id, presence.c.session_ref)
    query = select(*key).where(*conditions).order_by(*key).with_for_update(skip_locked=True)
    return [(row.device_id, row.session_ref) for row in connection.execute(query)]


def _execute_for(connection: Connection, statement: Executable, sessions: list[SessionKey], now_ns: int) -> None:
    if sessions:
        rows = [{"device": device_id, "session": session_ref, "now": now_ns} for device_id, session_ref in sessions]
        connection.execute(statement, rows)


_THIS = (presence.c.device_id == bindparam("device"), presence.c.session_ref == bindparam("session"))
_END = update(presence).where(*_THIS).values(until_ns=bindparam("now"))
_TELL = update(presence).where(*_THIS).values(told_at_ns=bindparam("now"))
_FORGET = delete(presence).where(*_THIS)


def _to_several(account_ref: bytes, rows: list[Any]) -> Several:
    newest = rows[-1]
    return Several(
        account_ref=account_ref,
        device_id=newest.device_id,
        event_id=newest.event_id,
        hostnames=tuple(dict.fromkeys(row.hostname for row in rows)),
    )
