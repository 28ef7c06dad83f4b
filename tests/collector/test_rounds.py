# SPDX-License-Identifier: Apache-2.0
"""Tests of what the listeners do on their own: who may not even ask, and the round of every second."""

import asyncio
import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from collector.authority import Authority, AuthorityFolder, rotate_authority
from collector.config import Addresses, Config
from collector.store.engine import writing
from collector.store.schema import held_sightings, trusts
from collector.trusts import announce, open_own_trust
from proto.wire import ENROL_METHOD, ENROL_SERVICE, TARGET_NAME, AgentMessage, SignedTrust
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, enrol_device, incidents_of
from tests.collector.line import Call, Listeners
from tests.collector.machines import sign_in
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.school import School
from tests.collector.test_server import open_stream_by_hand


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


def test_old_tls_does_not_enrol(
    listeners: Listeners, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does a new device whose TLS is 1.2 get in, and the log says so."""
    caplog.set_level(logging.INFO, "collector.server")
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    host, _, port = listeners.enrol_address.partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=TARGET_NAME) as connection,
    ):
        # An empty message in an envelope of gRPC's, and the end of the request.
        request = struct.pack(">I", 5)[1:] + struct.pack(">BBI", 0, 1, 1) + bytes(5)
        connection.sendall(open_stream_by_hand(f"/{ENROL_SERVICE}/{ENROL_METHOD}") + request)
        answer = b""
        while b"grpc-status" not in answer and (received := connection.recv(65_536)):
            answer += received
    assert b"must use TLS 1.3, not TLSv1.2" in answer
    assert "an enrolment from" in caplog.text


def test_unexpected_error_does_not_end_the_rounds(
    school: School,
    listeners: Listeners,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake of ours in one round is logged with its place, and the next round pushes the new policy."""

    def fail(*_: object) -> None:
        raise LookupError("a mistake")

    with listeners.call(device) as call:
        call.say_hello()
        with monkeypatch.context() as patch:
            patch.setattr("collector.devices.find_revoked", fail)
            deadline = time.monotonic() + 60
            while "a mistake" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.05)
        assert "Traceback" in caplog.text
        school.publish()
        assert call.receive().bundle.version == 2


def test_account_on_several_connected_devices_is_found_in_a_round(
    school: School, authority: Authority, listeners: Listeners, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event says it, so nobody would ask if the rounds did not."""
    monkeypatch.setattr("collector.presence.GRACE_NS", 0)
    monkeypatch.setattr("collector.rounds.SEEN_EVERY_TICKS", 1)
    other = enrol_device(school, authority, "library-02")
    with listeners.call(device) as first, listeners.call(other) as second:
        for number, (call, each) in enumerate(((first, device), (second, other))):
            call.say_hello()
            call.send(AgentMessage(envelope=each.say(sign_in("directory:anna", number))))
            assert call.receive().WhichOneof("message") == "ack"
        deadline = time.monotonic() + 60
        while not incidents_of(school) and time.monotonic() < deadline:
            time.sleep(0.05)
    (incident,) = incidents_of(school)
    assert incident.summary == "One personal account has sessions on library-01, library-02 at the same time"


# Whom devices trust


def announce_for(school: School, name: str) -> None:
    """Make a statement of whom to trust, as `authority rotate` does; each name makes it another one."""
    addresses = Addresses(grpc=f"{name}.example:7443", enrol=f"{name}.example:7444", http="")
    announce(
        school.engine,
        school.config,
        ca_certificates=(b"a certificate",),
        addresses=addresses,
        actor="anna",
        now_ns=school.now_ns,
    )


def receive_trust(call: Call) -> SignedTrust:
    """Return the next statement that comes down a stream."""
    while (message := call.receive()).WhichOneof("message") != "trust":
        pass
    return message.trust


def test_statement_of_trust_reaches_who_is_connected_and_who_comes(
    school: School, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """At once while the stream is open, first of all after a welcome, and not to a device that has it."""
    other = enrol_device(school, authority, "library-02")
    with listeners.call(device) as call:
        call.say_hello()
        announce_for(school, "first")
        assert open_own_trust(receive_trust(call), school.config).events_address == "first.example:7443"
        announce_for(school, "second")
        assert open_own_trust(receive_trust(call), school.config).version == 2
    with listeners.call(other) as call:
        call.say_hello(trust_version=1)
        assert call.receive().WhichOneof("message") == "trust"
    with listeners.call(other) as call:
        call.say_hello(trust_version=2)
        call.send(AgentMessage(envelope=other.say(ORDINARY)))
        assert call.receive().WhichOneof("message") == "ack"


def test_statement_that_somebody_wrote_into_the_database_is_not_sent(
    school: School, listeners: Listeners, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """Another's signature under it, and no device is told to trust him."""
    announce_for(school, "ours")
    with writing(school.engine) as connection:
        connection.execute(update(trusts).values(version=9, signature=bytes(64)))
    with listeners.call(device) as call:
        call.say_hello()
        deadline = time.monotonic() + 60
        while "signature" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "the signature does not verify" in caplog.text
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().WhichOneof("message") == "ack"


def test_new_ca_needs_no_restart(school: School, config: Config, authority: Authority, device: Device) -> None:
    """A device of the former CA still comes in, knowing the former alone, and one of the new CA too."""
    with Listeners(school, authority, authorities=AuthorityFolder(config.authority_folder)) as listeners:
        with listeners.call(device) as call:
            call.say_hello()
        rotated = rotate_authority(config.authority_folder)
        with listeners.call(device) as call:
            call.say_hello()
        newcomer = enrol_device(school, rotated.current, "library-02")
        with listeners.call(newcomer) as call:
            call.say_hello()
        with listeners.call(newcomer, authority=rotated.current) as call:
            call.say_hello()


def test_what_nothing_cleared_is_told_in_a_round(school: School, listeners: Listeners, device: Device) -> None:
    """Once its grace has ended, by the rules that ingest judges by at that moment."""
    rounds, ingest = listeners.server._rounds, listeners.server._ingest
    ingest.evaluator = evaluator_of(rule_of(grace_s=60))
    with listeners.call(device) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=device.say(TOR_STARTED)))
        assert call.receive().ack.last_seq == 1
    with writing(school.engine) as connection:
        connection.execute(update(held_sightings).values(at_ns=1, due_at_ns=1))
    for since_ns, count in ((time.time_ns(), 0), (0, 1)):
        rounds._since_ns = since_ns
        asyncio.run_coroutine_threadsafe(rounds._look_for_due(), listeners._loop).result(60)
        assert len(incidents_of(school)) == count
