# SPDX-License-Identifier: Apache-2.0
"""Admits a machine that found itself one of two with the same identity, as a device of its own.

No token is asked for: the former device's key, which both machines hold, says who it goes on for. It proves that the
new device held that key, not which of the two is the older; so it is pending, the former one speaks on, and there is an
incident that both stand in. Whoever stole such a key could come again and again: there is an end to it for a day.
"""

from typing import Any

from sqlalchemy import Connection, Engine, func, select

from collector.authority import Authority
from collector.config import Config
from collector.counting import Sighting, record_sightings
from collector.devices import SPEAKING_STATES, DeviceState
from collector.enrolment import certificates, proofs
from collector.enrolment.admission import (
    ENROL_AGAIN,
    Admitted,
    Newcomer,
    add_device,
    find_state,
    find_verifier,
    to_device_id,
)
from collector.errors import EnrolmentRefusedError
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import devices
from collector.summaries import quote
from proto.enrolment import FORKED, ROLLED_BACK
from proto.events import Audience
from proto.keys import Verifier
from proto.wire import RekeyRequest

MAX_A_DAY = 50
"""How many may go on for one device, and for those that go on for it, and so on, in a day."""
NO_TOKEN = b""
RULE = "device-cloned"
_TITLES = {
    FORKED: "Two machines spoke as one device, and one of them goes on as a device of its own",
    ROLLED_BACK: "An old copy of a machine came back, and goes on as a device of its own",
}


def rekey(engine: Engine, config: Config, authority: Authority, request: RekeyRequest, now_ns: int) -> Admitted:
    """Admit a machine as a device of its own.

    1. Nothing in the request is larger than it can be, and the reason is one of two.
    2. The former device is known and may speak, and not too many went on for it today; or this very device did before.
    3. The new evidence key signed the request, and so did the former one.
    4. The certificate request is signed by the TLS key.
    5. The device, its keys, its certificate and the incident are one transaction.

    Raises:
        EnrolmentRefusedError: one of these does not hold; nothing was changed.
        StoreError: the database does not answer.
    """
    # 1
    proofs.verify_sizes(request)
    if request.reason not in _TITLES or not request.former_device_id:
        raise EnrolmentRefusedError("this is no reason to go on as another device")
    device_id = to_device_id(config.school_id, request.former_device_id.encode(), request.evidence_public_key)
    # 2
    with reading(engine) as connection:
        former = _find_former(connection, config.school_id, request.former_device_id)
        _verify_room(connection, config.school_id, request.former_device_id, device_id, now_ns)
        certificates.verify_not_too_many(connection, device_id, now_ns)
    # 3
    proofs.verify_own_key(config.school_id, request, NO_TOKEN)
    proofs.verify_former_key(config.school_id, request, request.reason, former)
    # 4
    issued = certificates.issue(authority, request.certificate_request, config.school_id, device_id)
    # 5
    with writing(engine) as connection:
        # One at a time, so that the limit holds and the same machine is not admitted twice.
        take_turns(connection, f"succession {config.school_id}")
        _find_former(connection, config.school_id, request.former_device_id)
        if not _verify_room(connection, config.school_id, request.former_device_id, device_id, now_ns):
            newcomer = Newcomer(state=DeviceState.PENDING, token_sha256=NO_TOKEN, succession=request.reason)
            add_device(connection, config.school_id, request, issued, newcomer, now_ns)
            sighting = _sighting_of(connection, request, device_id)
            record_sightings(connection, config.school_id, [sighting], now_ns)
        certificates.write_down(connection, config.school_id, issued, now_ns)
        state = find_state(connection, device_id)
    return Admitted(device_id, issued.der, is_pending=state == DeviceState.PENDING)


def _find_former(connection: Connection, school_id: str, device_id: str) -> Verifier:
    found = find_verifier(connection, school_id, device_id)
    if found is None:
        raise EnrolmentRefusedError("the former device is not known here", hint="enrol with a token of this collector")
    if found[0] not in SPEAKING_STATES:
        raise EnrolmentRefusedError("the former device may not speak here any more", hint=ENROL_AGAIN)
    return found[1]


def _verify_room(connection: Connection, school_id: str, former_device_id: str, device_id: str, now_ns: int) -> bool:
    """Return whether this very device was admitted before; if not, one more may be today.

    Raises:
        EnrolmentRefusedError: too many went on today, or this one may not speak any more.
    """
    if find_state(connection, device_id) is not None:
        return True
    if _count_today(connection, school_id, former_device_id, now_ns) >= MAX_A_DAY:
        raise EnrolmentRefusedError(
            f"{MAX_A_DAY} machines went on for this device today", hint="enrol this one with a token, or wait a day"
        )
    return False


def _count_today(connection: Connection, school_id: str, former_device_id: str, now_ns: int) -> int:
    """Count the whole family: a stolen key must not get round the limit through the devices that it made."""
    up = (
        select(devices.c.device_id, devices.c.former_device_id, devices.c.succession)
        .where(devices.c.school_id == school_id, devices.c.device_id == former_device_id)
        .cte("ancestors", recursive=True)
    )
    older = devices.alias("older")
    up = up.union(
        select(older.c.device_id, older.c.former_device_id, older.c.succession).where(
            older.c.device_id == up.c.former_device_id, up.c.succession.in_(tuple(_TITLES))
        )
    )
    down = select(up.c.device_id).cte("family", recursive=True)
    younger = devices.alias("younger")
    down = down.union(
        select(younger.c.device_id).where(
            younger.c.school_id == school_id,
            younger.c.former_device_id == down.c.device_id,
            younger.c.succession.in_(tuple(_TITLES)),
        )
    )
    today = select(func.count()).where(
        devices.c.device_id.in_(select(down.c.device_id)),
        devices.c.succession.in_(tuple(_TITLES)),
        devices.c.enrolled_at_ns > now_ns - certificates.DAY_NS,
    )
    return connection.execute(today).scalar_one()


def _sighting_of(connection: Connection, request: Any, device_id: str) -> Sighting:
    query = select(devices.c.hostname).where(devices.c.device_id == request.former_device_id)
    hostname = quote(connection.execute(query).scalar_one()) or "a device without a name"
    what = (
        f"Two machines speak as {hostname}: one of them"
        if request.reason == FORKED
        else f"{hostname} came back as an old copy of itself and"
    )
    return Sighting(
        rule=RULE,
        rule_title=_TITLES[request.reason],
        audience=Audience.SECURITY,
        severity=4,
        action_class="unacceptable",
        device_id=request.former_device_id,
        subject=f"device/{request.former_device_id}/{RULE}",
        group_key=RULE,
        summary=f"{what} goes on as device {device_id}, which somebody must confirm",
        clauses=("WE-12",),
        event_id=0,
    )
