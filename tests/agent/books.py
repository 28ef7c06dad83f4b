# SPDX-License-Identifier: Apache-2.0
"""A collector's books in memory: it admits devices and takes envelopes by the same rules as the real one, and counts.

No network and no database; keys, signatures and chains are real. `talk` lets an exchange and the books speak.

    books = Books(FakeCollector())
    talk(Exchange(identity, spool), books)
"""

import copy
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Any

from agent.identity import Identity
from agent.uplink.exchange import Exchange
from proto.chain import GENESIS
from proto.envelope import open_envelope, read_missing, signed_bytes
from proto.errors import ChainError, MalformedError, SchoolwardenError, SignatureError
from proto.keys import Verifier, to_verifier
from proto.wire import Ack, Envelope, Hello, Refusal, Welcome, decode_header_block
from tests.agent.collector import FakeCollector

RESTARTED = "chain.restarted"


@dataclass
class Device:
    """What the books hold of one device."""

    verifier: Verifier | None
    """None in a copy that was put away."""
    former: str = ""
    epoch: int = 1
    chains: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=lambda: {1: []})
    """Headers and hashes, by epoch."""
    bodies: list[bytes] = field(default_factory=list)
    """Contents in the order in which they came."""
    forked_at: int | None = None
    """How many of them were here when a second machine first showed in the chain that grows now."""

    @property
    def head(self) -> tuple[int, int, bytes]:
        chain = self.chains[self.epoch]
        return self.epoch, len(chain), chain[-1][1] if chain else GENESIS


class Books:
    """All devices of a school."""

    def __init__(self, fake: FakeCollector) -> None:
        self.fake = fake
        self.devices: dict[str, Device] = {}
        self.poison: set[bytes] = set()
        """Contents that this collector cannot take."""
        self.refused: list[Refusal] = []
        self.is_busy = 0
        self.welcome_changes: dict[str, Any] = {}

    def admit(self, identity: Identity) -> None:
        """Know a device that was enrolled elsewhere."""
        self.devices[identity.device_id] = Device(to_verifier(identity.signer.algorithm, identity.signer.public_key))

    def answer_rekey(self, identity: Identity, request: Any) -> Any:
        """Admit a device that goes on for another; the same keys asking again are the same device."""
        for device_id, device in self.devices.items():
            if device.former == f"{request.former_device_id} {request.evidence_public_key.hex()}":
                return self.fake.answer(request, device_id=device_id)
        device_id = f"{len(self.devices):016x}"
        device = Device(to_verifier(request.evidence_algorithm, request.evidence_public_key))
        device.former = f"{request.former_device_id} {request.evidence_public_key.hex()}"
        self.devices[device_id] = device
        return self.fake.answer(request, device_id=device_id)

    def back_up(self) -> dict[str, Device]:
        """Return a copy that `restore` takes."""
        # A key cannot be copied, and need not be.
        return {name: copy.deepcopy(replace(device, verifier=None)) for name, device in self.devices.items()}

    def restore(self, backup: dict[str, Device]) -> None:
        """Go back to a copy, but keep who was admitted: a device that is not known must be enrolled by somebody."""
        for name, device in self.devices.items():
            kept = copy.deepcopy(backup.get(name, Device(None)))
            self.devices[name] = replace(kept, verifier=device.verifier, former=device.former, forked_at=None)

    def welcome(self, device_id: str) -> Welcome:
        """Say where a device's chain ends."""
        epoch, seq, digest = self.devices[device_id].head
        fields: dict[str, Any] = {"head_epoch": epoch, "head_seq": seq, "head_hash": digest}
        return Welcome(protocol=1, **(fields | self.welcome_changes))

    def count(self) -> Counter[bytes]:
        """Return how often each content was taken, over all devices."""
        return Counter(body for device in self.devices.values() for body in device.bodies)

    def take(self, envelope: Envelope) -> Ack | Refusal:
        """Answer an envelope."""
        if self.is_busy:
            self.is_busy -= 1
            return self._refuse(envelope, Refusal.REASON_BUSY)
        device = self.devices[envelope.device_id]
        sent = decode_header_block(envelope.header_block)
        if envelope.epoch > device.epoch:
            if envelope.first_seq != 1:
                return self._refuse(envelope, Refusal.REASON_OUT_OF_ORDER, 1)
            return self._append(device, envelope, GENESIS)
        held = [header for header, _ in device.chains.get(envelope.epoch, [])]
        known = held[envelope.first_seq - 1 : envelope.last_seq]
        if len(known) == len(sent) and known == sent:
            return Ack(epoch=envelope.epoch, last_seq=envelope.last_seq)
        if envelope.epoch < device.epoch or known != sent[: len(known)]:
            return self._refuse_fork(device, envelope)
        if known or envelope.first_seq != len(held) + 1:
            return self._refuse(envelope, Refusal.REASON_OUT_OF_ORDER, len(held) + 1)
        return self._append(device, envelope, device.head[2])

    def _append(self, device: Device, envelope: Envelope, previous_hash: bytes) -> Ack | Refusal:
        if any(payload.body in self.poison for payload in envelope.payloads):
            return self._refuse(envelope, Refusal.REASON_MALFORMED)
        assert device.verifier is not None
        try:
            opened = open_envelope(envelope, device.verifier, previous_hash)
        except SignatureError:
            return self._refuse(envelope, Refusal.REASON_BAD_SIGNATURE)
        except (ChainError, MalformedError):
            return self._refuse(envelope, Refusal.REASON_BAD_CHAIN)
        if envelope.epoch > device.epoch and opened.headers[0].kind != RESTARTED:
            return self._refuse(envelope, Refusal.REASON_BAD_CHAIN)
        if envelope.epoch > device.epoch:
            device.epoch, device.forked_at = envelope.epoch, None
        headers = decode_header_block(envelope.header_block)
        device.chains.setdefault(envelope.epoch, []).extend(zip(headers, opened.hashes, strict=True))
        device.bodies += [payload.body for payload in envelope.payloads]
        return Ack(epoch=envelope.epoch, last_seq=envelope.last_seq)

    def _refuse_fork(self, device: Device, envelope: Envelope) -> Refusal:
        covered = (envelope.school_id, envelope.device_id, envelope.epoch, envelope.first_seq, envelope.last_seq)
        assert device.verifier is not None
        signed = signed_bytes(envelope.version, *covered, envelope.header_block, read_missing(envelope))
        try:
            device.verifier.verify(envelope.signature, signed)
        except SchoolwardenError:
            return self._refuse(envelope, Refusal.REASON_BAD_SIGNATURE)
        if device.forked_at is None:
            device.forked_at = len(device.bodies)
        return self._refuse(envelope, Refusal.REASON_FORKED)

    def _refuse(self, envelope: Envelope, reason: "Refusal.Reason", expected_seq: int = 0) -> Refusal:
        numbers = {"epoch": envelope.epoch, "first_seq": envelope.first_seq, "last_seq": envelope.last_seq}
        self.refused.append(Refusal(reason=reason, detail="said the books", expected_seq=expected_seq, **numbers))
        return self.refused[-1]


def talk(exchange: Exchange, books: Books, device_id: str, *, answers: int = 10**6) -> list[tuple[int, int]]:
    """Let a device speak until it has nothing to say, or until so many answers have come: the rest gets lost.

    Return the numbers of each envelope. What ends it is raised.
    """
    requests = exchange.requests(Hello())
    next(requests)
    exchange.take_welcome(books.welcome(device_id))
    sent: list[tuple[int, int]] = []
    under_way: deque[Ack | Refusal] = deque()
    while True:
        while has_more(exchange):
            envelope = next(requests).envelope
            sent.append((envelope.first_seq, envelope.last_seq))
            under_way.append(books.take(envelope))
        if not under_way or not answers:
            return sent
        answers -= 1
        answer = under_way.popleft()
        if isinstance(answer, Ack):
            exchange.take_ack(answer.epoch, answer.last_seq)
        else:
            exchange.take_refusal(answer)


def has_more(exchange: Exchange) -> bool:
    """Return whether a device would send something now."""
    with exchange._spool.changed:
        return bool(exchange._take_next())
