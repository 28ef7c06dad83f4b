# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's line to its collector, over real gRPC and TLS, with a collector that says what a test wants."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import uplink as uplink_module
from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.identity import Identity
from agent.recorder import Recorder
from agent.spool import Spool
from agent.uplink import ENVELOPE_MAX_EVENTS, MAX_UNANSWERED, Uplink, enrol
from collector.authority import Authority, load_authority, make_authority
from proto.envelope import open_envelope
from proto.events import AgentStopped
from proto.keys import to_verifier
from proto.wire import AgentMessage, Bundle, CollectorMessage, EnrolReply, EnrolRequest, Refusal
from tests.agent.collector import FakeCollector
from tests.agent.line import (
    Messages,
    Script,
    ScriptedCollector,
    make_device,
    take_all,
    to_ack,
    to_refusal,
    to_welcome,
)

DEADLINE_S = 60.0


class Line:
    """A device's queue and its uplink to a scripted collector."""

    def __init__(self, folder: Path, authority: Authority, identity: Identity) -> None:
        self.authority = authority
        self.identity = identity
        self.spool = Spool(folder / "spool.db", identity.spool_key)
        self.recorder = Recorder(identity, self.spool, bytes(16))
        self.bundles: list[Bundle] = []
        self.uplink: Uplink | None = None
        self.collector: ScriptedCollector | None = None

    def record(self, number: int) -> None:
        """Put events into the queue."""
        self.recorder.record([(AgentStopped(f"event {each}"), 1) for each in range(number)], bundle_version=1)

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
            on_bundle=on_bundle,
        )
        self.uplink.start()

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


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A device whose pauses are short."""
    monkeypatch.setattr(uplink_module, "BACKOFF_BASE_S", 0.05)
    monkeypatch.setattr(uplink_module, "REFUSED_PAUSE_S", 0.05)
    line = Line(tmp_path, *make_device(tmp_path, FakeCollector()))
    yield line
    line.close()


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
    events = [(AgentStopped("x" * 400_000), 1) for _ in range(5)]
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
def test_collector_with_another_record_gets_everything(line: Line, epoch: int, seq: int, digest: bytes) -> None:
    """It is an old copy of this machine, or there are two of it: what it has is sent, since the refusal is evidence."""

    def fork(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(epoch, seq, digest)
        yield to_refusal(Refusal.REASON_FORKED, next(messages))

    line.record(4)
    collector = line.start(fork)
    wait_for(lambda: "forked" in line.problem, "the refusal")
    assert numbers_of(collector.received[0]) == [(1, 4)]
    assert line.spool.count() == 4


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
    ("reason", "words"),
    [
        (Refusal.REASON_FORKED, "forked"),
        (Refusal.REASON_BAD_SIGNATURE, "bad signature"),
        (Refusal.REASON_BAD_CHAIN, "bad chain"),
        (Refusal.REASON_WRONG_DEVICE, "wrong device"),
        (Refusal.REASON_MALFORMED, "malformed"),
        (Refusal.REASON_TOO_LARGE, "too large"),
    ],
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


# Policies


def test_policy_is_handed_on(line: Line) -> None:
    """A bundle that comes down is given to whoever decides about it, in between the answers."""

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(bundle=Bundle(version=9, body=b"x"))
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    line.record(1)
    line.start(push)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert [bundle.version for bundle in line.bundles] == [9]


def test_bug_beyond_the_line_does_not_end_it(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with a policy, the thread that sends lives on and says that something is wrong."""

    def fail(bundle: Bundle) -> None:
        raise ZeroDivisionError

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(bundle=Bundle(version=9))
        next(messages, None)

    line.start(push, take_all, on_bundle=fail)
    wait_for(lambda: "an error in the uplink" in caplog.text, "the error to be told")
    line.record(1)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


# Collectors that do not answer


def test_silent_collector_is_left(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the connection and says nothing is not waited for without end."""
    monkeypatch.setattr(uplink_module, "WELCOME_TIMEOUT_S", 0.3)
    ended = threading.Event()

    def say_nothing(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        ended.wait(DEADLINE_S)
        yield from ()

    line.record(1)
    line.start(say_nothing, take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    ended.set()


def test_answer_that_cannot_be_read_ends_the_stream_only(line: Line) -> None:
    """Garbage from the other side is a reason to begin again, not to die."""

    def babble(messages: Messages) -> Iterator[CollectorMessage | bytes]:
        next(messages)
        yield to_welcome()
        yield b"\xff\xff\xff\xff"

    line.record(1)
    line.start(babble, babble, take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


def test_answer_of_a_later_version_is_ignored(line: Line) -> None:
    """A message of a kind that this version does not know is no error."""

    def say_something_new(messages: Messages) -> Iterator[CollectorMessage | bytes]:
        next(messages)
        yield to_welcome()
        yield b"\xfa\x01\x03new"
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    line.record(1)
    collector = line.start(say_something_new)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert len(collector.received) == 1


def test_nobody_there_is_told(line: Line) -> None:
    """In words that a technician can act on."""
    line.connect("127.0.0.1:1", line.bundles.append)
    wait_for(lambda: line.problem == "nothing listens at the address", "the words")


def test_name_that_nobody_knows_is_told(line: Line) -> None:
    """A name that cannot be resolved is another problem than a machine that is off."""
    line.connect("collector.invalid:7443", line.bundles.append)
    wait_for(lambda: line.problem == "the name cannot be resolved", "the words")


def test_other_collector_at_the_address_is_told(line: Line, tmp_path: Path) -> None:
    """Whoever answers with another CA's certificate gets nothing, and is named as a stranger."""
    make_authority(tmp_path / "other")
    line.record(1)
    with ScriptedCollector(load_authority(tmp_path / "other"), take_all) as stranger:
        line.connect(stranger.events_address, line.bundles.append)
        wait_for(
            lambda: line.problem == "what answers there is not the collector that this machine was enrolled with",
            "the words",
        )
        assert stranger.received == []
    assert line.spool.count() == 1


def test_state_follows_the_line(line: Line) -> None:
    """Connected from the welcome on, with the difference of the clocks; not connected when it ends."""
    may_end = threading.Event()

    def welcome_and_wait(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        may_end.wait(DEADLINE_S)

    line.start(welcome_and_wait)
    assert line.uplink is not None
    uplink = line.uplink
    wait_for(lambda: uplink.state.is_connected, "the welcome")
    assert (uplink.state.problem, uplink.state.clock_offset_ns > 10**18) == ("", True)
    states: list[bool] = []
    uplink._on_state = lambda state: states.append(state.is_connected)
    may_end.set()
    wait_for(lambda: False in states, "the end to be told")


# Starting and stopping


def test_pauses_grow_with_jitter(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each limit is twice the one before, and the pause is anywhere below it."""
    limits: list[float] = []

    def choose(low: float, high: float) -> float:
        assert low == 0
        limits.append(high)
        return 0.0

    monkeypatch.setattr(random, "uniform", choose)
    line.connect("127.0.0.1:1", line.bundles.append)
    wait_for(lambda: len(limits) >= 5, "five attempts")
    assert limits[:5] == [0.05, 0.1, 0.2, 0.4, 0.8]


def test_stop_sends_what_waits_first(line: Line) -> None:
    """As long as it is allowed to take, and no longer."""
    line.start(take_all)
    assert line.uplink is not None
    uplink = line.uplink
    wait_for(lambda: uplink.state.is_connected, "the welcome")
    line.record(500)
    uplink.stop(flush_s=DEADLINE_S)
    assert line.spool.count() == 0
    assert not uplink._thread.is_alive()


def test_stop_does_not_wait_for_a_collector_that_is_away(line: Line) -> None:
    """An agent can always be stopped; what waits is kept."""
    line.record(5)
    line.connect("127.0.0.1:1", line.bundles.append)
    assert line.uplink is not None
    line.uplink.stop(flush_s=DEADLINE_S)
    assert not line.uplink._thread.is_alive()
    assert line.spool.count() == 5


# Enrolment


def test_enrolment_returns_what_the_collector_says(tmp_path: Path) -> None:
    """Over a connection that trusts the CA in the token and nobody else."""
    fake = FakeCollector()
    authority, _ = make_device(tmp_path, fake)

    def admit(request: EnrolRequest, context: object) -> EnrolReply:
        return EnrolReply(device_id="a" * 16, school_name=request.token_secret.hex())

    with ScriptedCollector(authority, take_all, enrol=admit) as collector:
        token = fake.make_token(ca_certificate=authority.certificate_der, enrol_address=collector.enrol_address)
        reply = enrol(token, EnrolRequest(token_secret=b"\x01"))
    assert (reply.device_id, reply.school_name) == ("a" * 16, "01")


@pytest.mark.parametrize("status", ["PERMISSION_DENIED", "INVALID_ARGUMENT"])
def test_refused_enrolment_says_why(tmp_path: Path, status: str) -> None:
    """The collector's words are the operator's answer, and a wrong call."""
    import grpc

    fake = FakeCollector()
    authority, _ = make_device(tmp_path, fake)

    def refuse(request: EnrolRequest, context: grpc.ServicerContext) -> EnrolReply:
        context.abort(grpc.StatusCode[status], "this token has expired")
        raise AssertionError

    with ScriptedCollector(authority, take_all, enrol=refuse) as collector:
        token = fake.make_token(ca_certificate=authority.certificate_der, enrol_address=collector.enrol_address)
        with pytest.raises(EnrolmentError, match="the collector refused: this token has expired") as caught:
            enrol(token, EnrolRequest())
    assert caught.value.exit_code == 2


def test_collector_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The token stays good, and the address is named."""
    fake = FakeCollector()
    authority, _ = make_device(tmp_path, fake)
    token = fake.make_token(ca_certificate=authority.certificate_der, enrol_address="127.0.0.1:1")
    with pytest.raises(CollectorUnreachableError, match=r"127\.0\.0\.1:1 does not answer: nothing listens") as caught:
        enrol(token, EnrolRequest())
    assert "the token stays good" in caught.value.hint


def test_secret_is_not_told_to_a_stranger(tmp_path: Path) -> None:
    """Whoever answers at the address without the CA of the token does not even see the request."""
    fake = FakeCollector()
    authority, _ = make_device(tmp_path / "mine", fake)
    make_authority(tmp_path / "other")
    asked: list[EnrolRequest] = []

    def listen(request: EnrolRequest, context: object) -> EnrolReply:
        asked.append(request)
        return EnrolReply()

    with ScriptedCollector(load_authority(tmp_path / "other"), take_all, enrol=listen) as stranger:
        token = fake.make_token(ca_certificate=authority.certificate_der, enrol_address=stranger.enrol_address)
        with pytest.raises(CollectorUnreachableError, match="is not the collector that this machine was enrolled"):
            enrol(token, EnrolRequest())
    assert asked == []
