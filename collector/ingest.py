# SPDX-License-Identifier: Apache-2.0
"""The path of an event at the collector, from top to bottom. Read this first.

    submit      a stream hands over an envelope and waits
    1 whose     the device of the TLS certificate is the device of the envelope, and it may speak
    2 proof     signature, chain and content verify (`proto.envelope`)
    3 order     it starts where the device's chain ends: again is acknowledged, another one is a fork
    4 meaning   the school's rules are applied (`rules.evaluate`), what a device says of itself is noted
    5 commit    evidence, heads, incidents and refusals are one transaction
    6 answer    only now: acknowledged, or refused with the reason

One thread does 1 to 6 for whatever has queued: no timer, the commit itself is the pause in which the next ones
queue. It knows no network (`server`) and no tables (`ledger`, `incidents`, `devices`, `proposals`).
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from collector import devices, incidents, ledger, proposals
from collector.devices import DeviceKey, DeviceState
from collector.errors import StoreError
from collector.incidents import Sighting
from collector.ledger import Head
from collector.sightings import sighting_of_failure, sighting_of_match, sighting_of_refusal
from collector.store.append import EnvelopeRow, EventRow, HeadRow, PayloadRow, append_rows, move_heads
from collector.store.engine import writing
from proto.chain import GENESIS
from proto.envelope import MAX_ENVELOPE_BYTES, MAX_EVENTS, Opened, open_envelope
from proto.errors import ChainError, MalformedError, SignatureError, UntrustedInputError
from proto.events import AgentStarted, ChainRestarted, Missing, PolicyApplied, SoftwareListed
from proto.wire import Ack, Envelope, Refusal, decode_body, decode_header_block
from rules.evaluate import Evaluator

log = logging.getLogger(__name__)

MAX_EVENTS_A_COMMIT = 4000

Answer = Ack | Refusal


@dataclass(slots=True, eq=False)
class Submission:
    """An envelope that waits for its answer."""

    device_id: str
    """Of the TLS certificate, not of the envelope."""
    envelope: Envelope
    answer: Any
    """A future of either kind; `deliver` knows how to fill it."""


Delivery = list[tuple[Submission, Answer | StoreError]]


def deliver_here(delivery: Delivery) -> None:
    """Fill `concurrent.futures` futures; for callers that wait in a thread."""
    for submission, answer in delivery:
        if isinstance(answer, StoreError):
            submission.answer.set_exception(answer)
        else:
            submission.answer.set_result(answer)


class Refused(Exception):
    """An envelope is not taken; what to tell the device, and whether its bytes are evidence of something."""

    def __init__(self, reason: int, detail: str, *, expected_seq: int = 0, is_evidence: bool = True) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.expected_seq, self.is_evidence = reason, detail, expected_seq, is_evidence


@dataclass(slots=True)
class _Work:
    """What one commit will write."""

    envelopes: list[EnvelopeRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    payloads: list[PayloadRow] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    heads_before: dict[str, Head] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)
    refused: list[tuple[str, Envelope, Refused]] = field(default_factory=list)
    noted: list[Callable[[Connection], None]] = field(default_factory=list)
    answers: Delivery = field(default_factory=list)


class Ingest:
    """Takes envelopes from any thread and answers each once it is durable."""

    def __init__(
        self,
        engine: Engine,
        school_id: str,
        evaluator: Evaluator,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        deliver: Callable[[Delivery], None] = deliver_here,
    ) -> None:
        self._engine = engine
        self._school_id = school_id
        self.evaluator = evaluator
        """Replaced as a whole when a new policy is published."""
        self._clock_ns = clock_ns
        self._deliver = deliver
        self._queue: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._keys: dict[str, DeviceKey] = {}
        self._heads: dict[str, Head] = {}
        self._next_event_id = ledger.find_next_event_id(engine)
        self._thread = threading.Thread(target=self._run, name="ingest")
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Hand over an envelope; its future gets the answer, or the StoreError that kept it from being stored."""
        self._queue.put(submission)

    def find_head(self, device_id: str) -> Head:
        """Return where a device's chain ends.

        Raises:
            StoreError: the database does not answer.
        """
        return self._heads.get(device_id) or ledger.find_head(self._engine, device_id)

    def find_key(self, device_id: str) -> DeviceKey | None:
        """Return what a device verifies with, or None if it never enrolled. Looked up afresh, so that a revocation holds.

        Raises:
            StoreError: the database does not answer.
        """
        key = devices.find_key(self._engine, device_id)
        if key is None:
            self._keys.pop(device_id, None)
        else:
            self._keys[device_id] = key
        return key

    def forget(self, device_id: str) -> None:
        """Drop what is remembered of a device that went away."""
        self._keys.pop(device_id, None)
        self._heads.pop(device_id, None)

    def close(self) -> None:
        """Finish what has queued, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, stops = self._drain(first)
            self._process(batch)
            if stops:
                return

    def _drain(self, first: Submission) -> tuple[list[Submission], bool]:
        batch, count = [first], 0
        while count < MAX_EVENTS_A_COMMIT:
            try:
                submission = self._queue.get_nowait()
            except queue.Empty:
                break
            if submission is None:
                return batch, True
            batch.append(submission)
            count += submission.envelope.last_seq - submission.envelope.first_seq + 1
        return batch, False

    def _process(self, batch: list[Submission]) -> None:
        work = _Work()
        try:
            for submission in batch:
                self._take(work, submission)
            self._commit(work)
        except StoreError as error:
            log.error("nothing of %d envelopes was stored: %s", len(batch), error)
            # What was remembered may be wrong now: the next attempt reads it again.
            self._heads.clear()
            self._deliver([(submission, error) for submission in batch])
            return
        except Exception as error:
            # A bug must not end the thread that everybody waits for; the devices keep their events and try again.
            log.exception("an error in ingest")
            self._heads.clear()
            failed = StoreError(f"the collector failed: {type(error).__name__}")
            self._deliver([(submission, failed) for submission in batch])
            return
        self._deliver(work.answers)

    def _take(self, work: _Work, submission: Submission) -> None:
        """Do steps 1 to 4 for one envelope."""
        envelope = submission.envelope
        now_ns = self._clock_ns()
        try:
            key = self._verify_speaker(submission)
            head = work.heads.get(submission.device_id) or self.find_head(submission.device_id)
            head = self._verify_order(envelope, head)
            if head is None:
                work.answers.append((submission, _ack(envelope, now_ns)))
                return
            opened = open_envelope(envelope, key.verifier, head.hash)
            if head.seq == 0 and envelope.epoch > 1 and opened.headers[0].kind != ChainRestarted.kind:
                raise ChainError(f"a new epoch begins with {ChainRestarted.kind}")
        except Refused as refused:
            self._refuse(work, submission, refused)
        except UntrustedInputError as error:
            self._refuse(work, submission, Refused(_reason_of(error), error.message))
        else:
            self._append(work, submission, head, opened, now_ns)

    def _verify_speaker(self, submission: Submission) -> DeviceKey:
        envelope = submission.envelope
        key = self._keys.get(submission.device_id) or self.find_key(submission.device_id)
        if key is None or key.state != DeviceState.ACTIVE:
            raise Refused(Refusal.REASON_WRONG_DEVICE, "this device may not speak here")
        if envelope.device_id != submission.device_id or envelope.school_id != self._school_id:
            raise Refused(Refusal.REASON_WRONG_DEVICE, "the envelope is of another device than the connection")
        if envelope.ByteSize() > MAX_ENVELOPE_BYTES:
            raise Refused(Refusal.REASON_TOO_LARGE, f"an envelope holds at most {MAX_ENVELOPE_BYTES} bytes")
        return key

    def _verify_order(self, envelope: Envelope, head: Head) -> Head | None:
        """Return the head that the envelope must follow, or None if the ledger holds all of it already.

        Raises:
            Refused: it leaves a gap, or the ledger holds something else in its place.
        """
        if envelope.epoch > head.epoch and envelope.first_seq == 1:
            # The device lost its queue and says so; `ChainRestarted` is the first event and becomes an incident.
            return Head(envelope.epoch, 0, GENESIS, is_stored=head.is_stored)
        if envelope.epoch != head.epoch and head.is_stored:
            raise Refused(Refusal.REASON_FORKED, f"the chain is in epoch {head.epoch}, not {envelope.epoch}")
        if envelope.first_seq == head.seq + 1:
            return Head(envelope.epoch, head.seq, head.hash, is_stored=head.is_stored)
        if envelope.first_seq > head.seq:
            raise Refused(
                Refusal.REASON_OUT_OF_ORDER,
                f"event {head.seq + 1} comes next, not {envelope.first_seq}",
                expected_seq=head.seq + 1,
                is_evidence=False,
            )
        return self._verify_repetition(envelope, head)

    def _verify_repetition(self, envelope: Envelope, head: Head) -> None:
        sent = decode_header_block(envelope.header_block)
        last = min(envelope.last_seq, head.seq)
        held = ledger.find_headers(self._engine, envelope.device_id, envelope.epoch, envelope.first_seq, last)
        if held != sent[: last - envelope.first_seq + 1] or not held:
            raise Refused(
                Refusal.REASON_FORKED, f"the ledger holds another event under number {envelope.first_seq}"
            )
        if envelope.last_seq > head.seq:
            raise Refused(
                Refusal.REASON_OUT_OF_ORDER,
                f"event {head.seq + 1} comes next",
                expected_seq=head.seq + 1,
                is_evidence=False,
            )

    def _append(self, work: _Work, submission: Submission, head: Head, opened: Opened, now_ns: int) -> None:
        envelope, device_id, school_id = submission.envelope, submission.device_id, self._school_id
        first_id = self._next_event_id + len(work.events)
        work.envelopes.append(
            EnvelopeRow(
                first_id,
                school_id,
                device_id,
                envelope.epoch,
                envelope.first_seq,
                envelope.last_seq,
                envelope.version,
                envelope.algorithm,
                envelope.header_block,
                envelope.signature,
                now_ns,
            )
        )
        evaluator = self.evaluator
        for event_id, header, payload in zip(
            range(first_id, first_id + len(opened.headers)), opened.headers, envelope.payloads, strict=True
        ):
            kind = header.kind
            work.events.append(
                EventRow(event_id, school_id, device_id, header.seq, kind, header.severity, header.wall_clock_ns)
            )
            work.payloads.append(PayloadRow(event_id, school_id, payload.salt, payload.body, payload.missing))
            if (kind in evaluator.kinds or kind in _NOTES) and payload.missing == Missing.NO:
                self._apply(work, evaluator, device_id, event_id, kind, payload.body, now_ns)
        if device_id not in work.heads_before:
            work.heads_before[device_id] = self.find_head(device_id)
        work.heads[device_id] = Head(envelope.epoch, envelope.last_seq, opened.hashes[-1])
        work.answers.append((submission, _ack(envelope, now_ns)))

    def _apply(
        self, work: _Work, evaluator: Evaluator, device_id: str, event_id: int, kind: str, body: bytes, now_ns: int
    ) -> None:
        """Step 4. What cannot be read stays in the ledger as it came; it only means nothing here."""
        try:
            content = decode_body(kind, body)
        except MalformedError as error:
            log.warning("event %d of device %s: %s", event_id, device_id, error)
            return
        if kind in evaluator.kinds:
            try:
                matches = evaluator.match(kind, content)
                work.sightings.extend(sighting_of_match(match, device_id, event_id, content) for match in matches)
            except Exception as error:
                # Evidence goes before meaning: the event is kept, and that a rule failed is an incident of its own.
                log.exception("a rule failed on event %d", event_id)
                work.sightings.append(sighting_of_failure(type(error).__name__, device_id, event_id))
        note = _NOTES.get(kind)
        if note is not None:
            school_id = self._school_id
            work.noted.append(lambda connection: note(connection, school_id, device_id, event_id, content, now_ns))

    def _refuse(self, work: _Work, submission: Submission, refused: Refused) -> None:
        envelope = submission.envelope
        if refused.is_evidence:
            work.refused.append((submission.device_id, envelope, refused))
        work.answers.append(
            (
                submission,
                Refusal(
                    reason=refused.reason,  # type: ignore[arg-type]
                    detail=refused.detail,
                    epoch=envelope.epoch,
                    first_seq=envelope.first_seq,
                    last_seq=envelope.last_seq,
                    expected_seq=refused.expected_seq,
                ),
            )
        )

    def _commit(self, work: _Work) -> None:
        """Step 5.

        Raises:
            StoreError: nothing was stored.
        """
        if not work.envelopes and not work.refused:
            return
        now_ns = self._clock_ns()
        moved = [
            HeadRow(self._school_id, device_id, head.epoch, head.seq, head.hash, before.seq if before.is_stored else -1)
            for device_id, head in work.heads.items()
            for before in (work.heads_before[device_id],)
        ]
        with writing(self._engine) as connection:
            append_rows(connection, work.envelopes, work.events, work.payloads)
            if moved and not move_heads(connection, moved):
                raise StoreError("somebody else appended for the same device", hint="run one collector for a folder")
            for note in work.noted:
                note(connection)
            for device_id, envelope, refused in work.refused:
                self._keep_refused(connection, work, device_id, envelope, refused, now_ns)
            incidents.record_sightings(connection, self._school_id, work.sightings, now_ns)
        self._next_event_id += len(work.events)
        self._heads.update(work.heads)

    def _keep_refused(
        self,
        connection: Connection,
        work: _Work,
        device_id: str,
        envelope: Envelope,
        refused: Refused,
        now_ns: int,
    ) -> None:
        reason = Refusal.Reason.Name(refused.reason).removeprefix("REASON_").lower()  # type: ignore[arg-type]
        raw = envelope.SerializeToString()
        ledger.keep_refused(
            connection, self._school_id, device_id, raw=raw, reason=reason, detail=refused.detail, now_ns=now_ns
        )
        if device_id in self._keys:
            work.sightings.append(sighting_of_refusal(reason, refused.detail, device_id))


def _ack(envelope: Envelope, now_ns: int) -> Ack:
    return Ack(epoch=envelope.epoch, last_seq=envelope.last_seq, server_time_ns=now_ns)


def _reason_of(error: UntrustedInputError) -> int:
    if isinstance(error, SignatureError):
        return Refusal.REASON_BAD_SIGNATURE
    if isinstance(error, ChainError):
        return Refusal.REASON_BAD_CHAIN
    return Refusal.REASON_MALFORMED


def _note_started(connection: Connection, _s: str, device_id: str, _e: int, content: Any, _n: int) -> None:
    devices.note_started(connection, device_id, content)


def _note_policy(connection: Connection, _s: str, device_id: str, _e: int, content: Any, _n: int) -> None:
    devices.note_policy(connection, device_id, content)


_NOTES: dict[str, Callable[[Connection, str, str, int, Any, int], None]] = {
    AgentStarted.kind: _note_started,
    PolicyApplied.kind: _note_policy,
    SoftwareListed.kind: proposals.offer,
}
"""What a device says of itself, and who keeps it."""
