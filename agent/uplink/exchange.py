# SPDX-License-Identifier: Apache-2.0
"""What one stream has sent and what of it is answered: the rules of the exchange, without the network.

    goes on      envelopes are sent ahead, oldest first; what is durable at the collector is forgotten
    goes back    after a refusal nothing is sent until all that is under way was answered, then again from one number
    finds out    one small envelope at a time: which events does the collector hold, or which one can it not take?
    ends         the chain cannot go on: `ChainBrokenError` says why

`line` opens the stream and carries the messages, `comparison` judges the welcome; the spool keeps the events until they
are durable elsewhere, and what has to happen to a chain that is broken is the business of `agent.succession`.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from agent.errors import AgentError, CollectorUnreachableError
from agent.identity import Identity
from agent.spool import Head, Spool, SpooledEvent
from agent.uplink.comparison import COLLECTOR_RESTORED, QUARANTINED, RESET, Break, Case, ChainBrokenError, compare
from proto.enrolment import FORKED, ROLLED_BACK
from proto.envelope import make_envelope
from proto.events import AgentRekeyed, ChainRestarted
from proto.wire import AgentMessage, Envelope, Hello, Refusal, Welcome, decode_header

log = logging.getLogger(__name__)

ENVELOPE_MAX_EVENTS = 100
ENVELOPE_MAX_BYTES = 1024 * 1024
MAX_UNANSWERED = 8
REWOUND_AT_MOST = 3
BUSY_BASE_S = 1.0
BUSY_MAX_S = 30.0

_POISONED = frozenset(
    (Refusal.REASON_MALFORMED, Refusal.REASON_BAD_CHAIN, Refusal.REASON_TOO_LARGE, Refusal.REASON_BAD_SIGNATURE)
)
"""Refusals that may be one event's fault."""
_OPENINGS = (AgentRekeyed.kind, ChainRestarted.kind)
"""Events that begin a chain. If one of these is refused it is not its fault, and leaving it out helps nobody."""
MOST_RESETS = 100_000
"""How many epochs a machine that is set back again and again may be behind. Further, and the number is made up: to go
after it would use up the numbers there are, and a device of its own begins at 1."""


class RefusedError(CollectorUnreachableError):
    """The collector will not take our events; sending the same again does not help."""


class Exchange:
    """What one stream has sent and what of it is answered."""

    def __init__(
        self, identity: Identity, spool: Spool, *, boot_id: bytes = b"", clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._identity = identity
        self._spool = spool
        self._boot_id = boot_id
        self._clock_s = clock_s
        self._sent_seq: int | None = None
        """None until the welcome, and while it goes back."""
        self._seen_seq = 0
        """The newest that the collector can have: what it says of later ones is not true."""
        self._back_to: int | None = None
        """Where it goes on once all that is under way was answered."""
        self._unanswered: deque[tuple[int, int]] = deque()
        """First and last number of each envelope under way."""
        self._rewound = 0
        self._most_events = ENVELOPE_MAX_EVENTS
        self._alone_until = 0
        """Up to this number one envelope is under way at a time."""
        self._found: Break | None = None
        """What the chain ends with once it is known what the collector holds of it, up to `_alone_until`."""
        self._is_growing = False
        self._not_before_s = 0.0
        self._busy_s = BUSY_BASE_S
        self._events_per_s = 0
        self._is_ended = False
        self.failure: AgentError | None = None
        """What ended it from our side."""
        self.cancel_call: Callable[[], Any] = lambda: None

    def requests(self, hello: Hello) -> Iterator[AgentMessage]:
        """Yield the hello, then envelopes as the spool has them and the collector answers. Runs in grpc's thread."""
        yield AgentMessage(hello=hello)
        try:
            while (events := self._wait_for_next()) is not None:
                yield AgentMessage(envelope=self._make_envelope(events))
        except AgentError as error:
            # From here it would end the call without words: keys that do not answer, a queue that cannot be read.
            self.failure = error
            self.end()

    def take_welcome(self, welcome: Welcome) -> None:
        """Begin where the collector's record of this machine ends, or find out why that is not possible.

        Raises:
            ChainBrokenError: the chain cannot go on.
        """
        epoch = self._identity.epoch
        begin, head = self._spool.begin(epoch), self._spool.head(epoch)
        theirs = Head(welcome.head_epoch, welcome.head_seq, welcome.head_hash)
        case = compare(begin, head, theirs, self._spool.find_hash)
        log.debug("the collector's record of this machine: %s", case.value)
        with self._spool.changed:
            self._events_per_s = welcome.max_events_per_s
            if case is Case.GOES_ON:
                self._sent_seq = theirs.seq if theirs.epoch == epoch else 0
                self._seen_seq = self._sent_seq
                self._spool.acknowledge(self._sent_seq)
            elif case is Case.FORGOTTEN:
                lost_first = theirs.seq + 1 if theirs.epoch == epoch else 1
                raise ChainBrokenError(
                    Break(
                        reason=COLLECTOR_RESTORED,
                        collector_epoch=theirs.epoch,
                        lost_first_seq=lost_first,
                        lost_last_seq=begin.seq,
                    )
                )
            elif welcome.is_reset_often and theirs.epoch - epoch <= MOST_RESETS:
                # What this boot made the collector cannot hold; to send it would only look like a second machine.
                self._find_out(Break(reason=RESET, collector_epoch=theirs.epoch), self._find_last_of_image(begin.seq))
            else:
                self._find_out(Break(reason=ROLLED_BACK, collector_epoch=theirs.epoch), head.seq)
            self._spool.changed.notify_all()

    def take_ack(self, epoch: int, last_seq: int) -> None:
        """Forget what is durable at the collector.

        Raises:
            ChainBrokenError: now it is known what the collector holds of a chain that cannot go on.
        """
        if epoch != self._identity.epoch:
            return
        # Nobody makes us forget what he never got.
        last_seq = min(last_seq, self._seen_seq)
        self._spool.acknowledge(last_seq)
        with self._spool.changed:
            while self._unanswered and self._unanswered[0][1] <= last_seq:
                self._unanswered.popleft()
            self._busy_s = BUSY_BASE_S
            if last_seq >= self._alone_until:
                self._end_if_found()
                self._most_events = ENVELOPE_MAX_EVENTS
            elif self._is_growing:
                self._most_events = min(2 * self._most_events, ENVELOPE_MAX_EVENTS)
            self._go_back_if_answered()
            self._spool.changed.notify_all()

    def take_refusal(self, refusal: Refusal) -> None:
        """Go back to where the collector wants us, send less at once, or give up for now.

        Raises:
            ChainBrokenError: the chain cannot go on.
            RefusedError: the same events would be refused again.
        """
        with self._spool.changed:
            sent = (0, 0)
            while self._unanswered and self._unanswered[0][0] <= refusal.first_seq:
                sent = self._unanswered.popleft()
            # What was under way behind an envelope that was refused cannot be taken either.
            if self._back_to is None:
                self._judge(refusal, *sent)
            self._go_back_if_answered()
            self._spool.changed.notify_all()

    def end(self) -> None:
        """Let `requests` return and the call end."""
        with self._spool.changed:
            self._is_ended = True
            self._spool.changed.notify_all()
        self.cancel_call()

    def _wait_for_next(self) -> list[SpooledEvent] | None:
        """Return what to send next once there is something, and count it as sent; None at the end."""
        changed = self._spool.changed
        with changed:
            while not self._is_ended and not (events := self._take_next()):
                pause_s = self._not_before_s - self._clock_s()
                changed.wait(pause_s if pause_s > 0 else None)
            if self._is_ended:
                return None
            self._sent_seq = events[-1].seq
            self._seen_seq = max(self._seen_seq, events[-1].seq)
            self._unanswered.append((events[0].seq, events[-1].seq))
            if self._events_per_s:
                now_s = self._clock_s()
                self._not_before_s = max(self._not_before_s, now_s) + len(events) / self._events_per_s
            return events

    def _judge(self, refusal: Refusal, first_seq: int, last_seq: int) -> None:
        """Find what to do about a refusal of an envelope that was sent with these numbers."""
        count = last_seq - first_seq + 1
        if refusal.first_seq != first_seq:
            raise RefusedError(f"the collector refused what it was not sent: {_to_words(refusal)}")
        if refusal.reason == Refusal.REASON_BUSY:
            pause_s = random.uniform(self._busy_s / 2, self._busy_s)  # noqa: S311 - jitter, not a secret
            self._not_before_s = self._clock_s() + pause_s
            self._busy_s = min(2 * self._busy_s, BUSY_MAX_S)
            self._back_to = first_seq - 1
        elif refusal.reason == Refusal.REASON_OUT_OF_ORDER and self._rewound < REWOUND_AT_MOST and refusal.expected_seq:
            self._rewound += 1
            self._back_to = refusal.expected_seq - 1
        elif refusal.reason == Refusal.REASON_FORKED and self._found is None:
            found = Break(reason=FORKED, collector_epoch=refusal.epoch, detail=refusal.detail)
            if count == 1:
                raise ChainBrokenError(found)
            self._find_out(found, self._spool.head(self._identity.epoch).seq)
        elif refusal.reason == Refusal.REASON_FORKED and count == 1:
            raise ChainBrokenError(Break(reason=FORKED, detail=refusal.detail))
        elif count > 1 and (refusal.reason in _POISONED or refusal.reason == Refusal.REASON_FORKED):
            self._is_growing = False
            self._most_events = count // 2
            self._alone_until = max(self._alone_until, last_seq)
            self._back_to = first_seq - 1
        elif refusal.reason in _POISONED and self._found is not None:
            # It parted right before this event, or never took it: neither this nor a later one is held there.
            raise ChainBrokenError(self._found)
        elif refusal.reason in _POISONED and not self._is_opening(first_seq):
            raise ChainBrokenError(Break(reason=QUARANTINED, quarantined_seq=first_seq, detail=_to_words(refusal)))
        else:
            raise RefusedError(f"the collector refused events {first_seq} to {last_seq}: {_to_words(refusal)}")

    def _find_out(self, found: Break, last_seq: int) -> None:
        """Send what waits up to a number, little at a time: what the collector holds of it is not told again."""
        log.warning("%s", found.to_text())
        self._found = found
        self._alone_until = last_seq
        self._most_events, self._is_growing = 1, True
        self._back_to = begin_seq = self._spool.begin(self._identity.epoch).seq
        if begin_seq >= last_seq:
            self._end_if_found()
        self._go_back_if_answered()

    def _end_if_found(self) -> None:
        if self._found is not None:
            raise ChainBrokenError(self._found)

    def _find_last_of_image(self, begin_seq: int) -> int:
        """Return the last of the oldest events that wait and were not made since this machine was started."""
        last_seq = begin_seq
        while events := self._spool.peek(last_seq, max_events=ENVELOPE_MAX_EVENTS, max_bytes=ENVELOPE_MAX_BYTES):
            for event in events:
                if decode_header(event.header).boot_id == self._boot_id:
                    return last_seq
                last_seq = event.seq
        return last_seq

    def _is_opening(self, seq: int) -> bool:
        events = self._spool.peek(seq - 1, max_events=1, max_bytes=ENVELOPE_MAX_BYTES)
        return not events or events[0].kind in _OPENINGS

    def _go_back_if_answered(self) -> None:
        if self._back_to is not None:
            self._sent_seq = None
            if not self._unanswered:
                self._sent_seq, self._back_to = self._back_to, None

    def _take_next(self) -> list[SpooledEvent]:
        """Return what to send next; nothing before the welcome, while it goes back, or too much is unanswered."""
        if self._sent_seq is None or self._clock_s() < self._not_before_s:
            return []
        is_alone = self._sent_seq < self._alone_until
        most_events = self._most_events
        if self._found is not None:
            most_events = min(most_events, self._alone_until - self._sent_seq)
        if most_events < 1 or len(self._unanswered) >= (1 if is_alone else MAX_UNANSWERED):
            return []
        return self._spool.peek(self._sent_seq, max_events=most_events, max_bytes=ENVELOPE_MAX_BYTES)

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


def _to_words(refusal: Refusal) -> str:
    known = refusal.reason in Refusal.Reason.values()
    reason = Refusal.Reason.Name(refusal.reason).removeprefix("REASON_") if known else "for a newer reason"
    return f"{reason.replace('_', ' ').lower()}, {refusal.detail}"
