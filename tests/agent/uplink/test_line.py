# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's line to its collector, over real gRPC and TLS, with a collector that says what a test wants.

What comes down beside the answers is in `test_line_told`, a collector that is away, or is none, in `test_line_away`.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.errors import AgentError, CollectorUnreachableError, EnrolmentError
from agent.recorder import Record, Recorder
from agent.uplink.comparison import QUARANTINED, Break
from agent.uplink.exchange import ENVELOPE_MAX_EVENTS, MAX_UNANSWERED
from proto.enrolment import FORKED
from proto.envelope import open_envelope
from proto.events import AgentStopped
from proto.keys import to_verifier
from proto.wire import CollectorMessage, Refusal
from tests.agent.line import (
    DEADLINE_S,
    Line,
    Messages,
    numbers_of,
    take_all,
    to_ack,
    to_refusal,
    to_welcome,
    wait_for,
)

# Sending


def test_what_waits_is_sent_oldest_first_and_forgotten(line: Line) -> None:
    """In envelopes of bounded size that verify, after a hello that says who is there."""
    line.record(2 * ENVELOPE_MAX_EVENTS + 5)
    collector = line.start(take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    hello, *messages = collector.received[0]
    assert (hello.hello.epoch, hello.hello.bundle_version, hello.hello.agent_version) == (1, 7, "0.1.0")
    assert numbers_of(messages) == [(1, 100), (101, 200), (201, 205)]
    verifier = to_verifier(line.identity.signer.algorithm, line.identity.signer.public_key)
    previous = bytes(32)
    for message in messages:
        previous = open_envelope(message.envelope, verifier, previous).hashes[-1]
    assert previous == line.spool.head(1).hash


def test_large_events_go_in_smaller_envelopes(line: Line) -> None:
    """No envelope holds more than a megabyte, unless one event does."""
    events = [Record(AgentStopped("x" * 400_000), 1) for _ in range(5)]
    line.recorder.record(events, bundle_version=1)
    collector = line.start(take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert numbers_of(collector.received[0]) == [(1, 2), (3, 4), (5, 5)]


def test_new_events_are_sent_at_once(line: Line) -> None:
    """A line that is open carries what is recorded later."""
    line.start(take_all)
    for number in range(1, 6):
        line.record(1)
        wait_for(lambda: line.spool.count() == 0, f"event {number} to be sent")
    assert line.spool.head(1).seq == 5


def test_nothing_is_forgotten_without_an_acknowledgement(line: Line) -> None:
    """A collector that takes everything and says nothing gets it all again on the next stream."""

    def say_nothing(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        next(messages)

    line.record(5)
    collector = line.start(say_nothing, say_nothing, take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert [numbers_of(stream) for stream in collector.received] == [[(1, 5)]] * 3


def test_only_what_was_acknowledged_is_forgotten(line: Line) -> None:
    """The rest is sent again, from where the collector's record ends."""
    line.record(250)
    digest = [line.spool.find_hash(100) or b""]

    def take_first(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        next(messages)
        yield to_ack(100)

    def go_on(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(1, 100, digest[0])
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    collector = line.start(take_first, go_on)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert numbers_of(collector.received[1]) == [(101, 200), (201, 250)]


def test_acknowledgement_of_another_chain_is_no_reason_to_forget(line: Line) -> None:
    """Only an answer about this epoch counts."""
    heard = threading.Event()

    def acknowledge_wrongly(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        next(messages)
        yield to_ack(3, epoch=2)
        heard.set()
        next(messages, None)

    line.record(3)
    line.start(acknowledge_wrongly)
    assert heard.wait(DEADLINE_S)
    line.record(1)
    assert line.spool.count() == 4


def test_no_more_is_sent_than_may_be_unanswered(line: Line) -> None:
    """A slow collector is not flooded; when it answers, the rest follows."""
    may_answer = threading.Event()

    def answer_late(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        sent = [next(messages).envelope.last_seq for _ in range(MAX_UNANSWERED)]
        may_answer.wait(DEADLINE_S)
        yield to_ack(sent[-1])
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    line.record((MAX_UNANSWERED + 4) * ENVELOPE_MAX_EVENTS)
    collector = line.start(answer_late)
    wait_for(lambda: collector.received and len(collector.received[0]) == 1 + MAX_UNANSWERED, "the first envelopes")
    time.sleep(0.3)  # More would have come by now.
    assert len(collector.received[0]) == 1 + MAX_UNANSWERED
    may_answer.set()
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


# Where to begin


def test_collector_that_has_it_all_gets_nothing_twice(line: Line) -> None:
    """The answers were lost on the way: what the collector holds is forgotten without being sent."""
    line.record(10)
    digest = line.spool.find_hash(8) or b""

    def knows_eight(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(1, 8, digest)
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    collector = line.start(knows_eight)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert numbers_of(collector.received[0]) == [(9, 10)]


@pytest.mark.parametrize(("epoch", "seq", "digest"), [(1, 2, b"\x01" * 32), (1, 9, b"\x01" * 32), (2, 1, b"\x01" * 32)])
def test_collector_with_another_record_has_the_chain_mended(line: Line, epoch: int, seq: int, digest: bytes) -> None:
    """The refusal of one event is the evidence at the other end; whoever mends chains is told, and no more is sent."""

    def fork(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(epoch, seq, digest)
        yield to_refusal(Refusal.REASON_FORKED, next(messages))

    line.record(4)
    collector = line.start(fork)
    wait_for(lambda: line.breaks, "the break")
    wait_for(lambda: "two machines speak" in line.problem, "the words")
    assert numbers_of(collector.received[0]) == [(1, 1)]
    assert (line.breaks[0].reason, line.breaks[0].detail, line.spool.count()) == (FORKED, "said the test", 4)
    assert len(collector.received) == 1


def test_break_that_cannot_be_mended_yet_is_told_again(line: Line) -> None:
    """The collector that should admit a successor may be away; nothing is sent until it answers, and it says so."""
    answers: list[float | AgentError] = [CollectorUnreachableError("nobody answers"), 0.01, EnrolmentError("not yet")]

    def mend(found: Break) -> float:
        answer = answers.pop(0) if answers else 0.0
        if isinstance(answer, AgentError):
            raise answer
        return answer

    def fork(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(1, 9, b"\x01" * 32)
        yield to_refusal(Refusal.REASON_FORKED, next(messages))

    line.record(1)
    line.on_broken = mend
    collector = line.start(fork)
    wait_for(lambda: len(line.breaks) == 4, "the fourth time")
    assert len(collector.received) == 2, "after it was not admitted it looks afresh"


def test_new_chain_begins_at_its_beginning(line: Line) -> None:
    """The collector's record is of the chain before: everything of the new one is sent."""

    def knows_old_chain(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(1, 500, b"\x01" * 32)
        for message in messages:
            yield to_ack(message.envelope.last_seq, epoch=2)

    line.identity = replace(line.identity, epoch=2)
    line.recorder = Recorder(line.identity, line.spool, bytes(16))
    line.record(3)
    collector = line.start(knows_old_chain)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert numbers_of(collector.received[0]) == [(1, 3)]


# Refusals


def test_gap_is_mended_at_once(line: Line) -> None:
    """However much was on its way when the collector asked for an earlier number, one step back is enough."""

    def lose_the_second(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield to_ack(next(messages).envelope.last_seq)
        expected = next(messages).envelope.first_seq
        for message in messages:
            if message.envelope.first_seq != expected:
                yield to_refusal(Refusal.REASON_OUT_OF_ORDER, message, expected)
                continue
            expected = message.envelope.last_seq + 1
            yield to_ack(message.envelope.last_seq)

    line.record((MAX_UNANSWERED + 4) * ENVELOPE_MAX_EVENTS)
    collector = line.start(lose_the_second)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert len(collector.received) == 1


def test_gap_that_cannot_be_mended_is_told(line: Line) -> None:
    """A collector that asks for what nobody has any more is not asked without end."""

    def ask_for_more(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        for message in messages:
            yield to_refusal(Refusal.REASON_OUT_OF_ORDER, message, 1)

    line.record(3)
    collector = line.start(ask_for_more)
    wait_for(lambda: "out of order, said the test" in line.problem, "the problem to be told")
    wait_for(lambda: len(collector.received) > 1, "another attempt")
    assert line.spool.count() == 3


@pytest.mark.parametrize(
    ("reason", "words"), [(Refusal.REASON_WRONG_DEVICE, "wrong device"), (99, "for a newer reason")]
)
def test_refusal_is_told_in_words_and_nothing_is_forgotten(line: Line, reason: "Refusal.Reason", words: str) -> None:
    """Sending the same again would not help, so it waits; the events stay, and it tries again later."""

    def refuse(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield to_refusal(reason, next(messages))

    line.record(3)
    line.start(refuse, refuse, take_all)
    wait_for(
        lambda: f"refused events 1 to 3: {words}, said the test" in line.problem or line.spool.count() == 0, "the words"
    )
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


@pytest.mark.parametrize(
    "reason",
    [
        Refusal.REASON_BAD_SIGNATURE,
        Refusal.REASON_BAD_CHAIN,
        Refusal.REASON_MALFORMED,
        Refusal.REASON_TOO_LARGE,
    ],
)
def test_what_may_be_one_events_fault_is_tried_in_smaller_envelopes(line: Line, reason: "Refusal.Reason") -> None:
    """Until one event is refused alone: whoever mends chains learns which, and nothing is forgotten before."""

    def refuse(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        for message in messages:
            yield to_refusal(reason, message)

    line.record(3)
    collector = line.start(refuse)
    wait_for(lambda: line.breaks, "the break")
    assert numbers_of(collector.received[0]) == [(1, 3), (1, 1)]
    assert (line.breaks[0].reason, line.breaks[0].quarantined_seq, line.spool.count()) == (QUARANTINED, 1, 3)
