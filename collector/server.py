# SPDX-License-Identifier: Apache-2.0
"""The two gRPC listeners: enrolment over server TLS, events over mutual TLS. One port cannot do both.

It says who is on the other side and hands over: to `stream` for events, to `enrolment.service` for a device without a
certificate. What is looked for each second is in `rounds`, how much is taken in `pressure`. Messages arrive as bytes
and are parsed there, so that what cannot be parsed can be kept.
"""

import asyncio
import logging
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from sqlalchemy import Engine

from collector import policies
from collector.authority import Authorities, find_device_in_uri
from collector.config import Config
from collector.enrolment.credentials import ListenerCredentials
from collector.enrolment.service import EnrolmentService, OldTlsError, verify_tls
from collector.errors import AddressError, StoreError
from collector.ingest import Ingest
from collector.pressure import Door, Pressure, find_peer
from collector.rounds import Rounds, load_standing
from collector.stream import Stream, StreamEndError
from collector.submissions import Delivery
from proto.envelope import MAX_ENVELOPE_BYTES
from proto.keys import load_signer
from proto.wire import ENROL_SERVICE, EVENTS_METHOD, EVENTS_SERVICE, CollectorMessage
from rules.evaluate import Evaluator

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 2 * MAX_ENVELOPE_BYTES
"""What is larger gRPC refuses before we see it. What is larger than an envelope may be, and not than this, is kept."""
MAX_ENROLMENT_BYTES = 128 * 1024
MAX_STREAMS_A_DEVICE = 8
HANDSHAKE_WITHIN_S = 20
MOST_FILES = 65_536
OWN_FILES = 512
"""Open files that no connection may take: the database must always be within reach."""

_OPTIONS = [
    # Without this a second collector could listen on the same port and get half of the devices.
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_WITHIN_S * 1000),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # The two before mean nothing without these: a ping may otherwise stay unanswered for a minute, and none is sent
    # after the second on a line where nothing else is said.
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Nobody of ours compresses: a few bytes that become gigabytes are refused before anything unpacks them.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    # What may arrive on a stream that is not read; otherwise it grows with the speed of the line.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
    ("grpc.max_concurrent_streams", MAX_STREAMS_A_DEVICE),
]
_EVENTS_OPTIONS = [*_OPTIONS, ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
_ENROLMENT_OPTIONS = [
    *_OPTIONS,
    ("grpc.max_receive_message_length", MAX_ENROLMENT_BYTES),
    # Strangers come here: whoever asks nothing does not stay.
    ("grpc.max_connection_idle_ms", 30_000),
]


class Server:
    """Both listeners and the streams that are open on them. Lives in one event loop."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        authorities: Callable[[], Authorities],
        *,
        pressure: Pressure | None = None,
        door: Door | None = None,
    ) -> None:
        standing = load_standing(engine, config)
        self._engine = engine
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._streams: set[Stream] = set()
        self._streams_of: Counter[str] = Counter()
        self._servers: list[Any] = []
        self._pressure = pressure or Pressure()
        self._door = door or Door()
        self._credentials = ListenerCredentials(authorities)
        signer = load_signer(config.signing_key)
        evaluator = Evaluator(policies.open_own_bundle(standing.bundle, config))
        self._ingest = Ingest(
            engine, config.school_id, evaluator, deliver=self._deliver, account_key=standing.account_key
        )
        self._rounds = Rounds(engine, config, signer, self._ingest, self._streams, standing)
        self._enrolment = EnrolmentService(
            engine, config, authorities, lambda: self._rounds.standing, signer, admit_peer=self._admit_peer
        )

    async def start(self, events_address: str, enrol_address: str) -> tuple[str, str]:
        """Open both listeners; return their addresses with the ports that they got.

        Raises:
            AddressError: an address cannot be served.
        """
        events: Any = grpc.stream_stream_rpc_method_handler(
            self._stream, response_serializer=CollectorMessage.SerializeToString
        )
        methods = {EVENTS_METHOD: events}
        mutual, one_sided = self._credentials.mutual(), self._credentials.one_sided()
        room = find_room_for_connections()
        most = "grpc.max_allowed_incoming_connections"
        options, strangers = [*_EVENTS_OPTIONS, (most, room * 2 // 3)], [*_ENROLMENT_OPTIONS, (most, room // 3)]
        return (
            await self._listen(events_address, mutual, EVENTS_SERVICE, methods, options),
            await self._listen(enrol_address, one_sided, ENROL_SERVICE, self._enrolment.handlers(), strangers),
        )

    async def run(self) -> None:
        """Do the second's rounds until cancelled."""
        await self._rounds.run()

    async def close(self) -> None:
        """Stop listening, end the streams, store what has queued."""
        await asyncio.gather(*(server.stop(grace=0.5) for server in self._servers))
        await asyncio.to_thread(self._enrolment.close)
        await asyncio.to_thread(self._ingest.close)

    async def _listen(
        self, address: str, credentials: Any, service: str, methods: dict[str, Any], options: list[tuple[str, int]]
    ) -> str:
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        try:
            port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise AddressError(
                f"{address} cannot be served", hint="another program has it, or it is not an address of this machine"
            ) from error
        await server.start()
        self._servers.append(server)
        return f"{address.rpartition(':')[0]}:{port}"

    async def _stream(self, _: AsyncIterator[bytes], context: Any) -> None:
        device_id = ""
        try:
            device_id = self._identify(context)
            self._streams_of[device_id] += 1
            if self._streams_of[device_id] > MAX_STREAMS_A_DEVICE:
                # Each may hold envelopes in memory; a device needs one, and a few more while old ones hang.
                raise StreamEndError(grpc.StatusCode.RESOURCE_EXHAUSTED, "this device has too many streams open")
            await self._serve(context, device_id)
        except StreamEndError as end:
            log.info("a stream ended: %s", end)
            # Returns when the device has read it: one that reads nothing stays counted until its connection is gone.
            await context.abort(end.status, end.message)
        finally:
            self._streams_of[device_id] -= 1
            if self._streams_of[device_id] <= 0:
                del self._streams_of[device_id]

    async def _serve(self, context: Any, device_id: str) -> None:
        stream = Stream(
            context,
            self._engine,
            self._ingest,
            self._config.school_id,
            device_id,
            lambda: self._rounds.standing,
            self._pressure,
        )
        self._streams.add(stream)
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)
            self._ingest.forget(device_id)

    def _identify(self, context: Any) -> str:
        """Return the device that the connection's certificate names.

        Raises:
            StreamEndError: the connection is not over TLS 1.3, or the certificate is not a device's of this school.
        """
        try:
            verify_tls(context)
        except OldTlsError as error:
            raise StreamEndError(grpc.StatusCode.UNAUTHENTICATED, error.message) from error
        for name in context.auth_context().get("x509_subject_alternative_name", ()):
            found = find_device_in_uri(name.decode(errors="replace"))
            if found is not None and found[0] == self._config.school_id:
                return found[1]
        raise StreamEndError(grpc.StatusCode.UNAUTHENTICATED, "the certificate is not one of this school's devices")

    def _admit_peer(self, peer: str) -> bool:
        return not self._door.take(find_peer(peer), time.monotonic())

    def _deliver(self, delivery: Delivery) -> None:
        self._loop.call_soon_threadsafe(_fill, delivery)


def find_room_for_connections() -> int:
    """Take as many open files as the system lets us have, and return how many of them may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    files = min(max(soft, allowed), MOST_FILES)
    if soft != resource.RLIM_INFINITY and files > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - OWN_FILES, files // 2)


def _fill(delivery: Delivery) -> None:
    for submission, answer in delivery:
        future = submission.answer
        if future.done():
            continue  # The stream ended meanwhile; what was stored is acknowledged when the device comes back.
        if isinstance(answer, StoreError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
