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

from agent.errors import NotEnrolledError
from proto.enrolment import proof_bytes
from proto.errors import SchoolwardenError
from proto.files import make_private_folder, sync_folder, write_private
from proto.keys import Ed25519Signer, Signer, Verifier, load_signer, to_verifier
from proto.token import Token
from proto.wire import DeviceFacts, EnrolReply, EnrolRequest

SPOOL_KEY_BYTES = 32


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
            facts = json.loads((self._whole / "identity.json").read_text(encoding="utf-8"))
            return Identity(
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
        except FileNotFoundError as error:
            raise NotEnrolledError(
                "this machine is not enrolled", hint="schoolwarden-agent enrol --state FOLDER --token -"
            ) from error
        except PermissionError as error:
            raise NotEnrolledError(
                "this user may not read the machine's identity", hint="run the command as the agent's own user (root)"
            ) from error
        except (OSError, ValueError, KeyError, SchoolwardenError) as error:
            raise NotEnrolledError(
                f"the machine's identity cannot be read: {type(error).__name__}",
                hint=f"move {self._whole} away and enrol again",
            ) from error

    def start_epoch(self, identity: Identity) -> Identity:
        """Begin a new chain of events and return the identity with it. On the disk before anything is written under it."""
        path = self._whole / "identity.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        facts["epoch"] = identity.epoch + 1
        write_private(path, json.dumps(facts, indent=1).encode())
        return replace(identity, epoch=identity.epoch + 1)

    def make_request(self, token: Token, facts: DeviceFacts) -> EnrolRequest:
        """Return the request to enrol. The keys are made once: asking again is the same device asking again."""
        make_private_folder(self._partial)
        if not (self._partial / "evidence.key").exists() or not (self._partial / "tls.key").exists():
            write_private(self._partial / "evidence.key", Ed25519Signer.generate().to_pem())
            write_private(self._partial / "tls.key", _make_tls_key())
        signer = load_signer(self._partial / "evidence.key")
        certificate_request = _make_certificate_request((self._partial / "tls.key").read_bytes())
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
        """Keep what the collector answered. The identity appears at once or not at all; the token is kept nowhere."""
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
        if self._whole.exists():
            shutil.rmtree(self._whole)
        self._partial.rename(self._whole)
        sync_folder(self._whole.parent)
        return self.load()


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
        raise NotEnrolledError("the TLS key in enrolling/ is not a P-256 key", hint="remove enrolling/ and try again")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _to_pem(der: bytes) -> bytes:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()
