# SPDX-License-Identifier: Apache-2.0
"""How a device becomes one of ours, and is one no more: tokens, the two proofs of possession, the certificate.

A token's secret is stored as a hash only. The same device may ask again with the same token and keys, because the
answer can be lost on the way: it gets the same id and a fresh certificate, and the token loses no further use.
"""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from collector.audit import COMMAND_LINE, record
from collector.authority import Authority, issue_device_certificate
from collector.config import Addresses, Config
from collector.devices import DeviceState, revoke, to_fact
from collector.errors import EnrolmentRefusedError, UsageError
from collector.recipients import find_root_fingerprint
from collector.store.engine import writing
from collector.store.schema import device_keys, devices, tokens
from proto.enrolment import proof_bytes
from proto.errors import SignatureError
from proto.keys import to_verifier
from proto.token import SECRET_BYTES, Token, encode_token
from proto.wire import EnrolRequest


def make_token(
    engine: Engine,
    config: Config,
    authority: Authority,
    addresses: Addresses,
    *,
    uses: int,
    valid_for_ns: int,
    now_ns: int,
    actor: str = COMMAND_LINE,
) -> str:
    """Make an enrolment token. It is shown once and kept nowhere. Its devices pin the safeguarding root in it.

    Raises:
        UsageError: it would be of no use, or good for ever.
        RecipientsError: the set of readers in force does not verify.
    """
    if not 1 <= uses <= 10_000:
        raise UsageError("a token is good for 1 to 10,000 devices", hint="--uses N")
    if not 0 < valid_for_ns <= 90 * 24 * 3600 * 10**9:
        raise UsageError("a token is valid for up to 90 days", hint="--valid-for 7d")
    root_fingerprint = find_root_fingerprint(engine, config.school_id)
    secret = secrets.token_bytes(SECRET_BYTES)
    with writing(engine) as connection:
        connection.execute(
            insert(tokens).values(
                school_id=config.school_id,
                secret_sha256=hashlib.sha256(secret).digest(),
                made_at_ns=now_ns,
                expires_at_ns=now_ns + valid_for_ns,
                uses_allowed=uses,
                made_by=actor,
            )
        )
        expires_at = datetime.fromtimestamp((now_ns + valid_for_ns) // 10**9, UTC)
        record(
            connection,
            config.school_id,
            actor=actor,
            action="token.made",
            # By its hash, as in the table of tokens: the secret is nobody's to read.
            subject=f"token/{hashlib.sha256(secret).hexdigest()[:16]}",
            detail=f"for {uses} devices until {expires_at:%Y-%m-%dT%H:%M:%SZ}",
            now_ns=now_ns,
        )
    return encode_token(
        Token(
            enrol_address=addresses.enrol,
            events_address=addresses.grpc,
            school_id=config.school_id,
            expires_at_ns=now_ns + valid_for_ns,
            secret=secret,
            ca_certificate=authority.certificate_der,
            safeguarding_root_fingerprint=root_fingerprint,
        )
    )


def enrol(
    engine: Engine, config: Config, authority: Authority, request: EnrolRequest, now_ns: int
) -> tuple[str, bytes]:
    """Admit a device; return its id and its certificate (DER).

    1. The token is one of ours, not expired, and has a use left or was used by this very device.
    2. The evidence key signed the request: the device holds it.
    3. The certificate request is signed by the TLS key: the device holds it.
    4. The device, its keys and the use of the token are one transaction.

    Raises:
        EnrolmentRefusedError: one of these does not hold; nothing was changed.
        StoreError: the database does not answer.
    """
    token_sha256 = hashlib.sha256(request.token_secret).digest()
    with writing(engine) as connection:
        # 1
        before = _find_device_with_key(connection, token_sha256, request.evidence_public_key)
        _verify_token(connection, config.school_id, token_sha256, now_ns, was_used=before is not None)
        # 2
        proof = proof_bytes(
            school_id=config.school_id,
            token_secret_sha256=token_sha256,
            certificate_request=request.certificate_request,
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
        )
        try:
            to_verifier(request.evidence_algorithm, request.evidence_public_key).verify(request.evidence_proof, proof)
        except SignatureError as error:
            raise EnrolmentRefusedError("the device does not prove that it holds its evidence key") from error
        # 3
        device_id = before or secrets.token_hex(8)
        certificate = issue_device_certificate(authority, request.certificate_request, config.school_id, device_id)
        # 4
        if before is None:
            _add_device(connection, config.school_id, device_id, request, certificate, token_sha256, now_ns)
            connection.execute(
                update(tokens).where(tokens.c.secret_sha256 == token_sha256).values(uses=tokens.c.uses + 1)
            )
    return device_id, certificate


def revoke_device(engine: Engine, school_id: str, device_id: str, *, now_ns: int, actor: str = COMMAND_LINE) -> None:
    """Take a device's right to speak away; a stream that it has open ends within seconds. What it said stays.

    Raises:
        UsageError: there is no such device.
    """
    with writing(engine) as connection:
        revoke(connection, school_id, device_id)
        subject = f"device/{device_id}"
        record(connection, school_id, actor=actor, action="device.revoked", subject=subject, now_ns=now_ns)


def _verify_token(connection: Connection, school_id: str, token_sha256: bytes, now_ns: int, *, was_used: bool) -> None:
    row = connection.execute(
        # Held until the commit: two devices cannot both take the last use. SQLite has one writer anyway.
        select(tokens).where(tokens.c.school_id == school_id, tokens.c.secret_sha256 == token_sha256).with_for_update()
    ).first()
    if row is None:
        raise EnrolmentRefusedError("this token is not known here", hint="ask for a token of this collector")
    if row.expires_at_ns <= now_ns:
        raise EnrolmentRefusedError("this token has expired", hint="ask for a new one")
    if row.uses >= row.uses_allowed and not was_used:
        raise EnrolmentRefusedError("this token has been used up", hint="ask for a new one")


def _find_device_with_key(connection: Connection, token_sha256: bytes, public_key: bytes) -> str | None:
    return connection.execute(
        select(device_keys.c.device_id).where(
            device_keys.c.public_key == public_key, device_keys.c.token_sha256 == token_sha256
        )
    ).scalar()


def _add_device(
    connection: Connection,
    school_id: str,
    device_id: str,
    request: EnrolRequest,
    certificate: bytes,
    token_sha256: bytes,
    now_ns: int,
) -> None:
    facts: Any = request.facts
    connection.execute(
        insert(devices).values(
            school_id=school_id,
            device_id=device_id,
            state=DeviceState.ACTIVE.value,
            hostname=to_fact(facts.hostname),
            os=to_fact(facts.os),
            os_version=to_fact(facts.os_version),
            architecture=to_fact(facts.architecture),
            agent_version=to_fact(facts.agent_version),
            enrolled_at_ns=now_ns,
            last_seen_at_ns=now_ns,
        )
    )
    connection.execute(
        insert(device_keys).values(
            school_id=school_id,
            device_id=device_id,
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
            certificate_request=request.certificate_request,
            proof=request.evidence_proof,
            certificate_sha256=hashlib.sha256(certificate).digest(),
            token_sha256=token_sha256,
            made_at_ns=now_ns,
        )
    )
