# SPDX-License-Identifier: Apache-2.0
"""Somebody with a certificate of his own who tries to get things into the ledger that nobody has said.

He holds the keys of an enrolled device, knows the ids of another and has copies of what it has sent. Each attempt is
one stream. An acknowledgement of anything but his own honest words counts as a forgery that was accepted; so does a
mark of his that is found in the ledger at the end.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from agent.identity import IdentityFolder
from agent.uplink.channel import open_device_channel
from collector.config import load_config
from collector.store.engine import open_checked_engine, reading
from collector.store.schema import envelopes, payloads
from proto.envelope import read_missing, signed_bytes
from proto.keys import Ed25519Signer, Signer
from proto.wire import (
    EVENTS_METHOD,
    EVENTS_SERVICE,
    PROTOCOL,
    AgentMessage,
    CollectorMessage,
    Envelope,
    Hello,
    PayloadMessage,
    decode_header_block,
    encode_header_block,
)
from tests.collector.evidence import Device
from tests.soak.promises import FORGED, Marks

ANSWER_WITHIN_S = 20.0
PAUSE_S = 0.5


class Forger:
    """Tries everything he knows, again and again, until he is stopped."""

    def __init__(self, state: Path, victim_state: Path, collector: Path) -> None:
        self._device = Device(IdentityFolder(state).load())
        self._victim = Device(IdentityFolder(victim_state).load())
        self._collector = collector
        self._honest, self._forged = Marks("honest-"), Marks(FORGED)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[str] = Counter()
        """How his attempts were answered, by the reason of the refusal."""
        self.accepted: list[str] = []
        """Attempts that were acknowledged. There must be none."""

    @property
    def tried(self) -> int:
        """How many attempts were answered in any way."""
        return sum(self.answers.values())

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the attempt that is on its way."""
        self._stopping.set()
        self._thread.join(2 * ANSWER_WITHIN_S)

    def _run(self) -> None:
        attempts: list[Callable[[], Envelope | None]] = [
            self._sign_with_another_key,
            self._leave_unsigned,
            self._speak_for_the_other,
            self._speak_for_another_school,
            self._replay_the_other,
            self._replay_the_other_as_own,
            self._change_content,
            self._blank_content,
            self._blank_content_as_in_version_1,
            self._swap_events,
            self._leave_events_out,
        ]
        self._say_something_honest()
        while not self._stopping.is_set():
            for attempt in attempts:
                envelope = attempt()
                if envelope is not None:
                    self._try(attempt.__name__.strip("_").replace("_", " "), envelope)
                if self._stopping.wait(PAUSE_S):
                    return

    def _say_something_honest(self) -> None:
        """Give the chain of his own device a beginning; without one, much would be refused for its order only."""
        said = self._device.say(*(self._honest.next_event()[1] for _ in range(3)))
        while not self._stopping.is_set() and self._ask(said) != "ack":
            self._stopping.wait(PAUSE_S)

    def _try(self, name: str, envelope: Envelope) -> None:
        answer = self._ask(envelope)
        self.answers[answer] += 1
        if answer == "ack":
            self.accepted.append(name)

    def _ask(self, envelope: Envelope) -> str:
        """Send an envelope on his own stream; return `ack`, the reason of the refusal, or how the stream ended."""

        def requests() -> Iterator[AgentMessage]:
            yield AgentMessage(hello=Hello(min_protocol=PROTOCOL, max_protocol=PROTOCOL, epoch=1))
            yield AgentMessage(envelope=envelope)
            # Open until the answer is there: the end of the requests would end the stream.
            answered.wait(ANSWER_WITHIN_S)

        answered = threading.Event()
        with open_device_channel(self._device.identity) as channel:
            call = channel.stream_stream(
                f"/{EVENTS_SERVICE}/{EVENTS_METHOD}",
                request_serializer=AgentMessage.SerializeToString,
                response_deserializer=CollectorMessage.FromString,
            )(requests(), timeout=ANSWER_WITHIN_S)
            try:
                return next((found for message in call if (found := _read_answer(message))), "the stream ended")
            except grpc.RpcError as error:
                return str(error.code().name).lower().replace("_", " ")
            finally:
                answered.set()
                call.cancel()

    def _make(self, count: int = 3) -> Envelope:
        """Sign forged events as the next of his own chain, without going on with it."""
        return self._device.clone().say(*(self._forged.next_event()[1] for _ in range(count)))

    def _sign_with_another_key(self) -> Envelope:
        return _sign_again(self._make(), Ed25519Signer.generate())

    def _leave_unsigned(self) -> Envelope:
        envelope = self._make()
        envelope.signature = b""
        return envelope

    def _speak_for_the_other(self) -> Envelope:
        other = self._victim.clone()
        copied = self._copy_of_the_other()
        if copied is not None:
            other.seq = copied.last_seq
        # As the other would, but for its key, which he does not have.
        return _sign_again(other.say(self._forged.next_event()[1]), self._device.identity.signer)

    def _speak_for_another_school(self) -> Envelope:
        other = self._device.clone()
        other.identity = replace(other.identity, school_id="another-school")
        return other.say(self._forged.next_event()[1])

    def _replay_the_other(self) -> Envelope | None:
        return self._copy_of_the_other()

    def _replay_the_other_as_own(self) -> Envelope | None:
        copied = self._copy_of_the_other()
        if copied is not None:
            copied.device_id = self._device.id
        return copied

    def _change_content(self) -> Envelope:
        envelope = self._make()
        envelope.payloads[1].body = self._make(1).payloads[0].body
        return envelope

    def _blank_content(self) -> Envelope:
        envelope = self._make()
        envelope.payloads[1].CopyFrom(PayloadMessage(missing="MISSING_QUEUE_FULL"))
        return envelope

    def _blank_content_as_in_version_1(self) -> Envelope:
        envelope = self._blank_content()
        envelope.version = 1
        return envelope

    def _swap_events(self) -> Envelope:
        envelope = self._make()
        headers = decode_header_block(envelope.header_block)
        envelope.header_block = encode_header_block([headers[1], headers[0], headers[2]])
        return envelope

    def _leave_events_out(self) -> Envelope:
        other = self._device.clone()
        other.say(*(self._forged.next_event()[1] for _ in range(2)))
        return other.say(self._forged.next_event()[1])

    def _copy_of_the_other(self) -> Envelope | None:
        """Return the newest envelope of the other device, from a copy of the ledger."""
        engine = open_checked_engine(load_config(self._collector))
        try:
            with reading(engine) as connection:
                of_victim = envelopes.select().where(envelopes.c.device_id == self._victim.id)
                row = connection.execute(of_victim.order_by(envelopes.c.first_event_id.desc()).limit(1)).first()
                return None if row is None else _to_envelope(row, _contents_of(connection, row))
        finally:
            engine.dispose()


def _sign_again(envelope: Envelope, signer: Signer) -> Envelope:
    """Sign what an envelope says with another key."""
    envelope.signature = signer.sign(
        signed_bytes(
            envelope.version,
            envelope.school_id,
            envelope.device_id,
            envelope.epoch,
            envelope.first_seq,
            envelope.last_seq,
            envelope.header_block,
            read_missing(envelope),
        )
    )
    return envelope


def _contents_of(connection: Any, row: Any) -> list[PayloadMessage]:
    last_event_id = row.first_event_id + row.last_seq - row.first_seq
    found = connection.execute(
        payloads.select()
        .where(payloads.c.event_id.between(row.first_event_id, last_event_id))
        .order_by(payloads.c.event_id)
    )
    return [PayloadMessage(salt=each.salt, body=each.body, missing=each.missing) for each in found]


def _to_envelope(row: Any, contents: list[PayloadMessage]) -> Envelope:
    return Envelope(
        version=row.version,
        school_id=row.school_id,
        device_id=row.device_id,
        epoch=row.epoch,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        header_block=row.header_block,
        algorithm=row.algorithm,
        signature=row.signature,
        payloads=contents,
    )


def _read_answer(message: CollectorMessage) -> str:
    kind = message.WhichOneof("message")
    if kind == "ack":
        return "ack"
    if kind == "refusal":
        refusal = message.refusal
        return str(type(refusal).Reason.Name(refusal.reason)).removeprefix("REASON_").lower().replace("_", " ")
    return ""
