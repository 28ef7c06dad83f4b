# SPDX-License-Identifier: Apache-2.0
"""The two gRPC listeners: enrolment over server TLS, events over mutual TLS. One port cannot do both.

It says who is on the other side and hands over: to `stream` for events, to `enrolment` for a new device. Messages
arrive as bytes and are parsed there, so that what cannot be parsed can be kept.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from sqlalchemy import Engine

from collector import devices, policies
from collector.authority import Authority, find_device_in_uri, issue_listener_certificate
from collector.config import Config
from collector.enrolment import enrol
from collector.errors import AddressError, CollectorError, EnrolmentRefusedError, StoreError
from collector.ingest import Delivery, Ingest
from collector.stream import Stream, StreamEndError
from proto.envelope import MAX_ENVELOPE_BYTES
from proto.errors import SchoolwardenError
from proto.keys import load_signer
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    EVENTS_METHOD,
    EVENTS_SERVICE,
    Bundle,
    CollectorMessage,
    EnrolReply,
    EnrolRequest,
)
from rules.evaluate import Evaluator

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = MAX_ENVELOPE_BYTES + 64 * 1024
TICK_S = 1.0
SEEN_EVERY_TICKS = 15
MAX_STREAMS_A_DEVICE = 8

_OPTIONS = [
    # Without this a second collector could listen on the same port and get half of the devices.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


class Server:
    """Both listeners and the streams that are open on them. Lives in one event loop."""

    def __init__(self, engine: Engine, config: Config, authority: Authority) -> None:
        bundle = policies.find_bundle(engine, config.school_id)
        if bundle is None:
            raise StoreError("no policy was ever published", hint="restore a backup of the database")
        self._engine = engine
        self._config = config
        self._authority = authority
        self._loop = asyncio.get_running_loop()
        self._bundle: Bundle = bundle
        self._signer = load_signer(config.signing_key)
        self._streams: set[Stream] = set()
        self._streams_of: Counter[str] = Counter()
        self._servers: list[Any] = []
        evaluator = Evaluator(policies.open_own_bundle(bundle, config))
        self._ingest = Ingest(engine, config.school_id, evaluator, deliver=self._deliver)

    async def start(self, events_address: str, enrol_address: str) -> tuple[str, str]:
        """Open both listeners; return their addresses with the ports that they got.

        Raises:
            AddressError: an address cannot be served.
        """
        key, chain = issue_listener_certificate(self._authority)
        mutual = grpc.ssl_server_credentials(
            [(key, chain)], root_certificates=self._authority.certificate_pem, require_client_auth=True
        )
        one_sided = grpc.ssl_server_credentials([(key, chain)])
        events: Any = grpc.stream_stream_rpc_method_handler(
            self._stream, response_serializer=CollectorMessage.SerializeToString
        )
        enrolment: Any = grpc.unary_unary_rpc_method_handler(
            self._enrol, response_serializer=EnrolReply.SerializeToString
        )
        return (
            await self._listen(events_address, mutual, EVENTS_SERVICE, EVENTS_METHOD, events),
            await self._listen(enrol_address, one_sided, ENROL_SERVICE, ENROL_METHOD, enrolment),
        )

    async def run(self) -> None:
        """Once a second: push a new policy, cut off revoked devices, note who is connected. Until cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            try:
                await self._look_for_policy()
                await self._look_for_revoked()
                if ticks % SEEN_EVERY_TICKS == 0:
                    seen = {stream.device_id for stream in self._streams}
                    await asyncio.to_thread(devices.note_seen, self._engine, seen, time.time_ns())
            except SchoolwardenError as error:
                log.error("%s", error)
            except Exception:
                # Nobody would push policies or cut off revoked devices any more if one mistake ended this.
                log.exception("the second's round was not finished")

    async def close(self) -> None:
        """Stop listening, end the streams, store what has queued."""
        await asyncio.gather(*(server.stop(grace=0.5) for server in self._servers))
        await asyncio.to_thread(self._ingest.close)

    async def _listen(self, address: str, credentials: Any, service: str, method: str, handler: Any) -> str:
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
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
        stream = None
        try:
            device_id = self._identify(context)
            if self._streams_of[device_id] >= MAX_STREAMS_A_DEVICE:
                # Each may hold envelopes in memory; a device needs one, and a few more while old ones hang.
                raise StreamEndError(grpc.StatusCode.RESOURCE_EXHAUSTED, "this device has too many streams open")
            stream = Stream(
                context, self._engine, self._ingest, self._config.school_id, device_id, lambda: self._bundle
            )
            self._streams.add(stream)
            self._streams_of[device_id] += 1
            await stream.run()
        except StreamEndError as end:
            log.info("a stream ended: %s", end)
            await context.abort(end.status, end.message)
        finally:
            if stream is not None:
                self._streams.discard(stream)
                self._streams_of[stream.device_id] -= 1
                if not self._streams_of[stream.device_id]:
                    del self._streams_of[stream.device_id]
                self._ingest.forget(stream.device_id)

    def _identify(self, context: Any) -> str:
        """Return the device that the connection's certificate names.

        Raises:
            StreamEndError: the connection is not over TLS 1.3, or the certificate is not a device's of this school.
        """
        _verify_tls(context)
        for name in context.auth_context().get("x509_subject_alternative_name", ()):
            found = find_device_in_uri(name.decode(errors="replace"))
            if found is not None and found[0] == self._config.school_id:
                return found[1]
        raise StreamEndError(grpc.StatusCode.UNAUTHENTICATED, "the certificate is not one of this school's devices")

    async def _enrol(self, raw: bytes, context: Any) -> EnrolReply | None:
        try:
            _verify_tls(context)
            request = EnrolRequest.FromString(raw)
            device_id, certificate = await asyncio.to_thread(
                enrol, self._engine, self._config, self._authority, request, time.time_ns()
            )
        except StreamEndError as end:
            log.warning("an enrolment from %s was refused: %s", context.peer(), end)
            await context.abort(end.status, end.message)
            return None
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request cannot be read")
            return None
        except EnrolmentRefusedError as error:
            log.warning("an enrolment from %s was refused: %s", context.peer(), error)
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, _in_words(error))
            return None
        except CollectorError as error:
            log.error("an enrolment failed: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, _in_words(error))
            return None
        return EnrolReply(
            school_id=self._config.school_id,
            school_name=self._config.school_name,
            device_id=device_id,
            certificate=certificate,
            signing_algorithm=self._signer.algorithm,
            signing_public_key=self._signer.public_key,
            server_time_ns=time.time_ns(),
            bundle=self._bundle,
        )

    async def _look_for_policy(self) -> None:
        bundle = await asyncio.to_thread(
            policies.find_bundle, self._engine, self._config.school_id, newer_than=self._bundle.version
        )
        if bundle is None:
            return
        # Verified before it is used or sent on: somebody may have written into the database.
        self._ingest.evaluator = Evaluator(policies.open_own_bundle(bundle, self._config))
        self._bundle = bundle
        for stream in self._streams:
            stream.push(bundle)

    async def _look_for_revoked(self) -> None:
        revoked = await asyncio.to_thread(devices.find_revoked, self._engine, self._config.school_id)
        for stream in list(self._streams):
            if stream.device_id in revoked:
                stream.cut_off()

    def _deliver(self, delivery: Delivery) -> None:
        self._loop.call_soon_threadsafe(_fill, delivery)


def _verify_tls(context: Any) -> None:
    """Check that a peer speaks TLS 1.3; gRPC itself would take 1.2, too.

    Raises:
        StreamEndError: it does not.
    """
    version = b"".join(context.auth_context().get("ssl_tls_version", ())).decode(errors="replace")
    if version != "TLSv1.3":
        raise StreamEndError(grpc.StatusCode.UNAUTHENTICATED, f"the connection must use TLS 1.3, not {version}")


def _fill(delivery: Delivery) -> None:
    for submission, answer in delivery:
        future = submission.answer
        if future.done():
            continue  # The stream ended meanwhile; what was stored is acknowledged when the device comes back.
        if isinstance(answer, StoreError):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _in_words(error: SchoolwardenError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
