# SPDX-License-Identifier: Apache-2.0
"""The other end of the agent's line: a real gRPC server over real TLS whose every answer a test writes itself.

def script(messages):
    yield to_welcome(next(messages))
    for message in messages:
        yield to_ack(message)

with ScriptedCollector(authority, script) as collector: ...
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from agent.identity import Identity, IdentityFolder
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.uplink.comparison import Break
from agent.uplink.line import Tell, Uplink
from collector.authority import (
    Authority,
    issue_device_certificate,
    issue_listener_certificate,
    load_authority,
    make_authority,
)
from proto.chain import GENESIS
from proto.events import AgentStopped
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    EVENTS_METHOD,
    EVENTS_SERVICE,
    REKEY_METHOD,
    Ack,
    AgentMessage,
    Bundle,
    CollectorMessage,
    DrillOrder,
    EnrolReply,
    EnrolRequest,
    Refusal,
    RekeyRequest,
    Safeguarding,
    SignedTrust,
    Welcome,
)
from tests.agent.collector import FACTS, FakeCollector

DEADLINE_S = 60.0

Messages = Iterator[AgentMessage]
Script = Callable[[Messages], Iterator[CollectorMessage | bytes]]


class ScriptedCollector:
    """Serves both services on one free port each; every stream plays the next script, the last one for ever."""

    def __init__(
        self,
        authority: Authority,
        *scripts: Script,
        enrol: Callable[[EnrolRequest, Any], EnrolReply] | None = None,
        events_at: str = "127.0.0.1:0",
    ) -> None:
        self._scripts = list(scripts)
        self._enrol = enrol
        self._lock = threading.Lock()
        self.received: list[list[AgentMessage]] = []
        """What came in on each stream."""
        key, chain = issue_listener_certificate(authority)
        mutual = grpc.ssl_server_credentials(
            [(key, chain)], root_certificates=authority.certificate_pem, require_client_auth=True
        )
        one_sided = grpc.ssl_server_credentials([(key, chain)])
        self._pool = ThreadPoolExecutor(8)
        stream: Any = grpc.stream_stream_rpc_method_handler(
            self._play, request_deserializer=AgentMessage.FromString, response_serializer=_to_bytes
        )
        unary: dict[str, Any] = {
            method: grpc.unary_unary_rpc_method_handler(
                self._answer, request_deserializer=kind.FromString, response_serializer=EnrolReply.SerializeToString
            )
            for method, kind in ((ENROL_METHOD, EnrolRequest), (REKEY_METHOD, RekeyRequest))
        }
        self._servers = []
        addresses = []
        for address, credentials, service, handlers in (
            (events_at, mutual, EVENTS_SERVICE, {EVENTS_METHOD: stream}),
            ("127.0.0.1:0", one_sided, ENROL_SERVICE, unary),
        ):
            server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
            addresses.append(f"127.0.0.1:{server.add_secure_port(address, credentials)}")
            self._servers.append(server)
        self.events_address, self.enrol_address = addresses

    def __enter__(self) -> Self:
        for server in self._servers:
            server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.stop(grace=0).wait()
        self._pool.shutdown(wait=False)

    def _play(self, messages: Messages, context: grpc.ServicerContext) -> Iterator[CollectorMessage | bytes]:
        with self._lock:
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            received: list[AgentMessage] = []
            self.received.append(received)

        def noted() -> Messages:
            for message in messages:
                received.append(message)
                yield message

        yield from script(noted())

    def _answer(self, request: EnrolRequest, context: grpc.ServicerContext) -> EnrolReply:
        assert self._enrol is not None
        return self._enrol(request, context)


class Line:
    """A device's queue and its uplink to a scripted collector."""

    def __init__(self, folder: Path, authority: Authority, identity: Identity) -> None:
        self.authority = authority
        self.identity = identity
        self.spool = Spool(folder / "spool.db", identity.spool_key)
        self.recorder = Recorder(identity, self.spool, bytes(16))
        self.bundles: list[Bundle] = []
        self.safeguarding: list[Safeguarding] = []
        self.drills: list[DrillOrder] = []
        self.breaks: list[Break] = []
        self.on_broken: Callable[[Break], float] = lambda found: 0.0
        self.trusts: list[SignedTrust] = []
        self.renewals: list[bool] = []
        """Whether the certificate was refused, each time that a renewal was asked about."""
        self.uplink: Uplink | None = None
        self.collector: ScriptedCollector | None = None

    def record(self, number: int) -> None:
        """Put events into the queue."""
        self.recorder.record([Record(AgentStopped(f"event {each}"), 1) for each in range(number)], bundle_version=1)

    def start(self, *scripts: Script, on_bundle: Callable[[Bundle], None] | None = None) -> ScriptedCollector:
        """Serve the scripts and begin to send."""
        self.collector = ScriptedCollector(self.authority, *scripts)
        self.collector.__enter__()
        self.connect(self.collector.events_address, on_bundle or self.bundles.append)
        return self.collector

    def connect(self, address: str, on_bundle: Callable[[Bundle], None]) -> None:
        """Begin to send to an address."""
        self.uplink = Uplink(
            replace(self.identity, events_address=address),
            self.spool,
            agent_version="0.1.0",
            bundle_version=lambda: 7,
            boot_id=bytes(16),
            tell=Tell(
                bundle=on_bundle,
                safeguarding=self.safeguarding.append,
                drill=self.drills.append,
                trust=self.trusts.append,
                renew=lambda offset_ns, is_refused=False: self.renewals.append(is_refused),
                broken=self._take_break,
            ),
        )
        self.uplink.start()

    def _take_break(self, found: Break) -> float:
        self.breaks.append(found)
        return self.on_broken(found)

    @property
    def problem(self) -> str:
        """What is wrong with the line, in the agent's words."""
        assert self.uplink is not None
        return self.uplink.state.problem

    def close(self) -> None:
        """End everything."""
        if self.uplink is not None:
            self.uplink.stop()
        if self.collector is not None:
            self.collector.__exit__(None, None, None)
        self.spool.close()


def make_device(folder: Path, collector: FakeCollector) -> tuple[Authority, Identity]:
    """Return a CA that can serve, and the identity of a device that trusts it."""
    make_authority(folder / "authority")
    authority = load_authority(folder / "authority")
    token = collector.make_token(ca_certificate=authority.certificate_der)
    state = IdentityFolder(folder / "state")
    request = state.make_request(token, FACTS)
    reply = collector.answer(request)
    reply.certificate = issue_device_certificate(
        authority, request.certificate_request, reply.school_id, reply.device_id
    )
    return authority, state.complete(token, reply)


def to_welcome(epoch: int = 1, seq: int = 0, digest: bytes = GENESIS) -> CollectorMessage:
    """Return a welcome that says where the chain ends."""
    welcome = Welcome(protocol=1, server_time_ns=1, head_epoch=epoch, head_seq=seq, head_hash=digest)
    return CollectorMessage(welcome=welcome)


def to_ack(last_seq: int, epoch: int = 1) -> CollectorMessage:
    """Return an acknowledgement."""
    return CollectorMessage(ack=Ack(epoch=epoch, last_seq=last_seq))


def to_refusal(reason: "Refusal.Reason", message: AgentMessage, expected_seq: int = 0) -> CollectorMessage:
    """Return a refusal of an envelope."""
    envelope = message.envelope
    return CollectorMessage(
        refusal=Refusal(
            reason=reason,
            detail="said the test",
            epoch=envelope.epoch,
            first_seq=envelope.first_seq,
            last_seq=envelope.last_seq,
            expected_seq=expected_seq,
        )
    )


def take_all(messages: Messages) -> Iterator[CollectorMessage]:
    """The script of a collector where all is well."""
    next(messages)
    yield to_welcome()
    for message in messages:
        yield to_ack(message.envelope.last_seq)


def _to_bytes(answer: CollectorMessage | bytes) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


def wait_for(look: Callable[[], object], what: str) -> None:
    """Look until there is something to see."""
    deadline = time.monotonic() + DEADLINE_S
    while not look():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def numbers_of(messages: list[AgentMessage]) -> list[tuple[int, int]]:
    """Return the first and last number of each envelope of a stream."""
    return [
        (message.envelope.first_seq, message.envelope.last_seq)
        for message in messages
        if message.WhichOneof("message") == "envelope"
    ]
