# SPDX-License-Identifier: Apache-2.0
"""Both ends of the real wire for tests: a collector's listeners in a thread, and callers who say whatever they like.

with Listeners(school, authority) as listeners, listeners.call(device) as call:
    call.say_hello()
    call.send(AgentMessage(envelope=device.say(TOR_STARTED)))
    call.receive().ack
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import grpc

from agent.identity import Identity
from collector.authority import Authorities, Authority
from collector.server import Server
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    EVENTS_METHOD,
    EVENTS_SERVICE,
    PROTOCOL,
    TARGET_NAME,
    AgentMessage,
    Bundle,
    CollectorMessage,
    EnrolReply,
    EnrolRequest,
    Hello,
    Welcome,
)
from tests.collector.evidence import Device
from tests.collector.school import School

DEADLINE_S = 60.0
OPTIONS = [("grpc.ssl_target_name_override", TARGET_NAME), ("grpc.use_local_subchannel_pool", 1)]


class Listeners:
    """The two listeners of a school's collector, in an event loop of their own, on free ports or where it is asked."""

    def __init__(
        self,
        school: School,
        authority: Authority,
        *,
        events_at: str = "127.0.0.1:0",
        authorities: Callable[[], Authorities] | None = None,
        **limits: Any,
    ) -> None:
        fixed = Authorities(authority)
        self._authorities = authorities or (lambda: fixed)
        self._events_at = events_at
        self._limits = limits
        """For the server: other limits than its own."""
        self._school = school
        self._authority = authority
        self._ready: Future[Server] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="listeners")
        self.events_address = ""
        self.enrol_address = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.server = self._ready.result(DEADLINE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def call(self, device: Device, *, authority: Authority | None = None) -> "Call":
        """Open a stream as a device; with another CA, as somebody whose certificate is not ours."""
        return Call(self.events_address, _credentials(device.identity, authority))

    def call_without_certificate(self) -> "Call":
        """Open a stream as nobody."""
        return Call(self.events_address, grpc.ssl_channel_credentials(self._authority.certificate_pem))

    def enrol(self, request: EnrolRequest | bytes, *, authority: Authority | None = None) -> EnrolReply:
        """Ask to be enrolled, trusting the collector's CA or another one.

        Raises:
            grpc.RpcError: it was refused.
        """
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        credentials = grpc.ssl_channel_credentials((authority or self._authority).certificate_pem)
        with grpc.secure_channel(self.enrol_address, credentials, options=OPTIONS) as channel:
            method: Any = channel.unary_unary(
                f"/{ENROL_SERVICE}/{ENROL_METHOD}", response_deserializer=EnrolReply.FromString
            )
            reply: EnrolReply = method(raw, timeout=DEADLINE_S)
        return reply

    def push(self, bundle: Bundle) -> None:
        """Send a policy to every device that is connected, whatever version it holds, once all of them are welcomed."""

        async def push_to_all() -> bool:
            # What is pushed before is left out: it stands in the welcome.
            if not all(stream._is_welcomed for stream in self.server._streams):
                return False
            for stream in self.server._streams:
                stream.push(bundle)
            return True

        while not asyncio.run_coroutine_threadsafe(push_to_all(), self._loop).result(DEADLINE_S):
            time.sleep(0.01)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = Server(self._school.engine, self._school.config, self._authorities, **self._limits)
            self.events_address, self.enrol_address = await server.start(self._events_at, "127.0.0.1:0")
        except BaseException as error:
            self._ready.set_exception(error)
            raise
        running = asyncio.create_task(server.run())
        self._ready.set_result(server)
        await self._stop.wait()
        running.cancel()
        await server.close()


class Call:
    """One stream, as seen from the device's side."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials) -> None:
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._channel = grpc.secure_channel(address, credentials, options=OPTIONS)
        method: Any = self._channel.stream_stream(f"/{EVENTS_SERVICE}/{EVENTS_METHOD}")
        self._answers = method(self._requests(), timeout=DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def send(self, message: AgentMessage | bytes) -> None:
        """Send a message, or bytes that are none."""
        self._outgoing.put(message if isinstance(message, bytes) else message.SerializeToString())

    def say_hello(self, **fields: Any) -> Welcome:
        """Begin as a device of this version; any field of the hello can be given."""
        hello = {"min_protocol": PROTOCOL, "max_protocol": PROTOCOL, "bundle_version": 2**32, **fields}
        self.send(AgentMessage(hello=Hello(**hello)))
        message = self.receive()
        assert message.WhichOneof("message") == "welcome", message
        return message.welcome

    def receive(self) -> CollectorMessage:
        """Return the next message.

        Raises:
            grpc.RpcError: the stream ended with an error.
        """
        return CollectorMessage.FromString(next(self._answers))

    def end(self) -> tuple[grpc.StatusCode, str]:
        """Return how the stream ends, after whatever still comes."""
        try:
            for _ in self._answers:
                pass
        except grpc.RpcError:
            pass
        return self._answers.code(), self._answers.details()

    def finish(self) -> None:
        """Say that nothing more comes from our side."""
        self._outgoing.put(None)

    def hang_up(self) -> None:
        """Break the connection."""
        self._outgoing.put(None)
        self._answers.cancel()
        self._channel.close()

    def _requests(self) -> Iterator[bytes]:
        while (message := self._outgoing.get()) is not None:
            yield message


def _credentials(identity: Identity, authority: Authority | None) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=authority.certificate_pem if authority else identity.ca_certificate_pem,
        private_key=identity.keys.tls_key_pem,
        certificate_chain=identity.tls_certificate_pem,
    )
