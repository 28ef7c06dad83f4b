# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's line when nobody answers, somebody else does, or the line begins or ends; and of enrolment."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import CollectorUnreachableError, EnrolmentError, KeyStoreError
from agent.uplink import line as line_module
from agent.uplink.calls import enrol
from collector.authority import load_authority, make_authority
from proto.wire import CollectorMessage, EnrolReply, EnrolRequest
from tests.agent.collector import FakeCollector
from tests.agent.line import (
    DEADLINE_S,
    Line,
    Messages,
    ScriptedCollector,
    make_device,
    take_all,
    to_ack,
    to_welcome,
    wait_for,
)

# Collectors that do not answer


def test_silent_collector_is_left(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the connection and says nothing is not waited for without end."""
    monkeypatch.setattr(line_module, "WELCOME_TIMEOUT_S", 0.3)
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
    wait_for(lambda: "nothing listens at 127.0.0.1:1: check that it runs" in line.problem, "the words")


def test_name_that_nobody_knows_is_told(line: Line) -> None:
    """A name that cannot be resolved is another problem than a machine that is off."""
    line.connect("collector.invalid:7443", line.bundles.append)
    wait_for(lambda: "the name collector.invalid cannot be resolved" in line.problem, "the words")


def test_other_collector_at_the_address_is_told(line: Line, tmp_path: Path) -> None:
    """Whoever answers with another CA's certificate gets nothing, and is named as a stranger."""
    make_authority(tmp_path / "other")
    line.record(1)
    with ScriptedCollector(load_authority(tmp_path / "other"), take_all) as stranger:
        line.connect(stranger.events_address, line.bundles.append)
        wait_for(
            lambda: "is not the collector that this machine was enrolled with" in line.problem,
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
    uplink._tell.state = lambda state: states.append(state.is_connected)
    may_end.set()
    wait_for(lambda: False in states, "the end to be told")


def test_keys_that_do_not_answer_are_the_problem(line: Line) -> None:
    """A TPM that fails in the middle of a stream is told in its own words; nothing is lost, and it tries again."""

    class Failing:
        algorithm, public_key = line.identity.signer.algorithm, line.identity.signer.public_key

        def sign(self, message: bytes) -> bytes:
            raise KeyStoreError("the TPM does not answer")

    keys = line.identity.keys
    signer, keys.signer = keys.signer, Failing()
    line.record(3)
    line.start(take_all)
    wait_for(lambda: line.problem == "the TPM does not answer", "the words")
    assert line.spool.count() == 3
    keys.signer = signer
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


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
    assert not any(thread.is_alive() for thread in uplink._threads)


def test_stop_does_not_wait_for_a_collector_that_is_away(line: Line) -> None:
    """An agent can always be stopped; what waits is kept."""
    line.record(5)
    line.connect("127.0.0.1:1", line.bundles.append)
    assert line.uplink is not None
    line.uplink.stop(flush_s=DEADLINE_S)
    assert not any(thread.is_alive() for thread in line.uplink._threads)
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
