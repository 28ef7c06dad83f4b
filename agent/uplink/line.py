# SPDX-License-Identifier: Apache-2.0
"""The long stream to the collector, and the thread that keeps it.

Oldest first. An event is forgotten only when the collector says that it is durable; whatever ends the stream, the
next one begins where the collector's record ends. Waiting grows with full jitter, so that a school's devices do not
all come back in the same second. It knows no event and no policy: bytes go up; answers, bundles, sets of readers and
orders to drill come down, and are judged by whoever is called.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.errors import CollectorUnreachableError, SpoolError
from agent.identity import Identity
from agent.spool import Spool
from agent.uplink.channel import open_device_channel
from agent.uplink.exchange import Exchange, RefusedError
from agent.uplink.words import explain_error
from proto.wire import (
    EVENTS_METHOD,
    EVENTS_SERVICE,
    PROTOCOL,
    AgentMessage,
    Bundle,
    CollectorMessage,
    DrillOrder,
    Hello,
    Safeguarding,
)

log = logging.getLogger(__name__)

WELCOME_TIMEOUT_S = 20.0
BACKOFF_BASE_S = 0.5
BACKOFF_MAX_S = 60.0
REFUSED_PAUSE_S = 60.0
"""After a refusal that sending again will not mend."""


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
                problem = explain_error(error)
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
        with open_device_channel(self._identity) as channel:
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
