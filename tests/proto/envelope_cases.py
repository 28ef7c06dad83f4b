# SPDX-License-Identifier: Apache-2.0
"""The envelopes that become vectors, good and bad, each with what must come of it. `make_vectors` writes them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from proto import chain
from proto.envelope import MAX_BODY_BYTES, MAX_EVENTS, signed_bytes
from proto.events import AgentStopped, Audience, Missing, Payload, ProgramStarted, Tier
from proto.wire import Envelope, encode_header_block
from tests.proto.device import FixedDevice, FixedP256Signer, MadeEvent, make_ed25519_signer
from tests.proto.samples import ADDED_LATER, SAMPLES, TOR

Expected = dict[str, Any]
STOPPED = AgentStopped("SIGTERM")
STARTED = ProgramStarted(TOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeCase:
    """One envelope and what must come of it."""

    name: str
    description: str
    envelope: Envelope
    algorithm: str
    public_key: bytes
    previous_hash: bytes
    expected: Expected


def list_cases() -> Iterator[EnvelopeCase]:
    """Return every case."""
    yield from _verifying()
    yield from _refused_by_numbers()
    yield from _refused_by_signature()
    yield from _refused_by_chain()
    yield from _refused_by_content()
    yield from _second_version()


def seal_again(device: FixedDevice, envelope: Envelope) -> Envelope:
    """Sign an envelope as it is now, however wrong."""
    envelope.signature = device.signer.sign(
        signed_bytes(
            envelope.version,
            envelope.school_id,
            envelope.device_id,
            envelope.epoch,
            envelope.first_seq,
            envelope.last_seq,
            envelope.header_block,
        )
    )
    return envelope


def _verifying() -> Iterator[EnvelopeCase]:
    for kind, sample in SAMPLES.items():
        device = FixedDevice()
        yield _verifies(f"kind-{kind}", f"One {kind} with a value in every field.", device, [device.make_event(sample)])
    device = FixedDevice()
    yield _verifies("one-event", "One event, the first of a device.", device, [device.make_event(STOPPED)])
    device = FixedDevice()
    made = [device.make_event(event) for event in (SAMPLES["agent.started"], STARTED, STOPPED)]
    yield _verifies("three-events", "Three events that follow one another under one signature.", device, made)
    device = FixedDevice(seq=41, previous_hash=hashlib.sha256(b"event 41").digest(), epoch=3)
    made = [device.make_event(STARTED), device.make_event(STOPPED)]
    yield _verifies("continued", "Events 42 and 43 of epoch 3, which follow event 41.", device, made)
    for missing in (Missing.QUEUE_FULL, Missing.DAMAGED):
        device = FixedDevice()
        made = [device.make_event(STARTED, missing=missing), device.make_event(STOPPED)]
        name = missing.name.lower().replace("_", "-")
        words = name.replace("-", " ")
        yield _verifies(
            f"missing-{name}", f"The first event lost its content ({words}); its header stands.", device, made
        )
    device = FixedDevice()
    flag: dict[str, Any] = {
        "audience": Audience.SAFEGUARDING,
        "severity": 0,
        "tier": Tier.ALERT,
        "route": "pupil",
        "drill": True,
    }
    made = [device.make_raw("kind.unheard", b"what only a later version reads", **flag), device.make_event(STOPPED)]
    yield _verifies("unknown-kind", "An event of a kind that nobody knows yet is kept, not refused.", device, made)
    device = FixedDevice()
    first = FixedDevice().make_event(STOPPED)
    newer = device.add(first.fields, first.payload, newer=bytes.fromhex("9a0605") + b"newer")
    made = [replace(newer, content=STOPPED)]
    device.seq = 1
    yield _verifies("newer-header", "A header with a field (99) that only a later version knows.", device, made)
    device = FixedDevice(FixedP256Signer())
    made = [device.make_event(STARTED), device.make_event(STOPPED)]
    yield _verifies("p256", "Two events signed by a P-256 key, as hardware holds one.", device, made)


def _refused_by_numbers() -> Iterator[EnvelopeCase]:
    def case(name: str, description: str, message: str, change: Callable[[Envelope], object]) -> EnvelopeCase:
        device, envelope = _pair()
        change(envelope)
        return _refused(name, description, device, seal_again(device, envelope), "MalformedError", message)

    def set_range(first: int, last: int) -> Callable[[Envelope], object]:
        def change(envelope: Envelope) -> None:
            envelope.first_seq, envelope.last_seq = first, last

        return change

    yield case("version-3", "An envelope version that is not known.", "version 3", lambda e: setattr(e, "version", 3))
    yield case("first-seq-0", "Events are numbered from 1.", "numbered from 1", set_range(0, 1))
    yield case("epoch-0", "Epochs are numbered from 1.", "numbered from 1", lambda e: setattr(e, "epoch", 0))
    yield case("too-many-events", "More events than an envelope may hold.", "claims 1001", set_range(1, MAX_EVENTS + 1))
    yield case("backwards", "The last number lies before the first.", "claims -1", set_range(3, 1))
    yield case("claims-three", "Two events that claim to be three.", "numbers of headers", set_range(1, 3))
    yield case("long-id", "A school id longer than any.", "an id has", lambda e: setattr(e, "school_id", "a" * 257))
    yield case(
        "no-payloads", "Headers without their payloads.", "numbers of headers", lambda e: e.ClearField("payloads")
    )
    yield case("payload-lost", "One payload less than headers.", "numbers of headers", lambda e: e.payloads.pop())

    def empty(envelope: Envelope) -> None:
        envelope.last_seq, envelope.header_block = 0, b""
        envelope.ClearField("payloads")

    yield case("zero-events", "An envelope without any event.", "claims 0", empty)
    garbage = bytes.fromhex("0aff00010203")
    yield case("block-garbage", "Bytes that are no header block.", "block cannot", _set_block(garbage))
    block = encode_header_block([b"\xff\xff\xff", b"\xff\xff\xff"])
    yield case("header-garbage", "A block of two headers that are none.", "a header cannot be read", _set_block(block))


def _refused_by_signature() -> Iterator[EnvelopeCase]:
    device, envelope = _pair()
    envelope.signature = envelope.signature[:-1] + bytes([envelope.signature[-1] ^ 1])
    yield _refused(
        "bad-signature", "One bit of the signature is another.", device, envelope, "SignatureError", "verify"
    )
    device, envelope = _pair()
    other = FixedDevice(make_ed25519_signer("another device"))
    yield _refused("other-key", "Signed by another device's key.", other, envelope, "SignatureError", "verify")
    device, envelope = _pair()
    block = bytearray(envelope.header_block)
    block[-1] ^= 1
    envelope.header_block = bytes(block)
    yield _refused("changed-header", "One bit of a header is another.", device, envelope, "SignatureError", "verify")
    device, envelope = _pair()
    envelope.algorithm = "ecdsa-p256-sha256"
    name = "other-algorithm"
    yield _refused(name, "It names another algorithm than its key's.", device, envelope, "SignatureError", "signs with")
    device, envelope = _pair()
    case = _refused("unknown-algorithm", "A key of no known algorithm.", device, envelope, "SignatureError", "unknown")
    yield replace(case, algorithm="rot13")
    device, envelope = _pair()
    envelope.signature = bytes([1]) + bytes(63)
    weak = "A key of small order, with which this signature would do for any message."
    case = _refused("weak-key", weak, device, envelope, "SignatureError", "not a public key")
    yield replace(case, public_key=bytes([1]) + bytes(31))


def _refused_by_chain() -> Iterator[EnvelopeCase]:
    def case(name: str, description: str, make: Callable[[FixedDevice], list[MadeEvent]], message: str) -> EnvelopeCase:
        device = FixedDevice()
        return _refused(
            name, description, device, device.seal(make(device), first_seq=1, version=1), "ChainError", message
        )

    def changed(**changes: Any) -> Callable[[FixedDevice], list[MadeEvent]]:
        return lambda device: [device.make_event(STARTED), device.make_event(STOPPED, **changes)]

    place = "of another place"
    yield case("swapped", "Two events in the wrong order.", lambda d: changed()(d)[::-1], place)
    yield case("gap", "Event 2 has the number 3.", changed(seq=3), place)
    yield case("other-device", "The header of another device.", changed(device_id="0" * 32), place)
    yield case("other-school", "The header of another school.", changed(school_id="0" * 16), place)
    yield case("other-epoch", "The header of another epoch.", changed(epoch=2), place)
    yield case("broken-link", "Event 2 names another event before it.", changed(previous_hash=bytes(32)), "not follow")
    device, envelope = _pair()
    refused = _refused("other-previous", "It follows another event.", device, envelope, "ChainError", "not follow")
    yield replace(refused, previous_hash=hashlib.sha256(b"another event").digest())


def _refused_by_content() -> Iterator[EnvelopeCase]:
    def case(name: str, description: str, payload: Payload, error: str, message: str) -> EnvelopeCase:
        device, envelope = _pair()
        envelope.payloads[1].salt, envelope.payloads[1].body = payload.salt, payload.body
        envelope.payloads[1].missing = payload.missing.value  # type: ignore[assignment]
        return _refused(name, description, device, envelope, error, message)

    _, good = _pair()
    salt, body = good.payloads[1].salt, good.payloads[1].body
    other = "not what its header commits to"
    yield case("changed-body", "Other content.", Payload(salt, body + b"\x00"), "ChainError", other)
    yield case("changed-salt", "Another salt.", Payload(bytes(32), body), "ChainError", other)
    yield case("short-salt", "A salt of 31 bytes.", Payload(salt[:-1], body), "ChainError", "a salt has 31 bytes")
    moved = Payload(salt + body[:1], body[1:])
    yield case("moved-salt", "A byte moved from content to salt.", moved, "ChainError", "a salt has 33 bytes")
    yield case("no-content", "No content, and no reason.", Payload(b"", b""), "ChainError", "a salt has 0 bytes")
    kept = Payload(salt, body, Missing.QUEUE_FULL)
    yield case("missing-and-there", "Content that is said to be missing.", kept, "MalformedError", "says that it is")
    large = FixedDevice()
    envelope = large.seal([large.make_raw("kind.unheard", bytes(MAX_BODY_BYTES + 1))], version=1)
    yield _refused(
        "large-body", "One byte more content than allowed.", large, envelope, "MalformedError", "larger than"
    )
    large = FixedDevice()
    envelope = large.seal([large.make_event(STOPPED, route="r" * 1024)], version=1)
    yield _refused("large-header", "A header larger than allowed.", large, envelope, "MalformedError", "larger than")


def _second_version() -> Iterator[EnvelopeCase]:
    """Since version 2 the signature covers why content is missing: nobody between can take it away and say why."""
    device = FixedDevice()
    made = [device.make_event(STARTED), device.make_event(STOPPED)]
    yield _verifies("v2-two-events", "Two events, as they are signed since version 2.", device, made, version=2)
    device = FixedDevice()
    made = [device.make_event(STARTED, missing=Missing.QUEUE_FULL), device.make_event(STOPPED)]
    yield _verifies("v2-missing", "The device signed that the content of event 1 is missing.", device, made, version=2)

    def case(name: str, description: str, missing: Missing, error: str, message: str) -> EnvelopeCase:
        device = FixedDevice()
        envelope = device.seal([device.make_event(STARTED), device.make_event(STOPPED)], version=2)
        envelope.payloads[0].salt = envelope.payloads[0].body = b""
        envelope.payloads[0].missing = missing.value  # type: ignore[assignment]
        return _refused(name, description, device, envelope, error, message)

    blanked = "Content that was taken away, and the device blamed."
    yield case("v2-blanked", blanked, Missing.QUEUE_FULL, "SignatureError", "verify")
    yield case("v2-erased", "A reason that no device has.", Missing.ERASED, "MalformedError", "reason that no device")
    device = FixedDevice()
    envelope = device.seal([device.make_event(STARTED), device.make_event(STOPPED)], version=2)
    envelope.version = 1
    lowered = "The signature of version 2 under the number of version 1."
    yield _refused("v2-as-v1", lowered, device, envelope, "SignatureError", "verify")


def _pair() -> tuple[FixedDevice, Envelope]:
    device = FixedDevice()
    return device, device.seal([device.make_event(STARTED), device.make_event(STOPPED)], version=1)


def _set_block(block: bytes) -> Callable[[Envelope], object]:
    return lambda envelope: setattr(envelope, "header_block", block)


def _verifies(
    name: str, description: str, device: FixedDevice, made: list[MadeEvent], *, version: int = 1
) -> EnvelopeCase:
    envelope = device.seal(made, version=version)
    return EnvelopeCase(
        name=f"envelope-verifies-{name}",
        description=description,
        envelope=envelope,
        algorithm=device.signer.algorithm,
        public_key=device.signer.public_key,
        previous_hash=made[0].fields.previous_hash,
        expected={
            "outcome": "verifies",
            "head_hash": made[-1].hash,
            "events": [
                {
                    "header": _to_content(event.fields),
                    "hash": event.hash,
                    "missing": event.payload.missing.name,
                    "content": _to_content(event.content) if event.content else None,
                }
                for event in made
            ],
        },
    )


def _refused(
    name: str, description: str, device: FixedDevice, envelope: Envelope, error: str, message: str
) -> EnvelopeCase:
    return EnvelopeCase(
        name=f"envelope-refused-{name}",
        description=description,
        envelope=envelope,
        algorithm=device.signer.algorithm,
        public_key=device.signer.public_key,
        previous_hash=chain.GENESIS,
        expected={"outcome": "refused", "error": error, "message": message},
    )


def _to_content(part: Any) -> dict[str, Any]:
    """Return an event or a part of one as plain values, without fields that were added later and are empty."""
    later = ADDED_LATER.get(type(part).__name__, set())
    return {
        field.name: _to_value(getattr(part, field.name))
        for field in fields(part)
        if field.name not in later or getattr(part, field.name)
    }


def _to_value(value: Any) -> Any:
    if is_dataclass(value):
        return _to_content(value)
    return [_to_value(each) for each in value] if isinstance(value, tuple) else value
