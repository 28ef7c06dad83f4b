# SPDX-License-Identifier: Apache-2.0
"""The line to the collector: enrolment, and one long stream. The only module that imports grpc, and late.

Oldest first. An event is forgotten only when the collector says that it is durable; whatever ends the stream, the
next one begins where the collector's record ends. Waiting grows with full jitter, so that a school's devices do not
all come back in the same second. It knows no event and no policy: bytes go up; answers, bundles, sets of readers and
orders to drill come down, and are judged by whoever is called.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import CollectorUnreachableError, EnrolmentError, SpoolError
from agent.exchange import Exchange, RefusedError
from agent.identity import Identity
from agent.spool import Spool
from proto.token import Token
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
    DrillOrder,
    EnrolReply,
    EnrolRequest,
    Hello,
    Safeguarding,
)

log = logging.getLogger(__name__)

# Watchers are started in this process by fork and exec at once: grpc need not prepare for a child that goes on with it.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

ENROL_TIMEOUT_S = 20.0
WELCOME_TIMEOUT_S = 20.0
BACKOFF_BASE_S = 0.5
BACKOFF_MAX_S = 60.0
REFUSED_PAUSE_S = 60.0
"""After a refusal that sending again will not mend."""

_OPTIONS = [
    ("grpc.ssl_target_name_override", TARGET_NAME),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    # Two agents on one machine must not share a connection, which carries an identity.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True, slots=True)
class LineState:
    """How the line to the collector stands, for `status`."""

    is_connected: bool = False
    problem: str = "not connected yet"
    """In words a technician can act on; empty when all is well."""
    last_answer_ns: int = 0
    """When the collector last said anything, by this machine's clock; 0 for never."""
    clock_offset_ns: int = 0
    """This machine's clock minus the collector's, at the welcome."""


@dataclass(slots=True, kw_only=True)
class Tell:
    """Who is told what the collector says; each is called on the uplink's thread."""

    bundle: Callable[[Bundle], None]
    safeguarding: Callable[[Safeguarding], None] = lambda message: None
    drill: Callable[[DrillOrder], None] = lambda order: None
    account_key: Callable[[bytes], None] = lambda key: None
    state: Callable[[LineState], None] = lambda state: None


def enrol(token: Token, request: EnrolRequest) -> EnrolReply:
    """Ask the collector to admit this machine. The CA in the token is the only one that is trusted.

    Raises:
        EnrolmentError: the collector refused, and says why.
        CollectorUnreachableError: it does not answer, or is not the one in the token.
    """
    import grpc

    credentials = grpc.ssl_channel_credentials(root_certificates=_to_pem(token.ca_certificate))
    with grpc.secure_channel(token.enrol_address, credentials, options=_OPTIONS) as channel:
        call = channel.unary_unary(
            f"/{ENROL_SERVICE}/{ENROL_METHOD}",
            request_serializer=EnrolRequest.SerializeToString,
            response_deserializer=EnrolReply.FromString,
        )
        try:
            reply: EnrolReply = call(request, timeout=ENROL_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT):
                raise EnrolmentError(f"the collector refused: {error.details()}") from error
            raise CollectorUnreachableError(
                f"the collector at {token.enrol_address} does not answer: {_explain(error)}",
                hint="check address, network and that the collector runs; the token stays good until it expires",
            ) from error
    return reply


class Uplink:
    """Sends what the spool holds, in a thread of its own, until it is stopped."""

    def __init__(
        self,
        identity: Identity,
        spool: Spool,
        *,
        agent_version: str,
        bundle_version: Callable[[], int],
        tell: Tell,
    ) -> None:
        self._identity = identity
        self._spool = spool
        self._agent_version = agent_version
        self._bundle_version = bundle_version
        self._tell = tell
        self.state = LineState()
        self._stopping = threading.Event()
        self._session: Exchange | None = None
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, flush_s: float = 0.0) -> None:
        """End the stream, after waiting a moment for what is still unanswered."""
        deadline = time.monotonic() + flush_s
        while self.state.is_connected and self._spool.count() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._stopping.set()
        session = self._session
        if session is not None:
            session.end()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        import grpc

        failures = 0
        while not self._stopping.is_set():
            started_s = time.monotonic()
            pause_s = 0.0
            try:
                self._serve_one_stream()
                problem = "the collector ended the connection"
            except RefusedError as error:
                problem, pause_s = error.message, REFUSED_PAUSE_S
            except grpc.RpcError as error:
                problem = _explain(error)
            except (CollectorUnreachableError, SpoolError) as error:
                problem = error.message
            except Exception as error:
                # A bug must not end the thread that everything waits for: events are kept, and it tries again.
                log.exception("an error in the uplink")
                problem = f"an error in the agent: {type(error).__name__}"
            if self._stopping.is_set():
                return
            self._set_state(replace(self.state, is_connected=False, problem=problem))
            failures = 0 if time.monotonic() - started_s > BACKOFF_MAX_S else failures + 1
            limit_s = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** min(failures - 1, 10)) if failures else BACKOFF_BASE_S
            self._stopping.wait(max(pause_s, random.uniform(0, limit_s)))  # noqa: S311 - jitter, not a secret

    def _serve_one_stream(self) -> None:
        import grpc

        credentials = grpc.ssl_channel_credentials(
            root_certificates=self._identity.ca_certificate_pem,
            private_key=self._identity.tls_key_pem,
            certificate_chain=self._identity.tls_certificate_pem,
        )
        with grpc.secure_channel(self._identity.events_address, credentials, options=_OPTIONS) as channel:
            method = channel.stream_stream(
                f"/{EVENTS_SERVICE}/{EVENTS_METHOD}",
                request_serializer=AgentMessage.SerializeToString,
                response_deserializer=CollectorMessage.FromString,
            )
            self._session = session = Exchange(self._identity, self._spool)
            if self._stopping.is_set():
                return
            hello = Hello(
                min_protocol=PROTOCOL,
                max_protocol=PROTOCOL,
                agent_version=self._agent_version,
                epoch=self._identity.epoch,
                bundle_version=self._bundle_version(),
                wall_clock_ns=time.time_ns(),
            )
            answers = method(session.requests(hello))
            session.cancel_call = answers.cancel
            watchdog = threading.Timer(WELCOME_TIMEOUT_S, answers.cancel)
            watchdog.start()
            try:
                for answer in answers:
                    watchdog.cancel()
                    self._take(session, answer)
            finally:
                watchdog.cancel()
                session.end()
                self._session = None

    def _take(self, session: Exchange, answer: CollectorMessage) -> None:
        now_ns = time.time_ns()
        kind = answer.WhichOneof("message")
        if kind == "welcome":
            self._set_state(LineState(True, "", now_ns, now_ns - answer.welcome.server_time_ns))
            session.take_welcome(answer.welcome)
            self._tell.account_key(answer.welcome.account_key)
        elif kind == "ack":
            session.take_ack(answer.ack.epoch, answer.ack.last_seq)
            self._set_state(replace(self.state, last_answer_ns=now_ns))
        elif kind == "refusal":
            session.take_refusal(answer.refusal)
        elif kind == "bundle":
            self._tell.bundle(answer.bundle)
        elif kind == "safeguarding":
            self._tell.safeguarding(answer.safeguarding)
        elif kind == "drill":
            self._tell.drill(answer.drill)

    def _set_state(self, state: LineState) -> None:
        self.state = state
        self._tell.state(state)


def _explain(error: Any) -> str:
    """Say in a technician's words what a gRPC error means."""
    code, details = error.code().name, error.details() or ""
    if code == "UNAVAILABLE":
        if any(each in details for each in ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure", "Peer name")):
            return "what answers there is not the collector that this machine was enrolled with"
        if "Connection refused" in details:
            return "nothing listens at the address"
        if "Handshake" in details or "SSL" in details or "handshake" in details:
            return "no secure connection: a proxy that opens TLS, or a certificate that is not accepted"
        if any(each in details for each in ("DNS", "name resolution", "hostname lookup")):
            return "the name cannot be resolved"
        return details or "no connection"
    if code == "CANCELLED":
        return "the collector did not answer in time"
    return f"{details or code} ({code})"


def _to_pem(der: bytes) -> bytes:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()
