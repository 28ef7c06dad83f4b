# SPDX-License-Identifier: Apache-2.0
"""The path of an event at the collector, from top to bottom. Read this first.

    submit      a stream hands over an envelope and waits
    1 whose     the device of the TLS certificate is the device of the envelope, and it may speak
    2 order     it starts where the chain ends: the same again is acknowledged, another one that is signed is a fork
    3 proof     signature, chain and content verify
    4 meaning   the school's rules are applied; what is kept in tables of its own, flags among it, is noted
    5 commit    evidence, heads, what is remembered of fits, incidents and refusals are one transaction, if everybody in
                it may still speak then
    6 answer    only now: acknowledged, or refused with the reason

One thread does 1 to 6 for whatever has queued: no timer, the commit itself is the pause in which the next ones
queue. Steps 1 to 3 are in `admission`, what is handed over and what comes back in `submissions`; it knows no network
(`server`, `stream`) and no tables (`ledger`, `judgement`, `counting`, `arrivals`).
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from collector import counting, devices, judgement, ledger
from collector.admission import RefusedError, find_predecessor, open_next, verify_speaker
from collector.arrivals import NOTES, Arrived, Note
from collector.circumstances import SESSION_KINDS, Circumstances, Clocks, DeviceClock, Register, load_sessions
from collector.continuity import sighting_of_fork
from collector.counting import Sighting
from collector.devices import DeviceKey
from collector.errors import StoreError
from collector.judgement import Cleared, Fit
from collector.ledger import SEALED_KINDS, Head
from collector.sightings import sighting_of_failure, sighting_of_refusal
from collector.store.append import EnvelopeRow, EventTuple, HeadRow, PayloadTuple, append_rows, move_heads
from collector.store.engine import writing
from collector.submissions import Answer as Answer
from collector.submissions import Delivery, deliver_here, split, to_refusal
from collector.submissions import Submission as Submission
from proto.envelope import Opened, read_missing
from proto.errors import MalformedError
from proto.events import ClockStepped, FlagRaised
from proto.wire import Ack, Envelope, Refusal, decode_body
from rules.evaluate import Evaluator
from rules.model import Rule
from rules.moment import Moment

log = logging.getLogger(__name__)

MAX_EVENTS_A_COMMIT = 4000


@dataclass(slots=True)
class _Work:
    """What one commit will write."""

    first_event_id: int
    circumstances: Circumstances
    envelopes: list[EnvelopeRow] = field(default_factory=list)
    events: list[EventTuple] = field(default_factory=list)
    payloads: list[PayloadTuple] = field(default_factory=list)
    heads: dict[str, tuple[Head, Head]] = field(default_factory=dict)
    """By device: where its chain ended before, and where it ends now."""
    sightings: list[Sighting] = field(default_factory=list)
    observed: list[Fit | Cleared] = field(default_factory=list)
    """What is no incident by itself."""
    refused: list[tuple[str, Envelope, RefusedError]] = field(default_factory=list)
    noted: list[tuple[Note, Arrived]] = field(default_factory=list)
    answers: Delivery = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Staged:
    """A policy that a share of the devices has."""

    evaluator: Evaluator
    includes: Callable[[str], bool]
    """Whether a device is in the share."""


class _EndedError(Exception):
    """A device may not speak any more since its envelope was judged: nothing was stored, and all is judged again."""


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
        account_key: bytes | None = None,
    ) -> None:
        self._engine = engine
        self._school_id = school_id
        self.evaluator = evaluator
        """Replaced as a whole when a new policy is published."""
        self.staged: Staged | None = None
        """What a roll-out gives to some devices, while one is under way. Replaced as a whole, too."""
        self._clock_ns = clock_ns
        self._deliver = deliver
        self._register = Register(engine, school_id, account_key)
        self._clocks = Clocks(engine)
        self._queue: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._keys: dict[str, DeviceKey] = {}
        self._heads: dict[str, Head] = {}
        self._next_event_id = 0
        """0 when the ledger must be asked: at first, and after a commit that failed, since it may be there anyway."""
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

    def find_evaluator(self, device_id: str) -> Evaluator:
        """Return the policy that a device is to have."""
        staged = self.staged
        return staged.evaluator if staged is not None and staged.includes(device_id) else self.evaluator

    def find_rule(self, device_id: str, rule_id: str) -> Rule | None:
        """Return what a rule says in the policy that a device is to have, or None if there is none such.

        What only the staged one has is looked for there too: a device that fell out of the share still has it.
        """
        staged = self.staged
        evaluators = [self.find_evaluator(device_id), *([staged.evaluator] if staged else [])]
        return next((rule for each in evaluators for rule in each.policy.rules if rule.id == rule_id), None)

    def find_key(self, device_id: str) -> DeviceKey | None:
        """Return what a device verifies with, or None if it never enrolled. Looked up afresh: a revocation holds.

        Raises:
            StoreError: the database does not answer.
        """
        key = devices.find_key(self._engine, device_id)
        if key is None:
            self._keys.pop(device_id, None)
        else:
            self._keys[device_id] = key
        return key

    def note_hello(self, device_id: str, *, clock_offset_ns: int, epoch: int, head_seq: int) -> None:
        """Take in how far a device's clock is ahead of ours, and where its chain ended when it said so."""
        self._clocks.note_hello(device_id, DeviceClock(clock_offset_ns, epoch, head_seq))

    def forget(self, device_id: str) -> None:
        """Drop what is remembered of a device that went away."""
        self._keys.pop(device_id, None)
        self._heads.pop(device_id, None)
        self._clocks.forget(device_id)

    def close(self) -> None:
        """Finish what has queued, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        stops = False
        while not stops and (first := self._queue.get()) is not None:
            batch, stops = self._drain(first)
            self._process_all(batch)

    def _drain(self, first: Submission) -> tuple[list[Submission], bool]:
        """Take what has queued, up to a limit; say whether the end was among it."""
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

    def _process_all(self, batch: list[Submission]) -> None:
        while batch:
            batch = self._process(batch)

    def _process(self, batch: list[Submission]) -> list[Submission]:
        """Do all steps for a batch in one commit; return what has to wait for that commit, or be judged anew."""
        now, later = split(batch)
        try:
            work = self._begin()
            for submission in now:
                self._take(work, submission)
            self._commit(work)
        except _EndedError:
            return batch
        except StoreError as error:
            log.error("nothing of %d envelopes was stored: %s", len(batch), error)
            self._give_up(batch, error)
            return []
        except Exception as error:
            # A bug must not end the thread that everybody waits for; devices keep their events and try again.
            log.exception("an error in ingest")
            if len(batch) > 1:
                # One that nobody foresaw must not take the others with it.
                for submission in batch:
                    self._process_all([submission])
            else:
                self._give_up(batch, StoreError(f"the collector failed: {type(error).__name__}"))
            return []
        self._deliver(work.answers)
        return later

    def _begin(self) -> _Work:
        event_id = self._next_event_id or ledger.find_next_event_id(self._engine)
        return _Work(
            event_id,
            Circumstances(
                lambda each: load_sessions(self._engine, each), self._register.list_entries, self._clocks.is_trusted
            ),
        )

    def _give_up(self, batch: list[Submission], error: StoreError) -> None:
        # What is remembered may not be what is stored: the next attempt reads it again.
        self._heads.clear()
        self._next_event_id = 0
        self._deliver([(submission, error) for submission in batch])

    def _take(self, work: _Work, submission: Submission) -> None:
        """Do steps 1 to 4 for one envelope."""
        envelope, device_id = submission.envelope, submission.device_id
        now_ns = self._clock_ns()
        try:
            key = self._keys.get(device_id) or self.find_key(device_id)
            key = verify_speaker(envelope, device_id, self._school_id, key)
            head = work.heads[device_id][1] if device_id in work.heads else self.find_head(device_id)
            predecessor = find_predecessor(self._engine, envelope, key, head)
            if predecessor is not None:
                opened = open_next(envelope, key, predecessor)
                self._append(work, device_id, envelope, opened, now_ns)
                before = work.heads[device_id][0] if device_id in work.heads else head
                work.heads[device_id] = before, Head(envelope.epoch, envelope.last_seq, opened.hashes[-1])
        except RefusedError as refused:
            if refused.is_evidence:
                work.refused.append((device_id, envelope, refused))
            work.answers.append((submission, to_refusal(envelope, refused)))
        else:
            ack = Ack(epoch=envelope.epoch, last_seq=envelope.last_seq, server_time_ns=now_ns)
            work.answers.append((submission, ack))

    def _append(self, work: _Work, device_id: str, envelope: Envelope, opened: Opened, now_ns: int) -> None:
        school_id, usual, staged = self._school_id, self.find_evaluator(device_id), self.staged
        # A device that fell out of the share keeps what it has until a newer one comes, and says so in every header.
        by_version = {staged.evaluator.policy.version: staged.evaluator} if staged else {}
        events, payloads = work.events, work.payloads
        event_id = work.first_event_id + len(work.events)
        work.envelopes.append(
            EnvelopeRow(
                event_id,
                school_id,
                device_id,
                envelope.epoch,
                envelope.first_seq,
                envelope.last_seq,
                envelope.version,
                envelope.algorithm,
                envelope.header_block,
                envelope.signature,
                read_missing(envelope),
                now_ns,
            )
        )
        for header, payload in zip(opened.headers, envelope.payloads, strict=True):
            kind, body, missing = header.kind, payload.body, int(payload.missing)
            # Plain tuples: building a named one costs as much as a hash.
            events.append((event_id, school_id, device_id, header.seq, kind, header.severity, header.wall_clock_ns))
            payloads.append((event_id, school_id, payload.salt, body, missing))
            evaluator = by_version.get(header.bundle_version, usual)
            if kind in evaluator.kinds or kind in NOTES:
                content = None if missing else _decode(kind, body, device_id, event_id)
                self._apply(work, evaluator, Arrived(school_id, device_id, event_id, header, content, now_ns))
            event_id += 1

    def _apply(self, work: _Work, evaluator: Evaluator, arrived: Arrived) -> None:
        """Step 4. Evidence goes before meaning: whatever fails here, the event is kept."""
        kind, content = arrived.header.kind, arrived.content
        if content is None and kind != FlagRaised.kind:
            return
        if kind in SESSION_KINDS and evaluator.needs_people:
            work.circumstances.follow(arrived.device_id, arrived.header, content)
        if kind == ClockStepped.kind:
            self._clocks.follow(arrived.device_id, arrived.header, content)
        # No rule speaks about what only its readers may see: its incident would show it to others.
        if kind in evaluator.kinds and kind not in SEALED_KINDS:
            try:
                _observe(work, evaluator, arrived)
            except StoreError:
                raise
            except Exception as error:
                log.exception("a rule failed on event %d", arrived.event_id)
                work.sightings.append(sighting_of_failure(type(error).__name__, arrived.device_id, arrived.event_id))
        note = NOTES.get(kind)
        if note is not None:
            work.noted.append((note, arrived))

    def _commit(self, work: _Work) -> None:
        """Step 5.

        Raises:
            StoreError: nothing was stored.
        """
        if not work.envelopes and not work.refused:
            return
        now_ns = self._clock_ns()
        moved = [
            HeadRow(self._school_id, each, head.epoch, head.seq, head.hash, before.hash if before.is_stored else b"")
            for each, (before, head) in work.heads.items()
        ]
        with writing(self._engine) as connection:
            self._verify_speaking(connection, work)
            append_rows(connection, work.envelopes, work.events, work.payloads)
            if moved and not move_heads(connection, moved):
                raise StoreError("somebody else appended for the same device", hint="run one collector for a folder")
            for note, arrived in work.noted:
                work.sightings.extend(note(connection, arrived))
            for device_id, envelope, refused in work.refused:
                self._keep_refused(connection, work, device_id, envelope, refused, now_ns)
            work.sightings += judgement.judge(connection, self._school_id, work.observed)
            counting.record_sightings(connection, self._school_id, work.sightings, now_ns)
        self._next_event_id = work.first_event_id + len(work.events)
        self._heads.update({device_id: head for device_id, (_, head) in work.heads.items()})

    def _verify_speaking(self, connection: Connection, work: _Work) -> None:
        """Check in the transaction that stores: a machine that enrolled again was told where its former device ends."""
        if work.heads:
            devices.hold_states(connection, self._school_id)
            if ended := devices.find_ended(connection, work.heads):
                for device_id in ended:
                    self._keys.pop(device_id, None)
                raise _EndedError

    def _keep_refused(
        self,
        connection: Connection,
        work: _Work,
        device_id: str,
        envelope: Envelope,
        refused: RefusedError,
        now_ns: int,
    ) -> None:
        raw = envelope.SerializeToString()
        ledger.keep_refused(
            connection, self._school_id, device_id, raw=raw, reason=refused.name, detail=refused.detail, now_ns=now_ns
        )
        if refused.reason == Refusal.REASON_FORKED:
            work.sightings.append(sighting_of_fork(connection, device_id))
        elif device_id in self._keys:
            work.sightings.append(sighting_of_refusal(refused.name, refused.detail, device_id))


def _observe(work: _Work, evaluator: Evaluator, arrived: Arrived) -> None:
    header, device_id, heard_ns = arrived.header, arrived.device_id, arrived.now_ns

    def find_moment() -> Moment:
        needs_people = header.kind in evaluator.needs_people and evaluator.policy.settings.accounts.ask
        return work.circumstances.find_moment(device_id, header.wall_clock_ns, heard_ns, needs_people=needs_people)

    sightings, observed = judgement.observe(
        evaluator,
        header.kind,
        arrived.content,
        find_moment,
        device_id=device_id,
        event_id=arrived.event_id,
        heard_ns=heard_ns,
    )
    work.sightings += sightings
    work.observed += observed


def _decode(kind: str, body: bytes, device_id: str, event_id: int) -> Any:
    """Return the content of an event, or None when it cannot be read."""
    try:
        return decode_body(kind, body)
    except MalformedError as error:
        log.warning("event %d of device %s: %s", event_id, device_id, error)
        return None
