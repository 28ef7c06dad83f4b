# SPDX-License-Identifier: Apache-2.0
"""A collector in memory, as far as an agent that is not connected needs one: it admits devices and signs policies.

Keys and certificates are real; there is no network and no database.

    collector = FakeCollector()
    identity = collector.enrol(state)
    bundle = collector.publish(1)
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.identity import Identity, IdentityFolder
from agent.spool import SpooledEvent
from proto.chain import GENESIS
from proto.envelope import Opened, make_envelope, open_envelope
from proto.keys import Ed25519Signer, to_verifier
from proto.token import SECRET_BYTES, Token
from proto.wire import Bundle, DeviceFacts, EnrolReply, EnrolRequest, RekeyRequest
from rules.bundle import make_bundle

SCHOOL_ID = "0f6b5e2d9c814a37"
SCHOOL_NAME = "Sankt-Ålund School"
DEVICE_ID = "c2a1b0f9e8d7c6b5"
FACTS = DeviceFacts(hostname="library-01", os="linux", os_version="12", architecture="x86_64", agent_version="0.1.0")
NOT_BEFORE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
NOT_AFTER = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)

PACK = """
[pack]
id = "test"
title = "Rules for tests"
"""
REVIEW_DATE = (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=300)).isoformat()
KEYWORDS = f"""
[keywords]
enabled = true
dpia_reference = "DPIA-2026-04"
dpia_review_date = "{REVIEW_DATE}"
notice_version = "2026-09"
notice_title = "This computer is watched"
notice_text = "What you type here is looked at by a program."
watch_groups = ["pupils"]
out_of_hours_reference = "Tests run at night."
away_reference = "Tests run anywhere."
"""
INVENTORY = """
[inventory]
ask = true
reason = "The school keeps a software inventory."
"""
RULES = """
[[rule]]
id = "tor"
title = "Tor"
why = "It hides what is opened."
class = "unacceptable"
severity = 4
kinds = ["program.started", "program.found"]
clauses = ["BX-07"]
advice = "Ask what it is for."

[[rule.program]]
name = "Tor"
executables = ["tor"]
packages = ["tor"]

[[rule.test]]
name = "Tor"
expect = "match"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }

[[rule.test]]
name = "Something else"
expect = "silent"
event = { kind = "program.started", "program.name" = "torch", "program.source" = "process" }

[[rule]]
id = "after-hours"
title = "A program for after school"
why = "It takes time from learning."
class = "certain_times"
severity = 2
kinds = ["program.started"]
clauses = ["BX-01"]
advice = "Ask what it is for."

[[rule.program]]
name = "SuperTux"
executables = ["supertux2", "tor"]

[[rule.test]]
name = "SuperTux"
expect = "match"
event = { kind = "program.started", "program.name" = "supertux2", "program.source" = "process" }

[[rule.test]]
name = "Something else"
expect = "silent"
event = { kind = "program.started", "program.name" = "supertuxedo", "program.source" = "process" }
"""


def rule_files(*, inventory: bool = False, keywords: str = "", rules: str = RULES) -> dict[str, str]:
    """Return the files of a small policy."""
    return {"pack.toml": PACK + (INVENTORY if inventory else "") + keywords, "rules.toml": rules}


class FakeCollector:
    """The keys of one school's collector."""

    def __init__(self, school_id: str = SCHOOL_ID) -> None:
        self.school_id = school_id
        self.signer = Ed25519Signer.generate()
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Schoolwarden test CA")])
        self.ca_certificate = self._issue(self._ca_name, self._ca_key.public_key())

    def make_token(self, **changes: Any) -> Token:
        """Return a token for one more device."""
        fields: dict[str, Any] = {
            "enrol_address": "192.0.2.10:7441",
            "events_address": "192.0.2.10:7442",
            "school_id": self.school_id,
            "expires_at_ns": 2**62,
            "secret": bytes(range(SECRET_BYTES)),
            "ca_certificate": self.ca_certificate,
        }
        return Token(**(fields | changes))

    def answer(self, request: EnrolRequest | RekeyRequest, **changes: Any) -> EnrolReply:
        """Return what a collector answers to a request that it takes; `changes` replace fields, right or wrong."""
        certificate_request = x509.load_der_x509_csr(request.certificate_request)
        assert certificate_request.is_signature_valid
        key = certificate_request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DEVICE_ID)])
        fields: dict[str, Any] = {
            "school_id": self.school_id,
            "school_name": SCHOOL_NAME,
            "device_id": DEVICE_ID,
            "certificate": self._issue(name, key),
            "signing_algorithm": self.signer.algorithm,
            "signing_public_key": self.signer.public_key,
            "bundle": self.publish(1),
        }
        return EnrolReply(**(fields | changes))

    def enrol(self, state: Path) -> Identity:
        """Make a machine a device of the school, as its agent would."""
        folder, token = IdentityFolder(state), self.make_token()
        return folder.complete(token, self.answer(folder.make_request(token, FACTS)))

    def make_identity(self) -> Identity:
        """Return the identity of a device whose files are not needed any more."""
        with TemporaryDirectory() as folder:
            return self.enrol(Path(folder) / "state")

    def publish(self, version: int, files: dict[str, str] | None = None, **changes: Any) -> Bundle:
        """Return a signed policy."""
        fields: dict[str, Any] = {"school_id": self.school_id, "approved": (), "made_at_ns": version}
        return make_bundle(self.signer, version=version, files=files or rule_files(), **(fields | changes))

    def _issue(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> bytes:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._ca_name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOT_BEFORE).not_valid_after(NOT_AFTER)
        return builder.sign(self._ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def open_as_collector(identity: Identity, events: Sequence[SpooledEvent], previous_hash: bytes = GENESIS) -> Opened:
    """Seal what waits as the uplink would, and open it as the collector would."""
    envelope = make_envelope(
        identity.signer,
        school_id=identity.school_id,
        device_id=identity.device_id,
        epoch=identity.epoch,
        first_seq=events[0].seq,
        headers=[event.header for event in events],
        payloads=[event.payload for event in events],
    )
    return open_envelope(envelope, to_verifier(identity.signer.algorithm, identity.signer.public_key), previous_hash)
