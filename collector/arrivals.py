# SPDX-License-Identifier: Apache-2.0
"""What devices say that is kept in tables of its own, inside the transaction that appends the event: `NOTES`.

Of a flag only what is in the clear is looked at. It is never lost: one that does not keep to the contract is kept all
the same, and goes to its readers if it can be told who they are. Who may see it is the business of `flags`.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from collector import answers, continuity, devices, hardware, installed, media, presence, proposals
from collector.counting import Sighting
from collector.devices import MAX_NUMBER, to_fact
from collector.drills import answer_drill
from collector.flags import FlagState
from collector.sightings import sighting_of_flag, sighting_of_strange_message
from collector.store.engine import reading
from collector.store.schema import flags, notices
from proto.events import (
    AccountSignedIn,
    AccountSignedOut,
    AgentRekeyed,
    AgentStarted,
    ChainRestarted,
    CheckChanged,
    ClockStepped,
    FlagRaised,
    HardwareListed,
    NoticeAccepted,
    PolicyApplied,
    ProgramInstalled,
    ProgramRemoved,
    SoftwareListed,
    Tier,
    UsbAttached,
    UsbChanged,
    UsbWritten,
)
from proto.sealed import SUBJECT_REF_BYTES
from proto.wire import HeaderView
from rules.route import Route

log = logging.getLogger(__name__)

UNKNOWN_ROUTE = "unknown"
"""Kept for a route that this version does not know: no reader has it."""
TIER_OF_THE_UNKNOWN = Tier.ALERT
"""A flag of a tier that this version does not know is looked at today."""
NO_REF = bytes(SUBJECT_REF_BYTES)
"""For flags whose content the device could not send: they stand together."""
MAX_NOTICE_CHARACTERS = 64
_TIERS = {int(tier): tier for tier in Tier if tier is not Tier.UNSPECIFIED}


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event that was taken."""

    school_id: str
    device_id: str
    event_id: int
    header: HeaderView
    content: Any
    """The decoded body; None when it is missing or cannot be read, which is no reason to lose a flag."""
    now_ns: int


Note = Callable[[Connection, Arrived], Iterable[Sighting]]
"""Keeps what an event says, and returns the incidents that come of it beside those of the rules."""


def note_flag(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    """Keep a flag. It opens or counts the incident of its route and account, unless it answers an order to drill."""
    header, content, flag_id = arrived.header, arrived.content, secrets.token_hex(8)
    route = header.route if header.route in set(Route) else UNKNOWN_ROUTE
    tier = _TIERS.get(header.tier, TIER_OF_THE_UNKNOWN)
    subject_ref = content.subject_ref if content is not None and len(content.subject_ref) == len(NO_REF) else NO_REF
    is_drill = header.drill and answer_drill(
        connection,
        arrived.school_id,
        device_id=arrived.device_id,
        nonce=content.drill_nonce if content is not None else b"",
        flag_id=flag_id,
        now_ns=arrived.now_ns,
    )
    connection.execute(
        insert(flags).values(
            flag_id=flag_id,
            school_id=arrived.school_id,
            event_id=arrived.event_id,
            device_id=arrived.device_id,
            tier=int(tier),
            route=route,
            drill=is_drill,
            subject_ref=subject_ref,
            recipients_version=min(content.recipients_version, MAX_NUMBER) if content is not None else 0,
            device_time_ns=header.wall_clock_ns,
            received_at_ns=arrived.now_ns,
            state=FlagState.NEW.value,
        )
    )
    sightings = []
    if route != UNKNOWN_ROUTE and not is_drill:
        sightings.append(sighting_of_flag(tier, route, subject_ref, arrived.device_id, arrived.event_id))
    if route == UNKNOWN_ROUTE or (header.drill and not is_drill):
        sightings.append(sighting_of_strange_message(arrived.device_id))
    return sightings


def note_notice(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    """Keep that somebody accepted a notice on a device; the same again changes nothing."""
    content = arrived.content
    if len(content.subject_ref) != len(NO_REF):
        log.warning("a notice without a reference came from device %s", arrived.device_id)
        return ()
    row = {
        "school_id": arrived.school_id,
        "device_id": arrived.device_id,
        "subject_ref": content.subject_ref,
        "notice_version": to_fact(content.notice_version)[:MAX_NOTICE_CHARACTERS],
    }
    known = select(notices.c.received_at_ns).where(*(notices.c[name] == value for name, value in row.items()))
    if connection.execute(known).first() is None:
        times = {"device_time_ns": arrived.header.wall_clock_ns, "received_at_ns": arrived.now_ns}
        connection.execute(insert(notices).values(**row, **times))
    return ()


def count_notices(engine: Engine, school_id: str) -> dict[str, int]:
    """Return how many accounts accepted each version of the notice."""
    query = (
        select(notices.c.notice_version, func.count(notices.c.subject_ref.distinct()).label("accounts"))
        .where(notices.c.school_id == school_id)
        .group_by(notices.c.notice_version)
        .order_by(notices.c.notice_version)
    )
    with reading(engine) as connection:
        return {row.notice_version: row.accounts for row in connection.execute(query)}


def _note_started(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    devices.note_started(connection, arrived.device_id, arrived.content)
    installed.note_started(connection, arrived.device_id)
    presence.note_boot(connection, arrived.device_id, arrived.header.boot_id, arrived.now_ns)
    return ()


def _note_policy(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    devices.note_policy(connection, arrived.device_id, arrived.content)
    return ()


def _note_software(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    proposals.offer(connection, arrived.school_id, arrived.device_id, arrived.event_id, arrived.content, arrived.now_ns)
    installed.note_listed(
        connection,
        arrived.school_id,
        arrived.device_id,
        arrived.content,
        epoch=arrived.header.epoch,
        now_ns=arrived.now_ns,
    )
    return ()


def _note_installed(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    program = arrived.content.program
    installed.note_installed(connection, arrived.school_id, arrived.device_id, program, arrived.now_ns)
    return ()


def _note_removed(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    installed.note_removed(connection, arrived.device_id, arrived.content.program, arrived.now_ns)
    return ()


def _note_hardware(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    hardware.note_hardware(
        connection, arrived.school_id, arrived.device_id, arrived.event_id, arrived.content, arrived.now_ns
    )
    return ()


def _note_answer(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    answers.note_answer(connection, arrived.school_id, arrived.device_id, arrived.content, arrived.now_ns)
    return ()


def _note_usb(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    media.note_seen(connection, arrived.school_id, arrived.device_id, arrived.content, arrived.now_ns)
    return ()


def _note_signed_in(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    presence.note_signed_in(
        connection,
        arrived.school_id,
        arrived.device_id,
        arrived.event_id,
        arrived.header,
        arrived.content,
        arrived.now_ns,
    )
    return ()


def _note_signed_out(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    presence.note_signed_out(connection, arrived.device_id, arrived.content, arrived.now_ns)
    return ()


def _note_rekeyed(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    return [continuity.sighting_of_rekey(connection, arrived.device_id, arrived.event_id, arrived.content)]


def _note_restarted(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    return continuity.list_restarts(connection, arrived.device_id, arrived.event_id, arrived.content)


def _note_stepped(connection: Connection, arrived: Arrived) -> Iterable[Sighting]:
    return continuity.list_steps(connection, arrived.device_id, arrived.event_id, arrived.content)


NOTES: dict[str, Note] = {
    AccountSignedIn.kind: _note_signed_in,
    AccountSignedOut.kind: _note_signed_out,
    AgentRekeyed.kind: _note_rekeyed,
    AgentStarted.kind: _note_started,
    ChainRestarted.kind: _note_restarted,
    CheckChanged.kind: _note_answer,
    ClockStepped.kind: _note_stepped,
    FlagRaised.kind: note_flag,
    HardwareListed.kind: _note_hardware,
    NoticeAccepted.kind: note_notice,
    PolicyApplied.kind: _note_policy,
    ProgramInstalled.kind: _note_installed,
    ProgramRemoved.kind: _note_removed,
    SoftwareListed.kind: _note_software,
    UsbAttached.kind: _note_usb,
    UsbChanged.kind: _note_usb,
    UsbWritten.kind: _note_usb,
}
"""Who keeps what, by the kind of event."""
