# SPDX-License-Identifier: Apache-2.0
"""Who this machine is: its two keys, its certificate, and the collector that it trusts.

Kept apart from the queue, so that a broken queue never makes a new device. The keys are made here and never leave;
`uplink` carries the request. Files that only their owner reads, for now; a TPM or the system's keychain will stand
behind the same class.
"""

import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from agent.errors import EnrolmentError, NotEnrolledError
from proto.enrolment import proof_bytes
from proto.envelope import MAX_ID_LENGTH
from proto.errors import SchoolwardenError, SignatureError
from proto.files import make_private_folder, sync_folder, write_private
from proto.keys import Ed25519Signer, Signer, Verifier, load_signer, to_verifier
from proto.token import Token
from proto.wire import DeviceFacts, EnrolReply, EnrolRequest

SPOOL_KEY_BYTES = 32

_FACT_TYPES = {
    "school_id": str,
    "school_name": str,
    "device_id": str,
    "epoch": int,
    "events_address": str,
    "signing_algorithm": str,
    "signing_public_key": str,
    "spool_key": str,
    "safeguarding_root_fingerprint": str,
}
"""What identity.json holds; bytes are hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """This machine as one school's device."""

    school_id: str
    school_name: str
    device_id: str
    epoch: int
    """Which chain of events is being written; one more when the queue was lost."""
    events_address: str
    """host:port"""
    signing_algorithm: str
    signing_public_key: bytes
    """Of the collector: policies are taken from nobody else."""
    spool_key: bytes
    safeguarding_root_fingerprint: bytes
    """Empty: this machine is not watched for safeguarding."""
    tls_key_pem: bytes
    tls_certificate_pem: bytes
    ca_certificate_pem: bytes
    signer: Signer

    @property
    def policy_verifier(self) -> Verifier:
        """What verifies the collector's policies."""
        return to_verifier(self.signing_algorithm, self.signing_public_key)


class IdentityFolder:
    """Where an identity is kept: `identity/` once it is whole, `enrolling/` while it is being made."""

    def __init__(self, state: Path) -> None:
        self._whole = state / "identity"
        self._partial = state / "enrolling"

    def is_enrolled(self) -> bool:
        """Return whether this machine has an identity."""
        return (self._whole / "identity.json").exists()

    def load(self) -> Identity:
        """Read the identity.

        Raises:
            NotEnrolledError: there is none, or it cannot be read.
        """
        try:
            facts = self._load_facts()
            identity = Identity(
                school_id=facts["school_id"],
                school_name=facts["school_name"],
                device_id=facts["device_id"],
                epoch=facts["epoch"],
                events_address=facts["events_address"],
                signing_algorithm=facts["signing_algorithm"],
                signing_public_key=bytes.fromhex(facts["signing_public_key"]),
                spool_key=bytes.fromhex(facts["spool_key"]),
                safeguarding_root_fingerprint=bytes.fromhex(facts["safeguarding_root_fingerprint"]),
                tls_key_pem=(self._whole / "tls.key").read_bytes(),
                tls_certificate_pem=(self._whole / "tls.crt").read_bytes(),
                ca_certificate_pem=(self._whole / "ca.crt").read_bytes(),
                signer=load_signer(self._whole / "evidence.key"),
            )
            to_verifier(identity.signing_algorithm, identity.signing_public_key)
            if len(identity.spool_key) != SPOOL_KEY_BYTES or identity.epoch < 1:
                raise ValueError("a key or a number is not possible")
        except FileNotFoundError as error:
            # One file of several that is gone is damage: told to enrol, the operator would be told to use --again.
            if self.is_enrolled():
                raise self._unreadable(error) from error
            raise NotEnrolledError(
                "this machine is not enrolled", hint="schoolwarden-agent enrol --state FOLDER --token -"
            ) from error
        except PermissionError as error:
            raise NotEnrolledError(
                "this user may not read the machine's identity", hint="run the command as the agent's own user (root)"
            ) from error
        except (OSError, ValueError, RecursionError, SchoolwardenError) as error:
            raise self._unreadable(error) from error
        return identity

    def start_epoch(self, identity: Identity) -> Identity:
        """Begin a new chain of events and return the identity with it, which is on the disk before any event of it."""
        facts = self._load_facts() | {"epoch": identity.epoch + 1}
        write_private(self._whole / "identity.json", json.dumps(facts, indent=1).encode())
        return replace(identity, epoch=identity.epoch + 1)

    def make_request(self, token: Token, facts: DeviceFacts) -> EnrolRequest:
        """Return the request to enrol. The keys are made once: asking again is the same device asking again.

        Raises:
            EnrolmentError: keys were made before, and cannot be read.
        """
        make_private_folder(self._partial)
        if not (self._partial / "evidence.key").exists() or not (self._partial / "tls.key").exists():
            write_private(self._partial / "evidence.key", Ed25519Signer.generate().to_pem())
            write_private(self._partial / "tls.key", _make_tls_key())
        try:
            signer = load_signer(self._partial / "evidence.key")
            certificate_request = _make_certificate_request((self._partial / "tls.key").read_bytes())
        except (TypeError, ValueError, SignatureError) as error:
            raise EnrolmentError(
                "the keys of an enrolment that was begun cannot be read", hint=f"remove {self._partial} and try again"
            ) from error
        proof = proof_bytes(
            school_id=token.school_id,
            token_secret_sha256=hashlib.sha256(token.secret).digest(),
            certificate_request=certificate_request,
            algorithm=signer.algorithm,
            public_key=signer.public_key,
        )
        return EnrolRequest(
            token_secret=token.secret,
            certificate_request=certificate_request,
            evidence_algorithm=signer.algorithm,
            evidence_public_key=signer.public_key,
            evidence_proof=signer.sign(proof),
            facts=facts,
        )

    def complete(self, token: Token, reply: EnrolReply) -> Identity:
        """Keep what the collector answered. The identity appears at once or not at all; the token is kept nowhere.

        Raises:
            EnrolmentError: no identity can be made of the answer; what was here before stays.
        """
        self.verify_reply(token, reply)
        facts = {
            "school_id": reply.school_id,
            "school_name": reply.school_name,
            "device_id": reply.device_id,
            "epoch": 1,
            "events_address": token.events_address,
            "signing_algorithm": reply.signing_algorithm,
            "signing_public_key": reply.signing_public_key.hex(),
            "spool_key": secrets.token_hex(SPOOL_KEY_BYTES),
            "safeguarding_root_fingerprint": token.safeguarding_root_fingerprint.hex(),
        }
        write_private(self._partial / "tls.crt", _to_pem(reply.certificate))
        write_private(self._partial / "ca.crt", _to_pem(token.ca_certificate))
        write_private(self._partial / "identity.json", json.dumps(facts, indent=1).encode())
        former = self._whole.with_name("identity.old")
        if former.exists():
            shutil.rmtree(former)
        # Set aside as a whole: removed file by file, it would for a while be neither here nor gone.
        if self._whole.exists():
            self._whole.rename(former)
        self._partial.rename(self._whole)
        sync_folder(self._whole.parent)
        if former.exists():
            shutil.rmtree(former)
        return self.load()

    def verify_reply(self, token: Token, reply: EnrolReply) -> None:
        """Check that what the collector answered makes a device that works.

        Raises:
            EnrolmentError: it does not.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        key = serialization.load_pem_private_key((self._partial / "tls.key").read_bytes(), password=None)
        try:
            if reply.school_id != token.school_id:
                raise ValueError("it is for another school than the token")
            if not 0 < len(reply.device_id) <= MAX_ID_LENGTH:
                raise ValueError("it gives no device id")
            to_verifier(reply.signing_algorithm, reply.signing_public_key)
            if x509.load_der_x509_certificate(reply.certificate).public_key() != key.public_key():
                raise ValueError("its certificate is for another key")
        except (ValueError, SignatureError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise EnrolmentError(
                f"the collector's answer cannot be used: {error}", hint="ask whoever runs the collector, and try again"
            ) from error

    def _load_facts(self) -> dict[str, Any]:
        facts = json.loads((self._whole / "identity.json").read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or any(type(facts.get(name)) is not each for name, each in _FACT_TYPES.items()):
            raise ValueError("identity.json does not hold what it should")
        return facts

    def _unreadable(self, error: Exception) -> NotEnrolledError:
        return NotEnrolledError(
            f"the machine's identity cannot be read: {type(error).__name__}",
            hint=f"move {self._whole} away and enrol again",
        )


def _make_tls_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _make_certificate_request(key_pem: bytes) -> bytes:
    """Return a PKCS#10 request (DER) that proves possession of the key and says nothing else."""
    # Only enrolment needs x509, which costs several megabytes: a running agent does not load it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the TLS key is not a P-256 key")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _to_pem(der: bytes) -> bytes:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()
