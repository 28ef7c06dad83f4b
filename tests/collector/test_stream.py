# SPDX-License-Identifier: Apache-2.0
"""Tests of one device's stream, over the real wire: what is said first, what is answered, and how it ends."""

from collections.abc import Iterator

import grpc
import pytest
from sqlalchemy import event, select

from collector import ledger, stream
from collector.authority import Authority
from collector.devices import find_device
from collector.enrolment import revoke_device
from collector.server import MAX_MESSAGE_BYTES
from collector.store.engine import reading
from collector.store.schema import events, refused
from collector.stream import UNANSWERED_ENVELOPES
from proto.chain import GENESIS
from proto.envelope import MAX_ENVELOPE_BYTES, MAX_EVENTS
from proto.wire import PROTOCOL, AgentMessage, Hello
from tests.collector.evidence import (
    ORDINARY,
    TOR_STARTED,
    Device,
    enrol_device,
    incidents_of,
    reason_of,
    refused_of,
    spoil,
)
from tests.collector.line import Call, Listeners
from tests.collector.school import School


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


@pytest.fixture
def call(listeners: Listeners, device: Device) -> Iterator[Call]:
    """The device's open stream; nothing was said on it yet."""
    with listeners.call(device) as call:
        yield call


def message(device: Device, *contents) -> AgentMessage:
    """Return what a device says next, as a message."""
    return AgentMessage(envelope=device.say(*contents))


# The beginning


def test_hello_is_answered_with_where_the_chain_ends(school: School, call: Call, device: Device) -> None:
    """A device that never sent anything begins at the beginning, and learns what it may send at once."""
    welcome = call.say_hello()
    assert (welcome.protocol, welcome.head_epoch, welcome.head_seq, welcome.head_hash) == (PROTOCOL, 1, 0, GENESIS)
    assert (welcome.max_envelope_bytes, welcome.max_envelope_events) == (MAX_ENVELOPE_BYTES, MAX_EVENTS)


def test_device_that_comes_back_is_told_where_it_ended(listeners: Listeners, device: Device) -> None:
    """With epoch, number and hash, so that it can find out whether the record is its own."""
    with listeners.call(device) as first:
        first.say_hello()
        first.send(message(device, ORDINARY, ORDINARY))
        assert first.receive().ack.last_seq == 2
    with listeners.call(device) as second:
        welcome = second.say_hello()
        assert (welcome.head_epoch, welcome.head_seq, welcome.head_hash) == (1, 2, device.hash)


def test_hello_is_noted(school: School, call: Call, device: Device) -> None:
    """When the device was heard, and how far its clock is off; the policy it claims is at most the newest."""
    call.say_hello(wall_clock_ns=1)
    known = find_device(school.engine, school.id, device.id)
    assert known is not None
    assert known.clock_offset_ns < -(10**18)
    assert known.bundle_version == 1


def test_clock_of_a_hello_is_what_events_are_judged_by(listeners: Listeners, call: Call, device: Device) -> None:
    """With where the chain ended then: steps up to there are in what the clock says already."""
    call.say_hello(wall_clock_ns=1, epoch=1, head_seq=7)
    clock = listeners.server._ingest._clocks._known[device.id]
    assert (clock.is_trusted, clock.epoch, clock.seq) == (False, 1, 7)


@pytest.mark.parametrize("wall_clock_ns", [2**63 - 1, -(2**63)])
def test_clock_from_another_age_is_no_obstacle(call: Call, wall_clock_ns: int) -> None:
    """Evidence is never refused for a wrong clock."""
    assert call.say_hello(wall_clock_ns=wall_clock_ns).protocol == PROTOCOL


def test_envelope_before_the_hello_is_refused(school: School, call: Call, device: Device) -> None:
    """A stream begins with a hello; nothing that comes instead is stored."""
    call.send(message(device, TOR_STARTED))
    assert call.end() == (grpc.StatusCode.INVALID_ARGUMENT, "a stream begins with a hello")
    assert school.count(events) == 0


def test_second_hello_is_refused(call: Call) -> None:
    """Only envelopes follow the first."""
    call.say_hello()
    call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
    assert call.end() == (grpc.StatusCode.INVALID_ARGUMENT, "only envelopes follow a hello")


def test_silence_is_no_hello(call: Call) -> None:
    """A device that says nothing and goes is told the same."""
    call.finish()
    assert call.end() == (grpc.StatusCode.INVALID_ARGUMENT, "a stream begins with a hello")


@pytest.mark.parametrize(("oldest", "newest"), [(PROTOCOL + 1, PROTOCOL + 9), (0, 0), (PROTOCOL + 1, PROTOCOL - 1)])
def test_version_that_is_not_spoken_here_is_refused(call: Call, oldest: int, newest: int) -> None:
    """Both versions are named, and what to do."""
    call.send(AgentMessage(hello=Hello(min_protocol=oldest, max_protocol=newest)))
    status, words = call.end()
    assert status is grpc.StatusCode.FAILED_PRECONDITION
    assert words == (
        f"this collector speaks version {PROTOCOL}, the agent {oldest} to {newest}: update the older of the two"
    )


def test_version_in_between_is_spoken(call: Call) -> None:
    """An agent that speaks older and newer versions too is welcome."""
    assert call.say_hello(min_protocol=0, max_protocol=PROTOCOL + 5).protocol == PROTOCOL


# Answers


def test_envelopes_are_acknowledged_up_to_the_last(school: School, call: Call, device: Device) -> None:
    """Every envelope is covered by an acknowledgement, in order; several may be answered by one."""
    call.say_hello()
    for _ in range(50):
        call.send(message(device, ORDINARY, TOR_STARTED))
    acknowledged = [0]
    while acknowledged[-1] < 100:
        acknowledged.append(call.receive().ack.last_seq)
    assert acknowledged == sorted(set(acknowledged))
    assert (school.count(events), incidents_of(school)[0].count) == (100, 50)


def test_acknowledged_is_durable(school: School, call: Call, device: Device) -> None:
    """At the moment when the device learns it, another connection to the database sees it."""
    call.say_hello()
    for number in range(1, 6):
        call.send(message(device, ORDINARY))
        assert call.receive().ack.last_seq == number
        assert ledger.find_head(school.engine, device.id).seq == number


def test_refusal_says_why_and_the_stream_goes_on(school: School, call: Call, device: Device) -> None:
    """A gap is answered with the number that comes next, a bad signature with its reason; then all is well again."""
    call.say_hello()
    lost = message(device, ORDINARY)
    ahead = message(device, ORDINARY)
    call.send(ahead)
    refusal = call.receive().refusal
    assert (reason_of(refusal), refusal.expected_seq, refusal.first_seq) == ("out_of_order", 1, 2)
    call.send(AgentMessage(envelope=spoil(lost.envelope, signature=bytes(64))))
    assert reason_of(call.receive().refusal) == "bad_signature"
    call.send(lost)
    assert call.receive().ack.last_seq == 1
    call.send(ahead)
    assert call.receive().ack.last_seq == 2
    assert refused_of(school, device) == [("bad_signature", 1)]


def test_recorded_envelope_of_another_device_is_refused(
    school: School, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """What one device signed cannot be played back by another, also not by one that is enrolled."""
    recorded = message(device, TOR_STARTED)
    thief = enrol_device(school, authority, "library-02")
    with listeners.call(thief) as call:
        call.say_hello()
        call.send(recorded)
        assert reason_of(call.receive().refusal) == "wrong_device"
    assert (school.count(events), refused_of(school, thief)) == (0, [("wrong_device", 1)])
    assert [incident.device for incident in incidents_of(school)] == [thief.id]


def test_device_that_sends_without_reading_is_not_forgotten(school: School, call: Call, device: Device) -> None:
    """More envelopes than may be unanswered are stored all the same, and the last of them is acknowledged."""
    call.say_hello()
    sent = 10 * UNANSWERED_ENVELOPES
    for _ in range(sent):
        call.send(message(device, ORDINARY))
    call.finish()
    last = 0
    while last < sent:
        last = call.receive().ack.last_seq
    assert call.end() == (grpc.StatusCode.OK, "")
    assert school.count(events) == sent


def test_two_streams_of_one_device_store_everything_once(school: School, listeners: Listeners, device: Device) -> None:
    """A device that comes back while its old connection still hangs sends again what the old one carried."""
    sent = [message(device, TOR_STARTED) for _ in range(20)]
    with listeners.call(device) as old, listeners.call(device) as new:
        old.say_hello()
        new.say_hello()
        for each in sent:
            old.send(each)
            new.send(each)
        for call in (old, new):
            last = 0
            while last < 20:
                last = call.receive().ack.last_seq
    assert (school.count(events), incidents_of(school)[0].count) == (20, 20)
    assert refused_of(school, device) == []


# The end


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x0a\x05abc", bytes(70_000), b"\x12\x02\xff\xff"])
def test_garbled_message_is_kept(school: School, call: Call, device: Device, garbage: bytes) -> None:
    """What cannot be read ends the stream and is kept as it came, up to 64 KiB of it."""
    call.say_hello()
    call.send(garbage)
    status, words = call.end()
    assert (status, "kept as refused evidence" in words) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    with reading(school.engine) as connection:
        row = connection.execute(select(refused)).one()
    assert (row.device_id, row.reason, row.size, row.bytes) == (device.id, "malformed", len(garbage), garbage[:65_536])


def test_garbage_instead_of_a_hello_is_kept(school: School, call: Call, device: Device) -> None:
    """The first message is no exception."""
    call.send(b"\xff\xff\xff")
    assert call.end()[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert refused_of(school, device) == [("malformed", 1)]


def test_empty_message_is_refused(call: Call) -> None:
    """A message without content is of no kind that follows a hello."""
    call.say_hello()
    call.send(b"")
    assert call.end() == (grpc.StatusCode.INVALID_ARGUMENT, "only envelopes follow a hello")


def test_envelope_that_is_too_large_is_refused_and_kept(school: School, call: Call, device: Device) -> None:
    """Below the limit of the wire and above that of an envelope: the device learns why."""
    call.say_hello()
    envelope = device.say(ORDINARY)
    envelope.payloads[0].body = bytes(MAX_ENVELOPE_BYTES)
    call.send(AgentMessage(envelope=envelope))
    assert reason_of(call.receive().refusal) == "too_large"
    assert refused_of(school, device) == [("too_large", 1)]


def test_message_over_the_limit_of_the_wire_ends_the_stream(school: School, call: Call, device: Device) -> None:
    """It is never read into memory; the collector goes on, and the device can come back."""
    call.say_hello()
    call.send(bytes(MAX_MESSAGE_BYTES + 1))
    assert call.end()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert school.count(events) == 0


def test_hanging_up_leaves_nothing_behind(school: School, listeners: Listeners, device: Device) -> None:
    """However often a device breaks off in the middle, the next stream works and nothing is doubled."""
    sent = [message(device, TOR_STARTED) for _ in range(30)]
    for _ in range(10):
        with listeners.call(device) as call:
            call.say_hello()
            for each in sent:
                call.send(each)
    with listeners.call(device) as call:
        start = call.say_hello().head_seq
        for each in sent[start:]:
            call.send(each)
        while start < 30:
            start = call.receive().ack.last_seq
    assert (school.count(events), incidents_of(school)[0].count) == (30, 30)
    assert refused_of(school, device) == []


def test_revoked_device_is_cut_off(school: School, call: Call, device: Device) -> None:
    """A device that is revoked while it is connected hears so, and its next stream ends before it begins."""
    call.say_hello()
    revoke_device(school.engine, school.id, device.id, now_ns=school.now_ns)
    assert call.end() == (grpc.StatusCode.PERMISSION_DENIED, "this device was revoked")


def test_revoked_device_does_not_come_back(school: School, listeners: Listeners, device: Device) -> None:
    """Its certificate is good for a year, its right to speak is not."""
    revoke_device(school.engine, school.id, device.id, now_ns=school.now_ns)
    with listeners.call(device) as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        status, words = call.end()
    assert status is grpc.StatusCode.PERMISSION_DENIED
    assert "was revoked" in words


def test_database_that_fails_ends_the_stream_without_an_answer(school: School, call: Call, device: Device) -> None:
    """The device is told that it is not its fault, keeps its events, and gets them in later."""
    call.say_hello()

    def fail(_: object) -> None:
        raise school.engine.dialect.loaded_dbapi.OperationalError("database or disk is full")

    event.listen(school.engine, "commit", fail)
    call.send(message(device, TOR_STARTED))
    status, words = call.end()
    event.remove(school.engine, "commit", fail)
    assert status is grpc.StatusCode.UNAVAILABLE
    assert "the disk of the database is full" in words
    assert school.count(events) == 0


# Policies


def test_device_without_the_newest_policy_gets_it_at_once(call: Call) -> None:
    """It says which it holds in its hello."""
    call.say_hello(bundle_version=0)
    assert call.receive().bundle.version == 1


def test_new_policy_reaches_connected_devices(
    school: School, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """All of them, without being asked, and in between the answers."""
    other = enrol_device(school, authority, "library-02")
    with listeners.call(device) as first, listeners.call(other) as second:
        for call in (first, second):
            call.say_hello()
        school.publish()
        for call in (first, second):
            assert call.receive().bundle.version == 2
        first.send(message(device, ORDINARY))
        assert first.receive().ack.last_seq == 1


def test_device_with_the_newest_policy_gets_none(call: Call, device: Device) -> None:
    """The next thing that it hears is the answer to its envelope."""
    call.say_hello(bundle_version=1)
    call.send(message(device, ORDINARY))
    assert call.receive().WhichOneof("message") == "ack"


def test_device_that_says_nothing_is_sent_away(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a hello holds nothing up for ever."""
    monkeypatch.setattr(stream, "HELLO_WITHIN_S", 0.2)
    assert call.end() == (grpc.StatusCode.DEADLINE_EXCEEDED, "no hello came within 0 seconds")
