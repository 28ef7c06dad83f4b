# SPDX-License-Identifier: Apache-2.0
"""The two gRPC listeners: enrolment over server TLS, events over mutual TLS. One port cannot do both.

It says who is on the other side and hands over: to `stream` for events, to `enrolment` for a new device. Messages
arrive as bytes and are parsed there, so that what cannot be parsed can be kept.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from sqlalchemy import Engine

from collector import devices, drills, policies, recipients
from collector.absences import list_absent
from collector.authority import Authority, find_device_in_uri, issue_listener_certificate
from collector.coincidences import record_coincidences
from collector.config import Config
from collector.enrolment import enrol
from collector.errors import AddressError, CollectorError, EnrolmentRefusedError, StoreError
from collector.ingest import Delivery, Ingest
from collector.stream import News, Standing, Stream, StreamEndError
from collector.subjects import load_account_key, load_subject_key
from proto.drill import sign_drill
from proto.envelope import MAX_ENVELOPE_BYTES
from proto.errors import RecipientsError, SchoolwardenError
from proto.keys import load_signer
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    EVENTS_METHOD,
    EVENTS_SERVICE,
    CollectorMessage,
    EnrolReply,
    EnrolRequest,
    Safeguarding,
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
        self._signer = load_signer(config.signing_key)
        self._standing = Standing(bundle, self._load_safeguarding_at_start(), load_account_key(self._config))
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
        """Once a second: cut off revoked devices, push what is new, note who is connected. Until cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            await _try(self._look_for_revoked)
            await _try(self._look_for_policy)
            await _try(self._look_for_readers)
            await _try(self._look_for_drills)
            if ticks % SEEN_EVERY_TICKS == 0:
                await _try(self._note_seen)
                # After it: only devices that are heard now count.
                await _try(self._look_for_coincidences)

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
                context, self._engine, self._ingest, self._config.school_id, device_id, lambda: self._standing
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
            bundle=self._standing.bundle,
        )

    async def _look_for_policy(self) -> None:
        bundle = await asyncio.to_thread(
            policies.find_bundle, self._engine, self._config.school_id, newer_than=self._standing.bundle.version
        )
        if bundle is None:
            return
        # Verified before it is used or sent on: somebody may have written into the database.
        self._ingest.evaluator = Evaluator(policies.open_own_bundle(bundle, self._config))
        self._standing = replace(self._standing, bundle=bundle)
        self._push(bundle)

    async def _look_for_readers(self) -> None:
        """The set is published by others, and an absence begins and ends by itself."""
        safeguarding = await asyncio.to_thread(self._load_safeguarding)
        if safeguarding is not None and safeguarding != self._standing.safeguarding:
            self._standing = replace(self._standing, safeguarding=safeguarding)
            self._push(safeguarding)

    def _load_safeguarding(self) -> Safeguarding | None:
        school_id = self._config.school_id
        signed, content = recipients.find_signed(self._engine, school_id), recipients.load_set(self._engine, school_id)
        if signed is None or content is None:
            return None
        absent = list_absent(self._engine, school_id, time.time_ns())
        return Safeguarding(
            recipients=signed,
            subject_key=load_subject_key(self._config),
            absent=sorted(absent & {each.id for each in content.recipients}),
        )

    def _load_safeguarding_at_start(self) -> Safeguarding | None:
        try:
            has_set = recipients.find_signed(self._engine, self._config.school_id) is not None
            if has_set and not self._config.subject_key.exists():
                # A new key would part every account's old flags from its new ones, and show a reader his own.
                raise StoreError(
                    f"the key {self._config.subject_key} is gone",
                    hint="restore it from a backup; if there is none, publishing a set of readers makes a new one",
                )
            return self._load_safeguarding()
        except RecipientsError as error:
            # Devices get no readers then, and everything else goes on.
            log.error("the readers of flags: %s", error)
            return None

    async def _look_for_drills(self) -> None:
        pending = await asyncio.to_thread(drills.list_pending, self._engine, self._config.school_id, time.time_ns())
        for order in pending:
            signed = sign_drill(
                self._signer, device_id=order.device_id, nonce=order.nonce, expires_at_ns=order.expires_at_ns
            )
            for stream in self._streams:
                if stream.device_id == order.device_id:
                    stream.push(signed)

    async def _note_seen(self) -> None:
        seen = {stream.device_id for stream in self._streams}
        await asyncio.to_thread(devices.note_seen, self._engine, seen, time.time_ns())

    async def _look_for_coincidences(self) -> None:
        await asyncio.to_thread(record_coincidences, self._engine, self._config.school_id, time.time_ns())

    def _push(self, news: News) -> None:
        for stream in self._streams:
            stream.push(news)

    async def _look_for_revoked(self) -> None:
        revoked = await asyncio.to_thread(devices.find_revoked, self._engine, self._config.school_id)
        for stream in list(self._streams):
            if stream.device_id in revoked:
                stream.cut_off()

    def _deliver(self, delivery: Delivery) -> None:
        self._loop.call_soon_threadsafe(_fill, delivery)


async def _try(look: Callable[[], Awaitable[None]]) -> None:
    """Do one part of a second's round; what goes wrong in it must not keep the others from being done."""
    try:
        await look()
    except SchoolwardenError as error:
        log.error("%s", error)
    except Exception:
        log.exception("the second's round was not finished")


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
