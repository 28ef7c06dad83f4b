# SPDX-License-Identifier: Apache-2.0
"""Admits a device: a token that is good, and the proof that it holds both of its keys.

The same device may ask again with the same token and keys, because the answer can be lost on the way: it gets the same
id and a fresh certificate, and the token loses no further use. A token for one device makes it active: who was given
it is known. One for many makes them pending, until the school's list or a person says that they are the school's.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from collector.audit import record
from collector.authority import Authority
from collector.config import Config
from collector.devices import SPEAKING_STATES, DeviceState, find_ended, hold_states, to_fact
from collector.enrolment import certificates, proofs
from collector.enrolment.tokens import find_token, use_token, verify_token
from collector.errors import EnrolmentRefusedError
from collector.expected_devices import match_device
from collector.ledger import Head, read_head
from collector.store.engine import reading, writing
from collector.store.schema import device_keys, devices
from proto.enrolment import ENROLLED_AGAIN
from proto.errors import SignatureError
from proto.keys import Verifier, to_verifier
from proto.wire import EnrolRequest, RekeyRequest

ID_DOMAIN = b"schoolwarden device\x00"
ENROL_AGAIN = "enrol it anew: schoolwarden-agent enrol --again, with a new token"
OURSELVES = "schoolwarden"
"""The actor of what happens without a person."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A device that has just been admitted, or was before and asked again."""

    device_id: str
    certificate: bytes
    """DER."""
    is_pending: bool
    former: Head | None = None
    """Where the record of the device that it proved to have been ends for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """What is kept of a device that comes, beside what it says of itself."""

    state: DeviceState
    token_sha256: bytes
    """Empty for a re-keyed device, which needs no token."""
    succession: str = ""
    confirmed_by: str | None = None


def enrol(engine: Engine, config: Config, authority: Authority, request: EnrolRequest, now_ns: int) -> Admitted:
    """Admit a device.

    1. Nothing in the request is larger than it can be.
    2. The token is one of ours, not withdrawn or expired, and has a use left or was used by this very device.
    3. The evidence key signed the request, and so did that of the device that this machine was before, if it was one.
    4. The certificate request is signed by the TLS key.
    5. The token still has that use; the device, its keys, its certificate, the use of the token and the end of the
       former device are one transaction. What that one was heard to say is told with the answer: the rest of it comes
       again from the new device, so nothing may be taken of it any more (`ingest` asks in the transaction it commits).

    Raises:
        EnrolmentRefusedError: one of these does not hold; nothing was changed.
        StoreError: the database does not answer.
    """
    # 1
    proofs.verify_sizes(request)
    token_sha256 = hashlib.sha256(request.token_secret).digest()
    device_id = to_device_id(config.school_id, token_sha256, request.evidence_public_key)
    # 2
    with reading(engine) as connection:
        row = find_token(connection, config.school_id, token_sha256)
        verify_token(row, now_ns, was_used=find_state(connection, device_id) is not None)
        certificates.verify_not_too_many(connection, device_id, now_ns)
        former = _find_former(connection, config.school_id, request)
    # 3
    proofs.verify_own_key(config.school_id, request, token_sha256)
    if former is not None:
        proofs.verify_former_key(config.school_id, request, ENROLLED_AGAIN, former)
    # 4
    issued = certificates.issue(authority, request.certificate_request, config.school_id, device_id)
    # 5
    with writing(engine) as connection:
        if request.former_device_id:
            hold_states(connection, config.school_id)
        row = find_token(connection, config.school_id, token_sha256, is_held=True)
        is_known = find_state(connection, device_id) is not None
        token = verify_token(row, now_ns, was_used=is_known)
        if not is_known:
            _admit_with_token(connection, config.school_id, request, issued, token, now_ns)
        certificates.write_down(connection, config.school_id, issued, now_ns)
        state = find_state(connection, device_id)
        former_head = _find_former_head(connection, device_id, request.former_device_id)
    return Admitted(device_id, issued.der, is_pending=state == DeviceState.PENDING, former=former_head)


def to_device_id(school_id: str, came_by: bytes, public_key: bytes) -> str:
    """Return the id of the device that comes with a key, by a token's hash or as the successor of a device.

    It follows from these, so that whoever asks again is the same device, however many times at once.
    """
    parts = (school_id.encode(), came_by, public_key)
    return hashlib.sha256(ID_DOMAIN + b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def add_device(
    connection: Connection,
    school_id: str,
    request: EnrolRequest | RekeyRequest,
    issued: certificates.Issued,
    newcomer: Newcomer,
    now_ns: int,
) -> None:
    """Write down a device and what proves that it may speak; its certificate is the caller's to write down."""
    facts: Any = request.facts
    connection.execute(
        insert(devices).values(
            school_id=school_id,
            device_id=issued.device_id,
            state=newcomer.state.value,
            hostname=to_fact(facts.hostname),
            os=to_fact(facts.os),
            os_version=to_fact(facts.os_version),
            architecture=to_fact(facts.architecture),
            agent_version=to_fact(facts.agent_version),
            manufacturer=to_fact(facts.manufacturer),
            product=to_fact(facts.product),
            serial=to_fact(facts.serial),
            enrolled_at_ns=now_ns,
            last_seen_at_ns=now_ns,
            former_device_id=request.former_device_id or None,
            succession=newcomer.succession,
            confirmed_at_ns=None if newcomer.confirmed_by is None else now_ns,
            confirmed_by=newcomer.confirmed_by,
        )
    )
    connection.execute(
        insert(device_keys).values(
            school_id=school_id,
            device_id=issued.device_id,
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
            certificate_request=request.certificate_request,
            proof=request.evidence_proof,
            certificate_sha256=issued.sha256,
            token_sha256=newcomer.token_sha256,
            former_proof=request.former_proof if request.former_device_id else b"",
            made_at_ns=now_ns,
        )
    )


def find_verifier(connection: Connection, school_id: str, device_id: str) -> tuple[str, Verifier] | None:
    """Return a device's state and what verifies what it signs, or None for one that never enrolled here."""
    row = connection.execute(
        select(devices.c.state, device_keys.c.algorithm, device_keys.c.public_key)
        .join_from(devices, device_keys, device_keys.c.device_id == devices.c.device_id)
        .where(devices.c.school_id == school_id, devices.c.device_id == device_id)
    ).first()
    if row is None:
        return None
    try:
        return row.state, to_verifier(row.algorithm, row.public_key)
    except SignatureError as error:
        raise EnrolmentRefusedError("what is known of this device is damaged", hint="tell the administrator") from error


_FIND_STATE = select(devices.c.state).where(devices.c.device_id == bindparam("device"))


def find_state(connection: Connection, device_id: str) -> str | None:
    """Return the state of a device that came before, or None.

    Raises:
        EnrolmentRefusedError: it came, and may not speak any more.
    """
    state = connection.execute(_FIND_STATE, {"device": device_id}).scalar()
    if state is not None and state not in SPEAKING_STATES:
        raise EnrolmentRefusedError("this device may not speak here any more", hint=ENROL_AGAIN)
    return state


def _find_former(connection: Connection, school_id: str, request: EnrolRequest) -> Verifier | None:
    """Return what verifies the word of the device that this machine was before, whatever became of that."""
    if not request.former_device_id:
        return None
    found = find_verifier(connection, school_id, request.former_device_id)
    if found is None:
        raise EnrolmentRefusedError("the device that this machine was before is not known here")
    return found[1]


def _find_former_head(connection: Connection, device_id: str, former_device_id: str) -> Head | None:
    """Return where the chain of a device ends that was ended for this one; None if it is not the one it named then."""
    mine = select(devices.c.former_device_id).where(devices.c.device_id == device_id)
    is_mine = bool(former_device_id) and connection.execute(mine).scalar_one() == former_device_id
    # One that may still speak has no end yet.
    return read_head(connection, former_device_id) if is_mine and find_ended(connection, [former_device_id]) else None


def _admit_with_token(
    connection: Connection,
    school_id: str,
    request: EnrolRequest,
    issued: certificates.Issued,
    token: Any,
    now_ns: int,
) -> None:
    is_for_one = token.uses_allowed == 1
    newcomer = Newcomer(
        state=DeviceState.ACTIVE if is_for_one else DeviceState.PENDING,
        token_sha256=token.secret_sha256,
        succession=ENROLLED_AGAIN if request.former_device_id else "",
        confirmed_by=token.made_by if is_for_one else None,
    )
    add_device(connection, school_id, request, issued, newcomer, now_ns)
    use_token(connection, token.secret_sha256)
    if request.former_device_id:
        _end_former(connection, school_id, request.former_device_id, issued.device_id, now_ns)
    match_device(connection, school_id, issued.device_id, now_ns)


def _end_former(connection: Connection, school_id: str, former_device_id: str, device_id: str, now_ns: int) -> None:
    """Let the device that a machine was before speak no more: from now on the machine speaks as another."""
    ended = connection.execute(
        update(devices)
        .where(
            devices.c.school_id == school_id,
            devices.c.device_id == former_device_id,
            devices.c.state.in_([state.value for state in SPEAKING_STATES]),
        )
        .values(state=DeviceState.REVOKED.value)
    )
    if ended.rowcount:
        record(
            connection,
            school_id,
            actor=OURSELVES,
            action="device.revoked",
            subject=f"device/{former_device_id}",
            detail=f"the machine enrolled again as device {device_id}",
            now_ns=now_ns,
        )
