# SPDX-License-Identifier: Apache-2.0
"""Tests of envelopes: what was signed opens, and nothing else does. The fixed cases are in `test_vectors`."""

from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.chain import GENESIS
from proto.envelope import MAX_BODY_BYTES, MAX_EVENTS, Opened, make_envelope, open_envelope, signed_bytes
from proto.errors import UntrustedInputError
from proto.events import AgentStopped, Missing, Payload
from proto.keys import Verifier, to_verifier
from proto.wire import Envelope, PayloadMessage
from tests.proto.device import FixedDevice, FixedP256Signer
from tests.proto.samples import SAMPLES
from tests.proto.strategies import any_event

STOPPED = AgentStopped("SIGTERM")


def verifier_of(device: FixedDevice) -> Verifier:
    """Return what the collector holds of a device."""
    return to_verifier(device.signer.algorithm, device.signer.public_key)


def open_again(device: FixedDevice, raw: bytes) -> Opened:
    """Open an envelope that came as bytes, at the start of a device's chain."""
    return open_envelope(Envelope.FromString(raw), verifier_of(device), GENESIS)


@settings(deadline=None, max_examples=50)
@given(st.lists(any_event(), min_size=1, max_size=6), st.booleans())
def test_what_was_sealed_opens(events: list, in_hardware: bool) -> None:
    """Any events sealed on a device open at the collector, with their numbers, and the hash where the chain ends."""
    device = FixedDevice(FixedP256Signer() if in_hardware else None)
    envelope = device.seal([device.make_event(event) for event in events])
    opened = open_again(device, envelope.SerializeToString())
    assert [header.kind for header in opened.headers] == [event.kind for event in events]
    assert [header.seq for header in opened.headers] == list(range(1, len(events) + 1))
    assert opened.hashes[-1] == device.previous_hash


def test_one_envelope_after_the_other() -> None:
    """The second envelope opens only after the first."""
    device = FixedDevice()
    first = device.seal([device.make_event(STOPPED), device.make_event(STOPPED)])
    second = device.seal([device.make_event(STOPPED)])
    head = open_envelope(first, verifier_of(device), GENESIS).hashes[-1]
    assert open_envelope(second, verifier_of(device), head).headers[0].seq == 3
    with pytest.raises(UntrustedInputError):
        open_envelope(second, verifier_of(device), GENESIS)


def test_the_largest_envelope_opens() -> None:
    """A thousand events, and content of exactly the limit, are taken."""
    device = FixedDevice()
    made = [device.make_event(STOPPED) for _ in range(MAX_EVENTS - 1)]
    made.append(device.make_raw("kind.unheard", bytes(MAX_BODY_BYTES)))
    assert len(open_envelope(device.seal(made), verifier_of(device), GENESIS).hashes) == MAX_EVENTS


@pytest.mark.parametrize("count", [0, MAX_EVENTS + 1])
def test_too_few_or_too_many_are_the_programmers_mistake(count: int) -> None:
    """An envelope of no events, or of more than a thousand, is not made."""
    device = FixedDevice()
    made = device.make_event(STOPPED)
    with pytest.raises(ValueError, match="1 to 1000"):
        device.seal([made] * count)


def test_a_payload_for_each_header_is_the_programmers_duty() -> None:
    """An envelope with a header too many is not made."""
    device = FixedDevice()
    made = [device.make_event(STOPPED), device.make_event(STOPPED)]
    with pytest.raises(ValueError, match="a payload each"):
        make_envelope(
            device.signer,
            school_id=device.school_id,
            device_id=device.device_id,
            epoch=1,
            first_seq=1,
            headers=[each.header for each in made],
            payloads=[made[0].payload],
        )


SEALED = FixedDevice()
RAW = SEALED.seal([SEALED.make_event(SAMPLES["program.started"]), SEALED.make_event(STOPPED)]).SerializeToString()


@pytest.mark.parametrize("flip", [1 << bit for bit in range(8)])
def test_no_changed_bit_opens(flip: int) -> None:
    """With any bit of an envelope changed it is refused, or it says exactly the same as before."""
    whole = Envelope.FromString(RAW)
    for at in range(len(RAW)):
        changed = bytearray(RAW)
        changed[at] ^= flip
        try:
            envelope = Envelope.FromString(bytes(changed))
            opened = open_envelope(envelope, verifier_of(SEALED), GENESIS)
        except (DecodeError, UntrustedInputError):
            continue
        assert opened == open_again(SEALED, RAW)
        envelope.DiscardUnknownFields()
        assert envelope == whole


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["school_id", "device_id", "epoch", "first_seq", "last_seq", "header_block", "version"]), st.data()
)
def test_every_signed_field_is_signed(field: str, data: st.DataObject) -> None:
    """Another value in any signed field is refused."""
    envelope = Envelope.FromString(RAW)
    before = getattr(envelope, field)
    values = {str: st.text(max_size=40), int: st.integers(0, 2**32 - 1), bytes: st.binary(max_size=60)}[type(before)]
    setattr(envelope, field, data.draw(values.filter(lambda value: value != before)))
    with pytest.raises(UntrustedInputError):
        open_envelope(envelope, verifier_of(SEALED), GENESIS)


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(st.text(max_size=6), st.text(max_size=6), st.binary(max_size=12)),
    st.tuples(st.text(max_size=6), st.text(max_size=6), st.binary(max_size=12)),
)
def test_signed_bytes_have_one_reading(one: tuple, other: tuple) -> None:
    """Where a name ends and the next field begins cannot be shifted: other fields are other bytes."""
    first, second = (signed_bytes(1, school, device, 1, 1, 1, block) for school, device, block in (one, other))
    assert (first == second) is (one == other)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_garbage_ends_in_our_own_error(data: st.DataObject) -> None:
    """An envelope with random fields, whatever their size, is refused and never a crash."""
    numbers = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1))
    long_text = st.one_of(st.text(), st.builds(lambda text: text * 70_000, st.text(min_size=1, max_size=1)))
    envelope = Envelope(
        version=data.draw(st.sampled_from([1, 1, 1, 0, 2, 2**32 - 1])),
        school_id=data.draw(long_text),
        device_id=data.draw(long_text),
        epoch=data.draw(numbers),
        first_seq=data.draw(st.one_of(numbers, st.integers(0, 2**64 - 1))),
        last_seq=data.draw(st.one_of(numbers, st.integers(0, 2**64 - 1))),
        header_block=data.draw(st.binary(max_size=50)),
        algorithm=data.draw(st.sampled_from(["ed25519", "rot13", ""])),
        signature=data.draw(st.binary(max_size=70)),
        payloads=[PayloadMessage(salt=data.draw(st.binary()), body=data.draw(st.binary())) for _ in range(2)],
    )
    with pytest.raises(UntrustedInputError):
        open_envelope(envelope, verifier_of(SEALED), data.draw(st.binary(max_size=40)))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_signed_garbage_ends_in_our_own_error(block: bytes) -> None:
    """A hostile device that signs a random header block is refused and never a crash."""
    device = FixedDevice()
    envelope = device.seal([device.make_event(STOPPED)])
    envelope.header_block = block
    envelope.signature = device.signer.sign(signed_bytes(1, device.school_id, device.device_id, 1, 1, 1, block))
    with pytest.raises(UntrustedInputError):
        open_envelope(envelope, verifier_of(device), GENESIS)


def test_content_that_was_erased_leaves_the_chain_whole() -> None:
    """An event may come without content when it says why, at any place, and the hashes are the same."""
    device = FixedDevice()
    made = [device.make_event(STOPPED) for _ in range(3)]
    whole = open_envelope(device.seal(made), verifier_of(device), GENESIS)
    bare = [replace(each, payload=Payload(b"", b"", Missing.QUEUE_FULL)) for each in made]
    assert open_envelope(device.seal(bare), verifier_of(device), GENESIS).hashes == whole.hashes
