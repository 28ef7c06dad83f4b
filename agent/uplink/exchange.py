# SPDX-License-Identifier: Apache-2.0
"""What one stream has sent and what of it is answered: the rules of the exchange, without the network.

`line` opens the stream and carries the messages; the spool keeps the events until they are durable elsewhere.
"""

import logging
import queue
from collections.abc import Callable, Iterator
from typing import Any

from agent.errors import CollectorUnreachableError
from agent.identity import Identity
from agent.spool import Spool, SpooledEvent
from proto.envelope import make_envelope
from proto.wire import AgentMessage, Envelope, Hello, Refusal, Welcome

log = logging.getLogger(__name__)

ENVELOPE_MAX_EVENTS = 100
ENVELOPE_MAX_BYTES = 1024 * 1024
MAX_UNANSWERED = 8


class RefusedError(CollectorUnreachableError):
    """The collector will not take our events; sending the same again does not help."""


class Exchange:
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
