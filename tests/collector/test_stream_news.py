# SPDX-License-Identifier: Apache-2.0
"""Tests of what devices are told for safeguarding, over the real wire: the readers, the absences, orders to drill."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from collector.absences import note_absence
from collector.authority import Authorities, Authority
from collector.drills import list_drills, order_drill
from collector.errors import StoreError
from collector.recipients import find_signed
from collector.server import Server
from collector.store.engine import writing
from collector.store.schema import recipient_sets
from proto.drill import verify_drill
from proto.keys import load_signer, to_verifier
from proto.recipients import fingerprint, open_recipients
from proto.wire import AgentMessage
from proto.wire import Safeguarding as SafeguardingMessage
from tests.collector.evidence import ORDINARY, Device, enrol_device, make_school_token
from tests.collector.line import Listeners
from tests.collector.safeguarding import Safeguarding, build_safeguarding
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


@pytest.fixture
def listeners(safeguarding: Safeguarding, school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens, at a school with readers."""
    with Listeners(school, authority) as listeners:
        yield listeners


def be_away(school: School, user: str) -> None:
    """Let a reader be away from now on, by the clock on the wall: the listeners have no other."""
    now_ns = time.time_ns()
    note_absence(
        school.engine,
        school.id,
        user=user,
        from_ns=now_ns,
        until_ns=now_ns + 60 * MINUTE_NS,
        actor=user,
        now_ns=now_ns,
    )


def test_device_is_told_the_readers_at_once(safeguarding: Safeguarding, listeners: Listeners, device: Device) -> None:
    """As the root signed them, with the key for references and who is away."""
    be_away(safeguarding.school, "dev")
    with listeners.call(device) as call:
        call.say_hello()
        told = call.receive().safeguarding
        while not told.absent:
            told = call.receive().safeguarding
    root = fingerprint(safeguarding.root.public_key)
    content = open_recipients(told.recipients, pinned_fingerprint=root, school_id=safeguarding.school.id)
    assert content == safeguarding.content
    assert (told.subject_key, list(told.absent)) == (safeguarding.subject_key, ["dev"])


def test_school_without_readers_tells_nothing(school: School, authority: Authority, device: Device) -> None:
    """The next thing that a device hears is the answer to its envelope; the first set reaches it within seconds."""
    with Listeners(school, authority) as listeners, listeners.call(device) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().WhichOneof("message") == "ack"
        safeguarding = build_safeguarding(school)
        assert call.receive().safeguarding.recipients == find_signed(school.engine, school.id)
        assert safeguarding.content.version == 1


def test_connected_devices_hear_what_changes(
    safeguarding: Safeguarding, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """A new set and a new absence, each once, all devices."""
    school = safeguarding.school
    other = enrol_device(school, authority, "library-02")
    with listeners.call(device) as first, listeners.call(other) as second:
        for call in (first, second):
            call.say_hello()
            assert list(call.receive().safeguarding.absent) == []
        be_away(school, "dana")
        for call in (first, second):
            assert list(call.receive().safeguarding.absent) == ["dana"]
        safeguarding.publish(safeguarding.sign())
        for call in (first, second):
            told: SafeguardingMessage = call.receive().safeguarding
            assert told.recipients == find_signed(school.engine, school.id)
            assert list(told.absent) == ["dana"]


def test_set_written_into_the_database_is_not_sent(
    safeguarding: Safeguarding, listeners: Listeners, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged, policies go on, and devices keep the set that they have."""
    school = safeguarding.school
    with listeners.call(device) as call:
        call.say_hello()
        assert call.receive().safeguarding.recipients == find_signed(school.engine, school.id)
        with writing(school.engine) as connection:
            connection.execute(update(recipient_sets).values(body=b"{}"))
        deadline = time.monotonic() + 60
        while "not signed by the safeguarding root" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "Traceback" not in caplog.text
        school.publish()
        assert call.receive().bundle.version == 2


def test_collector_starts_with_a_set_that_does_not_verify(
    safeguarding: Safeguarding, authority: Authority, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever spoils it takes the flags away, but not everything else."""
    school = safeguarding.school
    with writing(school.engine) as connection:
        connection.execute(update(recipient_sets).values(body=b"{}"))
    caplog.set_level(logging.ERROR)
    with Listeners(school, authority) as listeners, listeners.call(device) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().WhichOneof("message") == "ack"
    assert "the readers of flags: the set is not signed" in caplog.text


def test_collector_whose_subject_key_is_gone_does_not_start(safeguarding: Safeguarding, authority: Authority) -> None:
    """A new key would show a reader the flags of his own account."""
    school = safeguarding.school
    school.config.subject_key.unlink()

    async def start() -> None:
        Server(school.engine, school.config, lambda: Authorities(authority))

    with pytest.raises(StoreError, match=r"subject\.key is gone"):
        asyncio.run(start())
    assert not school.config.subject_key.exists()


# Drills


def test_order_to_drill_reaches_its_device_once(
    safeguarding: Safeguarding, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """Signed for it by the collector; nobody else hears of it; and its answer is noted."""
    school = safeguarding.school
    other = enrol_device(school, authority, "library-02")
    with listeners.call(device) as call, listeners.call(other) as bystander:
        for each in (call, bystander):
            each.say_hello()
            each.receive()
        order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=time.time_ns())
        order = call.receive().drill
        signer = load_signer(school.config.signing_key)
        verifier = to_verifier(signer.algorithm, signer.public_key)
        verify_drill(order, verifier, device_id=device.id, now_ns=time.time_ns())
        # Both hear of something later, so whatever else was for them would have come before it.
        school.publish()
        assert [each.receive().WhichOneof("message") for each in (call, bystander)] == ["bundle", "bundle"]
        call.send(AgentMessage(envelope=safeguarding.say_flag(device, drill_nonce=order.nonce.hex())))
        assert call.receive().WhichOneof("message") == "ack"
    (answered,) = list_drills(school.engine, school.id)
    assert answered.answered_at_ns is not None


def test_order_waits_for_a_device_that_comes_back(
    safeguarding: Safeguarding, listeners: Listeners, device: Device
) -> None:
    """For as long as it holds; an order that is over is never sent."""
    school = safeguarding.school
    for ordered_at_ns in (time.time_ns() - 11 * MINUTE_NS, time.time_ns()):
        order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=ordered_at_ns)
    for _ in range(2):
        with listeners.call(device) as call:
            call.say_hello()
            call.receive()
            assert call.receive().drill.expires_at_ns > time.time_ns()
            school.publish()
            assert call.receive().WhichOneof("message") == "bundle"


# Tokens


def test_token_carries_the_root_that_devices_pin(school: School, authority: Authority) -> None:
    """None before the first set: such a device is enrolled anew before it is watched."""
    assert make_school_token(school, authority).safeguarding_root_fingerprint == b""
    safeguarding = build_safeguarding(school)
    root = fingerprint(safeguarding.root.public_key)
    assert make_school_token(school, authority).safeguarding_root_fingerprint == root
