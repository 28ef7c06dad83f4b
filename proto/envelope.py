# SPDX-License-Identifier: Apache-2.0
"""An envelope: one signature over many events. How it is made on the device and opened at the collector.

It checks what the bytes alone can prove. Whose key it is, which number comes next and whether an envelope was seen
before is for the caller: `collector.ingest` and `collector.verify`.
"""

import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass

from proto import chain
from proto.errors import ChainError, MalformedError, SignatureError
from proto.events import Missing, Payload
from proto.keys import Signer, Verifier
from proto.wire import Envelope, HeaderView, PayloadMessage, decode_header, decode_header_block, encode_header_block

VERSION = 2
"""What is made now. 1, whose signature does not cover why content is missing, is opened for ever."""
DOMAIN = b"schoolwarden envelope\x00"

MAX_EVENTS = 1000
MAX_ENVELOPE_BYTES = 2 * 1024 * 1024
MAX_HEADER_BYTES = 1024
MAX_ID_LENGTH = 256
"""Of a school's or a device's id, in characters."""
MAX_BODY_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope that verified."""

    headers: list[HeaderView]
    hashes: list[bytes]
    """The hash of each event; the last is where the chain ends now."""


def signed_bytes(
    version: int,
    school_id: str,
    device_id: str,
    epoch: int,
    first_seq: int,
    last_seq: int,
    header_block: bytes,
    missing: bytes = b"",
) -> bytes:
    """Return what the signature covers: every field with a fixed place or a length, so that no two readings exist.

    `missing` has one byte for each event, a number of `Missing`; version 1 does not cover it.
    """
    school, device = school_id.encode(), device_id.encode()
    tail = (header_block,) if version == 1 else (struct.pack(">I", len(header_block)), header_block, missing)
    return b"".join(
        (
            DOMAIN,
            struct.pack(">IH", version, len(school)),
            school,
            struct.pack(">H", len(device)),
            device,
            struct.pack(">IQQ", epoch, first_seq, last_seq),
            *tail,
        )
    )


def read_missing(envelope: Envelope) -> bytes:
    """Return what an envelope's own payloads say is missing, a byte for each, as its signature covers it.

    Raises:
        MalformedError: a device cannot say that.
    """
    said = [int(payload.missing) for payload in envelope.payloads]
    if said and max(said) >= Missing.ERASED:
        raise MalformedError("content is missing for a reason that no device has")
    return bytes(said)


def make_envelope(
    signer: Signer,
    *,
    school_id: str,
    device_id: str,
    epoch: int,
    first_seq: int,
    headers: Sequence[bytes],
    payloads: Sequence[Payload],
    version: int = VERSION,
) -> Envelope:
    """Sign 1 to 1000 consecutive events of one epoch, the first of which has the number `first_seq`.

    Raises:
        ValueError: no events, too many, or not one payload for each.
    """
    if not 1 <= len(headers) <= MAX_EVENTS or len(headers) != len(payloads):
        raise ValueError("an envelope holds 1 to 1000 events with a payload each")
    block = encode_header_block(headers)
    last_seq = first_seq + len(headers) - 1
    missing = bytes(int(each.missing) for each in payloads)
    covered = signed_bytes(version, school_id, device_id, epoch, first_seq, last_seq, block, missing)
    return Envelope(
        version=version,
        school_id=school_id,
        device_id=device_id,
        epoch=epoch,
        first_seq=first_seq,
        last_seq=last_seq,
        header_block=block,
        algorithm=signer.algorithm,
        signature=signer.sign(covered),
        payloads=[
            PayloadMessage(salt=each.salt, body=each.body, missing=each.missing.value)  # type: ignore[arg-type]
            for each in payloads
        ],
    )


def open_envelope(
    envelope: Envelope,
    verifier: Verifier,
    previous_hash: bytes,
    *,
    missing: bytes | None = None,
    erased: Container[int] = frozenset(),
) -> Opened:
    """Check everything that the envelope's own bytes can prove.

    From the ledger come `missing`, what the device signed as missing, and `erased`, the numbers of the events whose
    content a tombstone says was erased since; fresh from a device, an envelope says the first itself.

    1. It has a version we know and keeps the limits.
    2. The signature is of the key's algorithm and verifies over the exact header block.
    3. Every header is of this school, device and epoch, and they are numbered first_seq..last_seq.
    4. Every header names the hash of the event before it; the first names `previous_hash`.
    5. Every payload is the one its header commits to, or was missing when the device signed, or was erased since.

    The caller still must check that `verifier` is this device's key and that `first_seq` follows its head.

    Raises:
        MalformedError: step 1, or bytes that cannot be read.
        SignatureError: step 2.
        ChainError: steps 3 to 5.
    """
    # 1
    count = _count_events(envelope)
    school_id, device_id, epoch, block = envelope.school_id, envelope.device_id, envelope.epoch, envelope.header_block
    signed_missing = read_missing(envelope) if missing is None else missing
    # 2
    if envelope.algorithm != verifier.algorithm:
        raise SignatureError(f"the key signs with {verifier.algorithm}, not with {envelope.algorithm[:40]!r}")
    first_seq, last_seq = envelope.first_seq, envelope.last_seq
    covered = signed_bytes(envelope.version, school_id, device_id, epoch, first_seq, last_seq, block, signed_missing)
    verifier.verify(envelope.signature, covered)
    raw_headers = decode_header_block(block)
    payloads = envelope.payloads
    if not len(raw_headers) == len(payloads) == len(signed_missing) == count:
        raise MalformedError("the numbers of headers, payloads and events differ")
    headers: list[HeaderView] = []
    hashes: list[bytes] = []
    for seq, raw, payload in zip(range(first_seq, last_seq + 1), raw_headers, payloads, strict=True):
        if len(raw) > MAX_HEADER_BYTES or len(payload.body) > MAX_BODY_BYTES:
            raise MalformedError(f"event {seq} is larger than an event may be")
        header = decode_header(raw)
        # 3
        if header.seq != seq or header.device_id != device_id or header.school_id != school_id or header.epoch != epoch:
            raise ChainError(f"the header of event {seq} is of another place in the chain")
        # 4
        if header.previous_hash != previous_hash:
            raise ChainError(f"event {seq} does not follow the event before it")
        previous_hash = chain.link(raw, previous_hash)
        # 5
        verify_payload(header, payload, signed_missing[seq - first_seq], is_erased=seq in erased)
        headers.append(header)
        hashes.append(previous_hash)
    return Opened(headers, hashes)


def verify_payload(header: HeaderView, payload: PayloadMessage, signed_missing: int, *, is_erased: bool) -> None:
    """Check that content is the one its header commits to, or is missing for the reason that was signed.

    Raises:
        ChainError: it is other content, or gone without a word of the device or of a tombstone.
        MalformedError: it is missing, and there is content.
    """
    reason = int(payload.missing)
    if reason == Missing.NO:
        chain.verify_commitment(header.payload_commitment, payload.salt, payload.body)
    elif payload.salt or payload.body:
        raise MalformedError(f"event {header.seq} has content and says that it is missing")
    if reason != (Missing.ERASED if is_erased else signed_missing):
        raise ChainError(f"the content of event {header.seq} is missing for another reason than was signed")


def _count_events(envelope: Envelope) -> int:
    """Check version and numbers; return how many events it claims to hold."""
    if envelope.version not in (1, VERSION):
        raise MalformedError(f"envelope version {envelope.version} is not known here")
    if max(len(envelope.school_id), len(envelope.device_id)) > MAX_ID_LENGTH:
        raise MalformedError(f"an id has at most {MAX_ID_LENGTH} characters")
    count = envelope.last_seq - envelope.first_seq + 1
    if envelope.epoch < 1 or envelope.first_seq < 1:
        raise MalformedError("epochs and events are numbered from 1")
    if not 1 <= count <= MAX_EVENTS:
        raise MalformedError(f"an envelope holds 1 to {MAX_EVENTS} events, this one claims {count}")
    return count
