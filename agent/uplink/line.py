# SPDX-License-Identifier: Apache-2.0
"""The long stream to the collector, and the thread that keeps it.

Oldest first. An event is forgotten only when the collector says that it is durable; whatever ends the stream, the
next one begins where the collector's record ends. Waiting grows with full jitter, so that a school's devices do not
all come back in the same second. It knows no event and no policy: bytes go up; answers, bundles, sets of readers and
orders to drill come down, and are judged by whoever is called. A chain that cannot go on is not sent any further: that
is told, and somebody else mends it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import read_running_ns
from agent.errors import EnrolmentError
from agent.identity import Identity
from agent.spool import Spool
from agent.uplink.channel import is_certificate_refused, open_device_channel
from agent.uplink.comparison import Break, ChainBrokenError
from agent.uplink.exchange import Exchange, RefusedError
from agent.uplink.words import explain_disk, explain_error
from proto.errors import SchoolwardenError
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
    SignedTrust,
)

log = logging.getLogger(__name__)

WELCOME_TIMEOUT_S = 20.0
BACKOFF_BASE_S = 0.5
BACKOFF_MAX_S = 60.0
REFUSED_PAUSE_S = 60.0
"""After a refusal that sending again will not mend."""
NOT_ADMITTED_PAUSE_S = 600.0
"""After the collector would not admit the device that is to go on for this one."""
RENEWAL_EVERY_S = 3600.0
GO_BACK_AFTER = 10
"""Connections without a welcome; then the collector is looked for where it was before, in turns."""


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
    trust: Callable[[SignedTrust], Identity | None] = lambda trust: None
    """Returns the identity that the next connection is made with, if that is another one."""
    renew: Callable[..., Identity | None] = lambda clock_offset_ns, is_refused=False: None
    """Asked before each connection and every hour; the same."""
    go_back: Callable[[], Identity | None] = lambda: None
    """Asked when nobody welcomes us any more; the same."""
    broken: Callable[[Break], float] = lambda found: REFUSED_PAUSE_S
    """The chain cannot go on. Returns 0 when everything is ready to end us and mend it, or how long to wait until it is
    to be told again; it may raise what a connection may."""


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
        boot_id: bytes = b"",
    ) -> None:
        self._identity = identity
        self._unwelcomed = 0
        self._asking = threading.Lock()
        """Held from the question for another identity until its answer is kept."""
        self._spool = spool
        self._agent_version = agent_version
        self._bundle_version = bundle_version
        self._tell = tell
        self._boot_id = boot_id
        self.state = LineState()
        self._collector_clock: tuple[int, int] | None = None
        """What the collector's clock said last, and our running clock then."""
        self._broken: Break | None = None
        self._is_refused = False
        """Our certificate was, when we last tried to connect."""
        self._stopping = threading.Event()
        self._session: Exchange | None = None
        self._threads = (
            threading.Thread(target=self._run, name="uplink", daemon=True),
            threading.Thread(target=self._keep_renewed, name="renewal", daemon=True),
        )

    @property
    def identity(self) -> Identity:
        """What the next connection is made with: whom it trusts, where it goes, until when its certificate is good."""
        return self._identity

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self, flush_s: float = 0.0) -> None:
        """End the stream, after waiting a moment for what is still unanswered."""
        deadline = time.monotonic() + flush_s
        while self.state.is_connected and self._spool.count() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._stopping.set()
        session = self._session
        if session is not None:
            session.end()
        for thread in self._threads:
            thread.join(timeout=10)

    def find_clock_offset_ns(self) -> int:
        """Return this machine's clock minus the collector's, also when it was set since; 0 before the first answer."""
        if self._collector_clock is None:
            return 0
        said_ns, running_ns = self._collector_clock
        return time.time_ns() - (said_ns + read_running_ns() - running_ns)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started_s = time.monotonic()
            problem, pause_s = self._try()
            if self._stopping.is_set():
                return
            self._set_state(replace(self.state, is_connected=False, problem=problem))
            if pause_s < 0:
                return
            failures = 0 if time.monotonic() - started_s > BACKOFF_MAX_S else failures + 1
            limit_s = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** min(failures - 1, 10)) if failures else BACKOFF_BASE_S
            self._stopping.wait(max(pause_s, random.uniform(0, limit_s)))  # noqa: S311 - jitter, not a secret

    def _try(self) -> tuple[str, float]:
        """Serve a stream, or tell that the chain is broken; return what is wrong then and how long to wait at least.

        Less than 0: there is nothing more to do.
        """
        try:
            return self._serve_or_tell()
        except Exception as error:
            # A bug must not end the thread that everything waits for: events are kept, and it tries again.
            log.exception("an error in the uplink")
            return f"an error in the agent: {type(error).__name__}", 0.0

    def _serve_or_tell(self) -> tuple[str, float]:
        import grpc

        try:
            if self._broken is not None:
                pause_s = self._tell.broken(self._broken)
                wait = f"; it was so a short while ago, and waits for {pause_s:.0f} seconds" if pause_s else ""
                return self._broken.to_text() + wait, pause_s or -1.0
            if self._unwelcomed >= GO_BACK_AFTER:
                self._unwelcomed = 0
                self._keep(self._tell.go_back)
            self._unwelcomed += 1
            self._serve_one_stream()
        except ChainBrokenError as error:
            log.warning("%s", error)
            self._broken = error.found
            return error.message, 0.0
        except RefusedError as error:
            return error.message, REFUSED_PAUSE_S
        except EnrolmentError as error:
            # Looked at afresh: the collector may have heard or lost something since.
            self._broken = None
            return error.message, NOT_ADMITTED_PAUSE_S
        except grpc.RpcError as error:
            self._is_refused = is_certificate_refused(error)
            return explain_error(error, self._identity.events_address, self._identity.ca_certificate_pem), 0.0
        except SchoolwardenError as error:
            return error.message, 0.0
        except OSError as error:
            # Nothing on this path but the disk: what is wrong with the network, gRPC says.
            log.error("what the line has to keep cannot be kept: %s", error)
            return explain_disk(error), REFUSED_PAUSE_S
        return "the collector ended the connection", 0.0

    def _keep_renewed(self) -> None:
        while not self._stopping.wait(RENEWAL_EVERY_S):
            try:
                self._keep(lambda: self._tell.renew(self.find_clock_offset_ns()))
            except SchoolwardenError as error:
                log.error("%s", error)
            except Exception:
                # A certificate that nobody renews ends the line months later, when nobody knows why any more.
                log.exception("an error in the renewal")

    def _keep(self, ask: Callable[[], Identity | None]) -> None:
        """Ask for another identity and keep it if there is one. One thread at a time: an older answer that is kept
        after a newer one would take back whom we trust."""
        with self._asking:
            self._identity = ask() or self._identity

    def _serve_one_stream(self) -> None:
        import grpc

        self._keep(lambda: self._tell.renew(self.find_clock_offset_ns(), is_refused=self._is_refused))
        self._is_refused = False
        with open_device_channel(self._identity) as channel:
            method = channel.stream_stream(
                f"/{EVENTS_SERVICE}/{EVENTS_METHOD}",
                request_serializer=AgentMessage.SerializeToString,
                response_deserializer=CollectorMessage.FromString,
            )
            self._session = session = Exchange(self._identity, self._spool, boot_id=self._boot_id)
            if self._stopping.is_set():
                return
            answers = method(session.requests(self._make_hello()))
            session.cancel_call = answers.cancel
            watchdog = threading.Timer(WELCOME_TIMEOUT_S, answers.cancel)
            watchdog.start()
            try:
                for answer in answers:
                    watchdog.cancel()
                    self._take(session, answer)
            except grpc.RpcError:
                if session.failure is None:
                    raise
            finally:
                watchdog.cancel()
                session.end()
                self._session = None
            if session.failure is not None:
                raise session.failure

    def _make_hello(self) -> Hello:
        head = self._spool.head(self._identity.epoch)
        return Hello(
            min_protocol=PROTOCOL,
            max_protocol=PROTOCOL,
            agent_version=self._agent_version,
            epoch=self._identity.epoch,
            bundle_version=self._bundle_version(),
            wall_clock_ns=time.time_ns(),
            head_seq=head.seq,
            trust_version=self._identity.trust_version,
            boot_id=self._boot_id,
        )

    def _take(self, session: Exchange, answer: CollectorMessage) -> None:
        now_ns = time.time_ns()
        kind = answer.WhichOneof("message")
        if kind == "welcome":
            self._unwelcomed = 0
            self._collector_clock = answer.welcome.server_time_ns, read_running_ns()
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
        elif kind == "trust":
            self._keep(lambda: self._tell.trust(answer.trust))

    def _set_state(self, state: LineState) -> None:
        self.state = state
        self._tell.state(state)
