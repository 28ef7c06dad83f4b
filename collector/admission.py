# SPDX-License-Identifier: Apache-2.0
"""Whether an envelope may go into the ledger: whose it is, what it proves, and where it stands in its chain.

It reads the ledger to tell a repetition from a fork and changes nothing; `ingest` acts on the answer. A device that is
told of a fork gives up its identity for a new one, so nobody is told so but on the device's own signature. Nor does
anybody learn without it what the ledger holds, or have it look: the one thread that judges does so for all devices.
"""

import re

from sqlalchemy import Engine

from collector import ledger
from collector.devices import SPEAKING_STATES, DeviceKey
from collector.ledger import Head
from proto.chain import GENESIS
from proto.envelope import MAX_ENVELOPE_BYTES, MAX_EVENTS, Opened, open_envelope, read_missing, signed_bytes
from proto.errors import ChainError, MalformedError, SignatureError, UntrustedInputError
from proto.events import KINDS, ChainRestarted
from proto.wire import Envelope, Refusal, decode_header_block

MAX_EPOCH = 2**31 - 1
MAX_SEQ = 2**63 - 1
"""What the tables hold; far beyond what a device can reach."""
MAX_SEVERITY = 5
_KIND = re.compile(r"[a-z0-9._-]{1,64}")
"""A kind that this version does not know, but may have to store."""


class RefusedError(Exception):
    """An envelope is not taken: what to tell the device, and whether its bytes are evidence of something."""

    def __init__(self, reason: Refusal.Reason, detail: str, *, expected_seq: int = 0, is_evidence: bool = True) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.expected_seq = expected_seq
        self.is_evidence = is_evidence

    @property
    def name(self) -> str:
        """The reason as a word: `bad_signature`."""
        return Refusal.Reason.Name(self.reason).removeprefix("REASON_").lower()


def verify_speaker(envelope: Envelope, device_id: str, school_id: str, key: DeviceKey | None) -> DeviceKey:
    """Step 1: the device of the connection may speak, and the envelope is its own. Returns its key.

    Raises:
        RefusedError: it may not, or the envelope is another device's, or it is too large.
    """
    if key is None or key.state not in SPEAKING_STATES:
        raise RefusedError(Refusal.REASON_WRONG_DEVICE, "this device may not speak here")
    if envelope.device_id != device_id or envelope.school_id != school_id:
        raise RefusedError(Refusal.REASON_WRONG_DEVICE, "the envelope is of another device than the connection")
    if envelope.ByteSize() > MAX_ENVELOPE_BYTES:
        raise RefusedError(Refusal.REASON_TOO_LARGE, f"an envelope holds at most {MAX_ENVELOPE_BYTES} bytes")
    return key


def find_predecessor(engine: Engine, envelope: Envelope, key: DeviceKey, head: Head) -> Head | None:
    """Step 2: return the end of the chain that the envelope must follow, or None if the ledger holds all of it already.

    Raises:
        RefusedError: its numbers are none, it leaves a gap, or it goes back and the device did not sign it, or the
            ledger holds something else in its place.
    """
    if not 1 <= envelope.epoch <= MAX_EPOCH or not 1 <= envelope.first_seq <= envelope.last_seq <= MAX_SEQ:
        raise RefusedError(Refusal.REASON_MALFORMED, "epochs and events are numbered from 1, and not without end")
    if envelope.epoch < head.epoch:
        # A machine that was set back asks so what we hold of what its image still has to send.
        sent = _read_signed_headers(envelope, key)
        if _find_held(engine, envelope, envelope.last_seq) != sent:
            raise RefusedError(Refusal.REASON_FORKED, f"the chain is in epoch {head.epoch}, not {envelope.epoch}")
        return None
    if envelope.epoch > head.epoch:
        # The device began anew. It must say why in its first event: see `open_next`.
        begin = Head(envelope.epoch, 0, GENESIS, is_stored=head.is_stored)
        if envelope.first_seq != 1:
            raise _out_of_order(begin)
        return begin
    if envelope.first_seq == head.seq + 1:
        return head
    if envelope.first_seq > head.seq:
        raise _out_of_order(head)
    _verify_repetition(engine, envelope, key, head)
    return None


def open_next(envelope: Envelope, key: DeviceKey, predecessor: Head) -> Opened:
    """Step 3: check signature, chain and content.

    Raises:
        RefusedError: something does not verify.
    """
    try:
        opened = open_envelope(envelope, key.verifier, predecessor.hash)
    except SignatureError as error:
        raise RefusedError(Refusal.REASON_BAD_SIGNATURE, error.message) from error
    except ChainError as error:
        raise RefusedError(Refusal.REASON_BAD_CHAIN, error.message) from error
    except UntrustedInputError as error:
        raise RefusedError(Refusal.REASON_MALFORMED, error.message) from error
    if predecessor.seq == 0 and envelope.epoch > 1 and opened.headers[0].kind != ChainRestarted.kind:
        raise RefusedError(Refusal.REASON_BAD_CHAIN, f"a new epoch begins with {ChainRestarted.kind}")
    for header in opened.headers:
        if header.severity > MAX_SEVERITY or (header.kind not in KINDS and not _KIND.fullmatch(header.kind)):
            raise RefusedError(Refusal.REASON_MALFORMED, f"event {header.seq} has a kind or a severity that is none")
    return opened


def _verify_repetition(engine: Engine, envelope: Envelope, key: DeviceKey, head: Head) -> None:
    sent = _read_signed_headers(envelope, key)
    held = _find_held(engine, envelope, min(envelope.last_seq, head.seq))
    if not held or held != sent[: len(held)]:
        raise RefusedError(Refusal.REASON_FORKED, f"the ledger holds another event under number {envelope.first_seq}")
    if envelope.last_seq > head.seq:
        raise _out_of_order(head)


def _read_signed_headers(envelope: Envelope, key: DeviceKey) -> list[bytes]:
    """Return the headers of an envelope that goes back: as many as it is numbered for, and signed by the device."""
    covered = (envelope.school_id, envelope.device_id, envelope.epoch, envelope.first_seq, envelope.last_seq)
    try:
        headers = decode_header_block(envelope.header_block)
        # Before anything is looked up: it is one's own word how far back, and how many.
        if not 1 <= len(headers) <= MAX_EVENTS or len(headers) != envelope.last_seq - envelope.first_seq + 1:
            raise MalformedError(f"{len(headers)} headers do not make events {envelope.first_seq}-{envelope.last_seq}")
        signed = signed_bytes(envelope.version, *covered, envelope.header_block, read_missing(envelope))
        key.verifier.verify(envelope.signature, signed)
    except SignatureError as error:
        raise RefusedError(Refusal.REASON_BAD_SIGNATURE, error.message) from error
    except UntrustedInputError as error:
        raise RefusedError(Refusal.REASON_MALFORMED, error.message) from error
    return headers


def _find_held(engine: Engine, envelope: Envelope, last_seq: int) -> list[bytes]:
    return ledger.find_headers(engine, envelope.device_id, envelope.epoch, envelope.first_seq, last_seq)


def _out_of_order(head: Head) -> RefusedError:
    return RefusedError(
        Refusal.REASON_OUT_OF_ORDER,
        f"event {head.seq + 1} comes next",
        expected_seq=head.seq + 1,
        is_evidence=False,
    )
