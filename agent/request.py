# SPDX-License-Identifier: Apache-2.0
"""What this machine asks of the collector's enrolment listener, and proves: to enrol, to go on for another, to renew;
and what of its answers may be believed.

Keys are given, nothing is kept here: `identity` keeps, `uplink.calls` asks.
"""

import hashlib
import logging
from dataclasses import dataclass

from agent.certificate import read_certificate
from agent.errors import EnrolmentError, KeyStoreError
from agent.keystore.interface import Keys
from proto.enrolment import ENROLLED_AGAIN, proof_bytes, renewal_bytes, succession_bytes
from proto.envelope import MAX_ID_LENGTH
from proto.errors import MalformedError, SignatureError
from proto.keys import Signer, Verifier, to_verifier
from proto.token import Token
from proto.trust import Trust, open_trust
from proto.wire import DeviceFacts, EnrolReply, EnrolRequest, RekeyRequest, RenewRequest, SignedTrust

log = logging.getLogger(__name__)

ASK = "ask whoever runs the collector, and try again"


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The device that this machine was before."""

    school_id: str
    device_id: str
    signer: Signer


def make_enrol_request(keys: Keys, token: Token, facts: DeviceFacts, former: Predecessor | None) -> EnrolRequest:
    """Return the request to become a device of a token's school; `former` proves which one this machine was.

    Raises:
        ValueError: the TLS key is none that can ask.
        KeyStoreError: a key cannot be used where it lives.
    """
    request = EnrolRequest(
        token_secret=token.secret,
        certificate_request=keys.make_certificate_request(),
        evidence_algorithm=keys.signer.algorithm,
        evidence_public_key=keys.signer.public_key,
        facts=facts,
    )
    request.evidence_proof = _prove(keys, token.school_id, hashlib.sha256(token.secret).digest())
    if former is not None and former.school_id == token.school_id:
        try:
            request.former_proof = _hand_over(keys, former, ENROLLED_AGAIN)
        except KeyStoreError as error:
            # A TPM that was cleared: the way back is to enrol again, which must not need the keys that are gone.
            log.warning("this machine cannot prove that it was device %s: %s", former.device_id, error)
        else:
            request.former_device_id = former.device_id
    return request


def make_rekey_request(keys: Keys, former: Predecessor, reason: str, facts: DeviceFacts) -> RekeyRequest:
    """Return the request to go on for a former device with new keys.

    Raises:
        ValueError: the TLS key is none that can ask.
        KeyStoreError: a key cannot be used where it lives.
    """
    return RekeyRequest(
        former_device_id=former.device_id,
        reason=reason,
        certificate_request=keys.make_certificate_request(),
        evidence_algorithm=keys.signer.algorithm,
        evidence_public_key=keys.signer.public_key,
        # It needs no token: the former device's key stands for one.
        evidence_proof=_prove(keys, former.school_id, b""),
        former_proof=_hand_over(keys, former, reason),
        facts=facts,
    )


def make_renew_request(keys: Keys, *, school_id: str, device_id: str, certificate: bytes) -> RenewRequest:
    """Return the request for a new certificate for the same TLS key in place of one (DER) that ends.

    Raises:
        ValueError: the TLS key is none that can ask.
        KeyStoreError: a key cannot be used where it lives.
    """
    request = keys.make_certificate_request()
    proof = renewal_bytes(school_id=school_id, device_id=device_id, certificate_request=request)
    return RenewRequest(
        device_id=device_id,
        certificate_request=request,
        evidence_proof=keys.signer.sign(proof),
        certificate_sha256=hashlib.sha256(certificate).digest(),
    )


def verify_reply(reply: EnrolReply, keys: Keys, school_id: str) -> None:
    """Check that what the collector answered makes a device that works.

    Raises:
        EnrolmentError: it does not.
        KeyStoreError: the keys cannot be read where they live.
    """
    try:
        if reply.school_id != school_id:
            raise ValueError("it is for another school than this machine's")
        if not 0 < len(reply.device_id) <= MAX_ID_LENGTH:
            raise ValueError("it gives no device id")
        to_verifier(reply.signing_algorithm, reply.signing_public_key)
        verify_certificate(reply.certificate, keys)
    except (ValueError, SignatureError) as error:
        raise EnrolmentError(f"the collector's answer cannot be used: {error}", hint=ASK) from error


def verify_certificate(certificate: bytes, keys: Keys) -> None:
    """Check that a certificate (DER) is for our TLS key.

    Raises:
        ValueError: it is not.
        KeyStoreError: the key cannot be read where it lives.
    """
    if read_certificate(certificate).public_key != keys.tls_public_key:
        raise ValueError("its certificate is for another key")


def open_trust_statement(signed: SignedTrust, verifier: Verifier, school_id: str) -> Trust:
    """Check a statement of trust, down to the certificates in it, and return what it says.

    Raises:
        SignatureError: our collector did not sign it.
        MalformedError: it cannot be read, is another school's, or names what is no certificate.
    """
    trust = open_trust(signed, verifier, school_id=school_id)
    try:
        for each in trust.ca_certificates:
            read_certificate(each)
    except ValueError as error:
        raise MalformedError("the statement of trust names what is no certificate") from error
    return trust


def _prove(keys: Keys, school_id: str, token_secret_sha256: bytes) -> bytes:
    """Return what shows that we hold the evidence key."""
    return keys.signer.sign(
        proof_bytes(
            school_id=school_id,
            token_secret_sha256=token_secret_sha256,
            certificate_request=keys.make_certificate_request(),
            algorithm=keys.signer.algorithm,
            public_key=keys.signer.public_key,
        )
    )


def _hand_over(keys: Keys, former: Predecessor, reason: str) -> bytes:
    """Return what shows that we hold the former device's evidence key too."""
    return former.signer.sign(
        succession_bytes(
            school_id=former.school_id,
            former_device_id=former.device_id,
            reason=reason,
            algorithm=keys.signer.algorithm,
            public_key=keys.signer.public_key,
        )
    )
