# SPDX-License-Identifier: Apache-2.0
"""The line to the collector: enrolment, and one long stream. The only module that imports grpc, and late.

Oldest first. An event is forgotten only when the collector says that it is durable; whatever ends the stream, the
next one begins where the collector's record ends. Waiting grows with full jitter, so that a school's devices do not
all come back in the same second. It knows no event and no policy: bytes go up, answers and bundles come down.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import CollectorUnreachableError, EnrolmentError, SpoolError
from agent.identity import Identity
from agent.spool import Spool, SpooledEvent
from proto.envelope import make_envelope
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
    EnrolReply,
    EnrolRequest,
    Envelope,
    Hello,
    Refusal,
    Welcome,
)

log = logging.getLogger(__name__)

ENROL_TIMEOUT_S = 20.0
WELCOME_TIMEOUT_S = 20.0
BACKOFF_BASE_S = 0.5
BACKOFF_MAX_S = 60.0
REFUSED_PAUSE_S = 60.0
"""After a refusal that sending again will not mend."""
ENVELOPE_MAX_EVENTS = 100
ENVELOPE_MAX_BYTES = 1024 * 1024
MAX_UNANSWERED = 8

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


class RefusedError(CollectorUnreachableError):
    """The collector will not take our events; sending the same again does not help."""


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
        on_bundle: Callable[[Bundle], None],
        on_state: Callable[[LineState], None] = lambda state: None,
    ) -> None:
        self._identity = identity
        self._spool = spool
        self._agent_version = agent_version
        self._bundle_version = bundle_version
        self._on_bundle = on_bundle
        self._on_state = on_state
        self.state = LineState()
        self._stopping = threading.Event()
        self._session: _Session | None = None
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
            self._session = session = _Session(self._identity, self._spool)
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

    def _take(self, session: "_Session", answer: CollectorMessage) -> None:
        now_ns = time.time_ns()
        kind = answer.WhichOneof("message")
        if kind == "welcome":
            self._set_state(LineState(True, "", now_ns, now_ns - answer.welcome.server_time_ns))
            session.take_welcome(answer.welcome)
        elif kind == "ack":
            session.take_ack(answer.ack.epoch, answer.ack.last_seq)
            self._set_state(replace(self.state, last_answer_ns=now_ns))
        elif kind == "refusal":
            session.take_refusal(answer.refusal)
        elif kind == "bundle":
            self._on_bundle(answer.bundle)

    def _set_state(self, state: LineState) -> None:
        self.state = state
        self._on_state(state)


class _Session:
    """What one stream has sent and what of it is answered."""

    def __init__(self, identity: Identity, spool: Spool) -> None:
        self._identity = identity
        self._spool = spool
        self._sent_seq: int | None = None
        """None until the welcome."""
        self._unanswered: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stale = 0
        """How many answers are still to come to what was sent before we went back; all of them say the same."""
        self._rewound = 0
        self._is_ended = False
        self.cancel_call: Callable[[], Any] = lambda: None

    def requests(self, hello: Hello) -> Iterator[AgentMessage]:
        """Yield the hello, then envelopes as the spool has them and the collector answers. Runs in grpc's thread."""
        yield AgentMessage(hello=hello)
        changed = self._spool.changed
        while True:
            with changed:
                while not self._is_ended and not (events := self._take_next()):
                    changed.wait()
                if self._is_ended:
                    return
                self._sent_seq = events[-1].seq
                self._unanswered.put(events[-1].seq)
            yield AgentMessage(envelope=self._make_envelope(events))

    def take_welcome(self, welcome: Welcome) -> None:
        """Begin where the collector's record of this machine ends.

        If its record goes on where ours does not, this is an old copy of the machine, or there are two of it. What we
        have is sent all the same: the refusal is the evidence at the other end.
        """
        epoch = self._identity.epoch
        head = self._spool.head(epoch)
        start = welcome.head_seq if welcome.head_epoch == epoch else 0
        known = self._spool.find_hash(start)
        if welcome.head_epoch > epoch or start > head.seq or (known is not None and known != welcome.head_hash):
            log.warning("the collector's record of this machine goes on where ours does not")
            start = 0
        else:
            self._spool.acknowledge(start)
        with self._spool.changed:
            self._sent_seq = start
            self._spool.changed.notify_all()

    def take_ack(self, epoch: int, last_seq: int) -> None:
        """Forget what is durable at the collector."""
        if epoch == self._identity.epoch:
            self._spool.acknowledge(last_seq)
        with self._spool.changed:
            while not self._unanswered.empty() and self._unanswered.get() < last_seq:
                pass
            self._spool.changed.notify_all()

    def take_refusal(self, refusal: Refusal) -> None:
        """Go back to where the collector wants us, or give up for now.

        Raises:
            RefusedError: the same events would be refused again.
        """
        if refusal.reason == Refusal.REASON_OUT_OF_ORDER and self._stale:
            self._stale -= 1
            return
        if refusal.reason == Refusal.REASON_OUT_OF_ORDER and refusal.expected_seq and self._rewound < 3:
            self._rewound += 1
            with self._spool.changed:
                self._sent_seq = refusal.expected_seq - 1
                self._stale = max(self._unanswered.qsize() - 1, 0)
                while not self._unanswered.empty():
                    self._unanswered.get()
                self._spool.changed.notify_all()
            return
        known = refusal.reason in Refusal.Reason.values()
        reason = Refusal.Reason.Name(refusal.reason).removeprefix("REASON_") if known else "for a newer reason"
        name = reason.replace("_", " ").lower()
        raise RefusedError(
            f"the collector refused events {refusal.first_seq} to {refusal.last_seq}: {name}, {refusal.detail}"
        )

    def end(self) -> None:
        """Let `requests` return and the call end."""
        with self._spool.changed:
            self._is_ended = True
            self._spool.changed.notify_all()
        self.cancel_call()

    def _take_next(self) -> list[SpooledEvent]:
        """Return what to send next; nothing before the welcome, or while too much is unanswered."""
        if self._sent_seq is None or self._unanswered.qsize() >= MAX_UNANSWERED:
            return []
        return self._spool.peek(self._sent_seq, max_events=ENVELOPE_MAX_EVENTS, max_bytes=ENVELOPE_MAX_BYTES)

    def _make_envelope(self, events: list[SpooledEvent]) -> Envelope:
        return make_envelope(
            self._identity.signer,
            school_id=self._identity.school_id,
            device_id=self._identity.device_id,
            epoch=self._identity.epoch,
            first_seq=events[0].seq,
            headers=[event.header for event in events],
            payloads=[event.payload for event in events],
        )


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
