# SPDX-License-Identifier: Apache-2.0
"""One device's stream: hello and welcome, then envelopes in and answers out, in order.

It knows nothing of listeners (`server`), judges no envelope (`ingest`) and decides no limit (`pressure`): a device over
one is not read for a while, so that nothing is lost. Everything ends in one place: a `StreamEndError` with the gRPC
status and the words for the device.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from sqlalchemy import Engine

from collector import devices
from collector.devices import SPEAKING_STATES
from collector.disturbances import keep_garbled, note_flood
from collector.errors import CollectorError, StoreError
from collector.ingest import Ingest
from collector.pressure import EVENTS, Load, Pressure, is_overfull
from collector.publications import Distribution
from collector.submissions import Answer, Submission
from proto.envelope import MAX_ENVELOPE_BYTES, MAX_EVENTS
from proto.wire import (
    PROTOCOL,
    Ack,
    AgentMessage,
    Bundle,
    CollectorMessage,
    DrillOrder,
    Envelope,
    Hello,
    Refusal,
    Safeguarding,
    SignedTrust,
    Welcome,
)

UNANSWERED_ENVELOPES = 16
"""What a device may send ahead; the next is read when the first of them is answered."""
OTHER_PARTS = 100
"""Fields that an envelope has beside its events; far more than there are."""
HELLO_WITHIN_S = 20.0
"""How long a device may be connected without a word."""
WRITE_WITHIN_S = 60.0
"""How long a device may leave an answer unread before the stream ends."""
MAX_HELLO_WAIT_S = 10.0
"""A device that opens streams too fast waits so long for its welcome at the most; beyond it is sent away."""


News = Bundle | Safeguarding | DrillOrder | SignedTrust
"""What a device is told without having asked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for every device now; replaced as a whole when a part of it changes."""

    policies: Distribution
    safeguarding: Safeguarding | None
    """None while nobody at this school may read flags."""
    account_key: bytes
    """See `subjects`."""
    trust: SignedTrust | None = None
    """None while no statement was made."""
    trust_version: int = 0

    @property
    def bundle(self) -> Bundle:
        """The policy that everybody may have; a device in the share of a roll-out gets its own once it is connected."""
        return self.policies.common


class StreamEndError(CollectorError):
    """The stream ends, with this status and these words for the device."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


class Stream:
    """The stream of one device, from its hello to its end."""

    def __init__(
        self,
        context: Any,
        engine: Engine,
        ingest: Ingest,
        school_id: str,
        device_id: str,
        standing: Callable[[], Standing],
        pressure: Pressure,
    ) -> None:
        self.device_id = device_id
        self._context = context
        self._engine = engine
        self._ingest = ingest
        self._school_id = school_id
        self._standing = standing
        self._pressure = pressure
        self._waiting: deque[asyncio.Future[Answer] | News] = deque()
        self._drills: set[bytes] = set()
        self._bundle_version = 0
        """The newest that the device has or was sent."""
        self._is_welcomed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Semaphore(UNANSWERED_ENVELOPES)
        self._is_ended = False
        self._is_revoked = False
        self._reader: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the stream until one side ends it.

        Raises:
            StreamEndError: we end it.
        """
        try:
            await self._wait_for_turn()
            hello = await self._welcome()
            self._is_welcomed = True
            standing = self._standing()
            # First of all: with it, the device finds its way back whatever comes after.
            if standing.trust is not None and standing.trust_version > hello.trust_version:
                self.push(standing.trust)
            # What it has of another collector's, or says it has, counts no further than ours go.
            self._bundle_version = min(hello.bundle_version, standing.policies.newest_version)
            self.offer(standing.policies.find_for(self.device_id))
            if standing.safeguarding is not None:
                self.push(standing.safeguarding)
            self._reader = asyncio.create_task(self._read())
            writer = asyncio.create_task(self._write())
            self._reader.add_done_callback(lambda _: self.end())
            try:
                await asyncio.gather(self._reader, writer)
            finally:
                self._reader.cancel()
                writer.cancel()
                # Nobody waits for these any more. What is stored is acknowledged when the device comes back.
                self._waiting.clear()
        except asyncio.CancelledError:
            if not self._is_revoked:
                raise
            raise StreamEndError(grpc.StatusCode.PERMISSION_DENIED, "this device was revoked") from None
        except StoreError as error:
            words = f"{error.message} ({error.hint})" if error.hint else error.message
            raise StreamEndError(grpc.StatusCode.UNAVAILABLE, words) from error

    def offer(self, bundle: Bundle) -> None:
        """Send a policy if it is newer than what the device has: one that was in the share of a roll-out, and is not
        any more, keeps what it got until something newer comes."""
        if self._is_welcomed and bundle.version > self._bundle_version:
            self._bundle_version = bundle.version
            self.push(bundle)

    def push(self, news: News) -> None:
        """Send something after what is waiting; an order to drill once only, and only after what a drill needs."""
        if not self._is_welcomed:
            return  # What stands then is told with the welcome, and an order comes again while it holds.
        if isinstance(news, DrillOrder):
            if news.nonce in self._drills:
                return
            self._drills.add(news.nonce)
        self._waiting.append(news)
        self._changed.set()

    def end(self) -> None:
        """End the stream once what is waiting is answered."""
        self._is_ended = True
        self._changed.set()

    def cut_off(self) -> None:
        """End the stream now: the device was revoked."""
        self._is_revoked = True
        if self._reader is not None:
            self._reader.cancel()

    async def _wait_for_turn(self) -> None:
        now_s = time.monotonic()
        if self._pressure.streams.find_wait_s(self.device_id, now_s) > MAX_HELLO_WAIT_S:
            raise StreamEndError(grpc.StatusCode.RESOURCE_EXHAUSTED, "this device opens too many streams: wait a while")
        await asyncio.sleep(self._pressure.streams.take(self.device_id, now_s))

    async def _welcome(self) -> Hello:
        """Answer the hello and return it."""
        hello = await self._read_hello()
        now_ns = time.time_ns()
        key = await asyncio.to_thread(self._ingest.find_key, self.device_id)
        device = await asyncio.to_thread(devices.find_device, self._engine, self._school_id, self.device_id)
        if key is None or device is None or key.state not in SPEAKING_STATES:
            raise StreamEndError(
                grpc.StatusCode.PERMISSION_DENIED, "this device is not enrolled here, or was revoked: enrol it again"
            )
        head = await asyncio.to_thread(self._ingest.find_head, self.device_id)
        offset_ns = hello.wall_clock_ns - now_ns if hello.wall_clock_ns else 0
        await asyncio.to_thread(
            devices.note_hello,
            self._engine,
            self.device_id,
            now_ns=now_ns,
            clock_offset_ns=offset_ns,
            bundle_version=min(hello.bundle_version, self._standing().policies.newest_version),
            trust_version=min(hello.trust_version, self._standing().trust_version),
        )
        self._ingest.note_hello(self.device_id, clock_offset_ns=offset_ns, epoch=hello.epoch, head_seq=hello.head_seq)
        welcome = Welcome(
            protocol=PROTOCOL,
            server_time_ns=time.time_ns(),
            head_epoch=head.epoch,
            head_seq=head.seq,
            head_hash=head.hash,
            max_envelope_bytes=MAX_ENVELOPE_BYTES,
            max_envelope_events=MAX_EVENTS,
            account_key=self._standing().account_key,
            is_reset_often=device.is_reset_often,
            # An agent keeps to it from the first event on: only one that has used up its burst is told.
            max_events_per_s=int(EVENTS.per_s) if self._find_debt_s() else 0,
        )
        await self._send(CollectorMessage(welcome=welcome))
        return hello

    async def _read_hello(self) -> Hello:
        try:
            raw = await asyncio.wait_for(self._context.read(), HELLO_WITHIN_S)
        except TimeoutError as error:
            raise StreamEndError(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no hello came within {HELLO_WITHIN_S:.0f} seconds"
            ) from error
        message = await self._parse(raw) if isinstance(raw, bytes) else AgentMessage()
        if message.WhichOneof("message") != "hello":
            raise StreamEndError(grpc.StatusCode.INVALID_ARGUMENT, "a stream begins with a hello")
        hello = message.hello
        if not hello.min_protocol <= PROTOCOL <= hello.max_protocol:
            raise StreamEndError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"this collector speaks version {PROTOCOL}, the agent {hello.min_protocol} to {hello.max_protocol}: "
                "update the older of the two",
            )
        return hello

    async def _read(self) -> None:
        is_told = False
        # Who comes back has not paid by that.
        await asyncio.sleep(self._find_debt_s())
        while isinstance(raw := await self._context.read(), bytes):
            message = await self._parse(raw)
            if message.WhichOneof("message") != "envelope":
                raise StreamEndError(grpc.StatusCode.INVALID_ARGUMENT, "only envelopes follow a hello")
            # What is there counts, not the numbers that it claims.
            load = Load(max(1, len(message.envelope.payloads)), len(raw))
            await self._room.acquire()
            await self._pressure.in_flight.enter(self.device_id, load)
            self._submit(message.envelope, load)
            wait_s = self._pressure.rates.take(self.device_id, time.monotonic(), load)
            if wait_s and not is_told:
                is_told = True
                await asyncio.to_thread(
                    note_flood, self._engine, self._school_id, self.device_id, now_ns=time.time_ns()
                )
            await asyncio.sleep(wait_s)

    def _find_debt_s(self) -> float:
        return self._pressure.rates.find_wait_s(self.device_id, time.monotonic())

    def _submit(self, envelope: Envelope, load: Load) -> None:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def settle(_: "asyncio.Future[Answer]") -> None:
            # Also when the stream has ended meanwhile: until ingest is done with it, it is in memory.
            self._pressure.in_flight.leave(self.device_id, load)
            answer.exception()

        answer.add_done_callback(settle)
        self._waiting.append(answer)
        self._changed.set()
        self._ingest.submit(Submission(self.device_id, envelope, answer))

    async def _write(self) -> None:
        """Write answers in order; of several acknowledgements that are ready only the last."""
        while True:
            while not self._waiting:
                if self._is_ended:
                    return
                self._changed.clear()
                await self._changed.wait()
            item = self._waiting.popleft()
            if not isinstance(item, asyncio.Future):
                await self._send(_to_message(item))
                continue
            answer = await asyncio.shield(item)
            self._room.release()
            while isinstance(answer, Ack) and (following := self._take_ready_ack(answer.epoch)) is not None:
                answer = following
            if isinstance(answer, Refusal):
                await self._send(CollectorMessage(refusal=answer))
            else:
                await self._send(CollectorMessage(ack=answer))

    async def _send(self, message: CollectorMessage) -> None:
        try:
            await asyncio.wait_for(self._context.write(message), WRITE_WITHIN_S)
        except TimeoutError as error:
            raise StreamEndError(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer was read for {WRITE_WITHIN_S:.0f} seconds"
            ) from error

    def _take_ready_ack(self, epoch: int) -> Ack | None:
        item = self._waiting[0] if self._waiting else None
        if not isinstance(item, asyncio.Future) or not item.done() or item.exception() is not None:
            return None
        answer = item.result()
        if not isinstance(answer, Ack) or answer.epoch != epoch:
            return None
        self._waiting.popleft()
        self._room.release()
        return answer

    async def _parse(self, raw: bytes) -> AgentMessage:
        try:
            if is_overfull(raw, MAX_EVENTS + OTHER_PARTS):
                raise DecodeError("more parts than a message has")
            return AgentMessage.FromString(raw)
        except DecodeError as error:
            await asyncio.to_thread(
                keep_garbled,
                self._engine,
                self._school_id,
                self.device_id,
                raw,
                peer=self._context.peer(),
                now_ns=time.time_ns(),
            )
            raise StreamEndError(
                grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be read; it was kept as refused evidence"
            ) from error


def _to_message(news: News) -> CollectorMessage:
    if isinstance(news, Bundle):
        return CollectorMessage(bundle=news)
    if isinstance(news, Safeguarding):
        return CollectorMessage(safeguarding=news)
    if isinstance(news, SignedTrust):
        return CollectorMessage(trust=news)
    return CollectorMessage(drill=news)
