# SPDX-License-Identifier: Apache-2.0
"""A device whose keys, salts and clocks are fixed: it makes the same bytes at any time and on any machine.

Complete but for hardware and randomness: it encodes, links and signs with the product's own `proto`.

    device = FixedDevice()
    events = [device.make_event(AgentStopped("SIGTERM")), device.make_event(AgentStopped("again"))]
    envelope = device.seal(events)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from proto import chain
from proto.envelope import VERSION, make_envelope
from proto.events import Header, Kind, Missing, Payload
from proto.keys import P256, Ed25519Signer, Signer
from proto.wire import Envelope, encode_body, encode_header

SCHOOL_ID = "0f6b5e2d9c814a37"
DEVICE_ID = "c2a1b0f9e8d7c6b5a493827160504f3e"
BOOT_ID = bytes.fromhex("00112233445566778899aabbccddeeff")
FIRST_WALL_CLOCK_NS = 1_788_000_000_000_000_000
FIRST_MONOTONIC_NS = 5_000_000_000
BUNDLE_VERSION = 7


def make_ed25519_signer(name: str = "device") -> Ed25519Signer:
    """Return the Ed25519 key of that name, always the same."""
    seed = hashlib.sha256(f"schoolwarden test key {name}".encode()).digest()
    return Ed25519Signer(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


class FixedP256Signer:
    """A P-256 key as a TPM would hold it; its signatures are deterministic (RFC 6979), which a TPM's are not."""

    algorithm = P256
    _hash = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)

    def __init__(self, number: int = 20_260_901) -> None:
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        self.public_key = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, self._hash)


@dataclass(frozen=True, slots=True)
class MadeEvent:
    """One event, ready to be sealed."""

    fields: Header
    header: bytes
    payload: Payload
    hash: bytes
    content: Kind | None = None
    """What a reader finds inside; None if nobody can."""


class FixedDevice:
    """The end of a chain, and the key that signs it."""

    def __init__(
        self,
        signer: Signer | None = None,
        *,
        school_id: str = SCHOOL_ID,
        device_id: str = DEVICE_ID,
        epoch: int = 1,
        seq: int = 0,
        previous_hash: bytes = chain.GENESIS,
    ) -> None:
        self.signer = signer or make_ed25519_signer()
        self.school_id, self.device_id, self.epoch = school_id, device_id, epoch
        self.seq, self.previous_hash = seq, previous_hash

    def make_event(self, event: Kind, *, missing: Missing = Missing.NO, **changes: Any) -> MadeEvent:
        """Return the next event of the chain; `changes` replace fields of its header, right or wrong."""
        made = self.make_raw(
            event.kind, encode_body(event), missing=missing, **({"severity": event.severity} | changes)
        )
        return replace(made, content=event if missing is Missing.NO else None)

    def make_raw(self, kind: str, body: bytes, *, missing: Missing = Missing.NO, **changes: Any) -> MadeEvent:
        """Return the next event of the chain, with any kind and any content."""
        self.seq += 1
        salt = hashlib.sha256(f"salt {self.device_id} {self.epoch} {self.seq}".encode()).digest()
        fields: dict[str, Any] = {
            "school_id": self.school_id,
            "device_id": self.device_id,
            "epoch": self.epoch,
            "seq": self.seq,
            "kind": kind,
            "schema_version": 1,
            "audience": 1,
            "severity": 1,
            "wall_clock_ns": FIRST_WALL_CLOCK_NS + self.seq * 1_000_000_007,
            "monotonic_ns": FIRST_MONOTONIC_NS + self.seq * 1_000_000_007,
            "boot_id": BOOT_ID,
            "bundle_version": BUNDLE_VERSION,
            "payload_commitment": chain.commit(salt, body),
            "previous_hash": self.previous_hash,
        }
        fields.update(changes)
        return self.add(Header(**fields), Payload(salt, body) if missing is Missing.NO else Payload(b"", b"", missing))

    def add(self, fields: Header, payload: Payload, *, newer: bytes = b"") -> MadeEvent:
        """Put an event at the end of the chain; `newer` are fields that only a later version knows."""
        header = encode_header(fields) + newer
        self.previous_hash = chain.link(header, self.previous_hash)
        return MadeEvent(fields, header, payload, self.previous_hash)

    def seal(self, events: Sequence[MadeEvent], *, first_seq: int | None = None, version: int = VERSION) -> Envelope:
        """Sign events; they end where the chain ends now, unless `first_seq` says otherwise."""
        return make_envelope(
            self.signer,
            school_id=self.school_id,
            device_id=self.device_id,
            epoch=self.epoch,
            first_seq=self.seq - len(events) + 1 if first_seq is None else first_seq,
            headers=[event.header for event in events],
            payloads=[event.payload for event in events],
            version=version,
        )
