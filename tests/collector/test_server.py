# SPDX-License-Identifier: Apache-2.0
"""Tests of the two listeners over real TLS: who gets in, who does not and what he is told."""

import asyncio
import contextlib
import hashlib
import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from sqlalchemy import delete, event, update

from agent.keystore.file import FileKeyStore
from collector.authority import Authorities, Authority, issue_device_certificate, load_authority, make_authority
from collector.devices import list_devices
from collector.errors import AddressError, StoreError
from collector.server import MAX_STREAMS_A_DEVICE, Server
from collector.store.engine import writing
from collector.store.schema import bundles, devices, events, tokens
from proto.token import Token
from proto.wire import EVENTS_METHOD, EVENTS_SERVICE, TARGET_NAME, AgentMessage, Hello
from tests.collector.evidence import (
    HOUR_NS,
    ORDINARY,
    Device,
    device_folder,
    enrol_device,
    make_request,
    make_school_token,
)
from tests.collector.line import Listeners
from tests.collector.school import School


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


@pytest.fixture
def other_authority(tmp_path: Path) -> Authority:
    """The CA of somebody else."""
    make_authority(tmp_path / "other")
    return load_authority(tmp_path / "other")


@pytest.fixture
def token(school: School, authority: Authority) -> Token:
    """A token for one device, by the clock of this machine."""
    school.now_ns = time.time_ns()
    return make_school_token(school, authority)


def refusal_of(listeners: Listeners, request, **options) -> tuple[grpc.StatusCode, str]:
    """Return how an enrolment is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        listeners.enrol(request, **options)
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error.code(), error.details() or ""


# Enrolment


def test_enrolment_gives_all_that_a_device_needs(
    school: School, listeners: Listeners, token: Token, authority: Authority
) -> None:
    """Id, certificate, the key that signs policies, and the policy; with them the stream opens at once."""
    reply = listeners.enrol(make_request(school, token))
    assert (reply.school_id, reply.school_name, reply.bundle.version) == (school.id, school.config.school_name, 1)
    device = Device(device_folder(school, "library-01").complete(token, reply))
    with listeners.call(device) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().ack.last_seq == 1


def test_lost_answer_is_given_again(school: School, listeners: Listeners, token: Token) -> None:
    """A device that asks again because the answer was lost on the way is the same device."""
    request = make_request(school, token)
    assert listeners.enrol(request).device_id == listeners.enrol(request).device_id
    assert len(list_devices(school.engine, school.id)) == 1


def test_wrong_token_is_refused(school: School, listeners: Listeners, token: Token) -> None:
    """With words that a technician can act on."""
    request = make_request(school, token)
    request.token_secret = bytes(16)
    assert refusal_of(listeners, request) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "this token is not known here (ask for a token of this collector)",
    )
    assert school.count(devices) == 0


def test_used_up_token_is_refused(school: School, listeners: Listeners, token: Token) -> None:
    """Somebody else's machine was faster."""
    listeners.enrol(make_request(school, token, "library-01"))
    assert refusal_of(listeners, make_request(school, token, "library-02")) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "this token has been used up (ask for a new one)",
    )


def test_expired_token_is_refused(school: School, listeners: Listeners, authority: Authority) -> None:
    """By the collector's clock, whatever the device's says."""
    school.now_ns = time.time_ns() - 2 * HOUR_NS
    token = make_school_token(school, authority)
    assert refusal_of(listeners, make_request(school, token)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "this token has expired (ask for a new one)",
    )


def test_missing_proof_is_refused(school: School, listeners: Listeners, token: Token) -> None:
    """The secret of a token is not enough."""
    request = make_request(school, token)
    request.evidence_proof = b""
    status, words = refusal_of(listeners, request)
    assert (status, words) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "the device does not prove that it holds its evidence key",
    )
    assert school.count(devices) == 0


def test_other_key_under_the_same_proof_is_refused(school: School, listeners: Listeners, token: Token) -> None:
    """A proof is for one key."""
    request = make_request(school, token)
    request.evidence_public_key = hashlib.sha256(b"mine").digest()
    assert refusal_of(listeners, request)[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\xff", b""])
def test_garbled_request_is_refused(school: School, listeners: Listeners, raw: bytes) -> None:
    """Whatever comes from the network, the listener answers in words and goes on."""
    status, words = refusal_of(listeners, raw)
    assert status in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)
    assert words
    assert school.count(devices) == 0


def test_request_over_the_limit_is_refused(listeners: Listeners) -> None:
    """Nobody can fill the memory of the listener that is open to all."""
    assert refusal_of(listeners, bytes(3 * 1024 * 1024))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_device_that_trusts_another_collector_does_not_talk(
    school: School, listeners: Listeners, token: Token, other_authority: Authority
) -> None:
    """A token of another collector holds another CA: the secret never leaves the device."""
    status, _ = refusal_of(listeners, make_request(school, token), authority=other_authority)
    assert status is grpc.StatusCode.UNAVAILABLE
    assert school.count(devices) == 0


def test_database_that_fails_refuses_for_now(school: School, listeners: Listeners, token: Token) -> None:
    """The device may try again: the token lost nothing."""

    def fail(_: object) -> None:
        raise school.engine.dialect.loaded_dbapi.OperationalError("database or disk is full")

    request = make_request(school, token)
    event.listen(school.engine, "commit", fail)
    status, words = refusal_of(listeners, request)
    event.remove(school.engine, "commit", fail)
    assert status is grpc.StatusCode.UNAVAILABLE
    assert "the disk of the database is full" in words
    assert listeners.enrol(request).device_id


# Who may open a stream


def test_stream_without_a_certificate_is_refused(school: School, listeners: Listeners) -> None:
    """TLS itself ends the connection."""
    with listeners.call_without_certificate() as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        assert call.end()[0] is grpc.StatusCode.UNAVAILABLE


def test_certificate_of_another_ca_is_refused(
    school: School, listeners: Listeners, device: Device, authority: Authority, other_authority: Authority
) -> None:
    """The same name in a certificate of somebody else's CA opens nothing."""
    request = make_request(school, make_school_token(school, authority), "library-09")
    forged = issue_device_certificate(other_authority, request.certificate_request, school.id, device.id)
    identity = replace(
        device.identity,
        keys=FileKeyStore().load(school.config.folder.parent / "devices/library-09/enrolling"),
        tls_certificate_pem=ssl.DER_cert_to_PEM_cert(forged).encode(),
    )
    with listeners.call(Device(identity), authority=authority) as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        assert call.end()[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("school_id", "device_id"), [("f" * 16, ""), ("", ""), ("f" * 16, "/../device"), ("5c4001000000a11e/device", "x")]
)
def test_certificate_for_another_school_is_refused(
    school: School, listeners: Listeners, device: Device, authority: Authority, school_id: str, device_id: str
) -> None:
    """A CA may sign for several schools: each collector takes its own devices only."""
    request = make_request(school, make_school_token(school, authority), "library-09")
    foreign = issue_device_certificate(authority, request.certificate_request, school_id, device_id or device.id)
    identity = replace(
        device.identity,
        keys=FileKeyStore().load(school.config.folder.parent / "devices/library-09/enrolling"),
        tls_certificate_pem=ssl.DER_cert_to_PEM_cert(foreign).encode(),
    )
    with listeners.call(Device(identity)) as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        assert call.end() == (
            grpc.StatusCode.UNAUTHENTICATED,
            "the certificate is not one of this school's devices",
        )


def test_device_that_was_removed_is_refused(school: School, listeners: Listeners, device: Device) -> None:
    """A certificate for a device that is in no table opens nothing, and nobody is told more than that."""
    with writing(school.engine) as connection:
        connection.exec_driver_sql("DELETE FROM certificates")
        connection.exec_driver_sql("DELETE FROM device_keys")
        connection.execute(delete(devices))
    with listeners.call(device) as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        status, words = call.end()
    assert status is grpc.StatusCode.PERMISSION_DENIED
    assert "not enrolled here" in words


def test_device_with_too_many_streams_is_refused(
    school: School, listeners: Listeners, device: Device, authority: Authority
) -> None:
    """One device cannot fill the collector's memory; its first streams go on, and another device is not concerned."""
    other = enrol_device(school, authority, "library-02")
    with contextlib.ExitStack() as calls:
        opened = [calls.enter_context(listeners.call(device)) for _ in range(MAX_STREAMS_A_DEVICE)]
        for call in opened:
            call.say_hello()
        too_many = calls.enter_context(listeners.call(device))
        too_many.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        assert too_many.end() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "this device has too many streams open")
        calls.enter_context(listeners.call(other)).say_hello()
        opened[0].send(AgentMessage(envelope=device.say(ORDINARY)))
        assert opened[0].receive().ack.last_seq == 1


def test_old_tls_is_refused(
    school: School, listeners: Listeners, device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that speaks TLS 1.2 at most is told so, and nothing it says is read."""
    caplog.set_level(logging.INFO, "collector.server")
    assert device.identity.keys.tls_key_pem is not None
    (tmp_path / "tls_key_pem").write_bytes(device.identity.keys.tls_key_pem)
    for name in ("tls_certificate_pem", "ca_certificate_pem"):
        (tmp_path / name).write_bytes(getattr(device.identity, name))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca_certificate_pem"))
    context.load_cert_chain(tmp_path / "tls_certificate_pem", tmp_path / "tls_key_pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    host, _, port = listeners.events_address.partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=TARGET_NAME) as connection,
    ):
        assert connection.version() == "TLSv1.2"
        connection.sendall(open_stream_by_hand())
        answer = b""
        while b"grpc-status" not in answer and (received := connection.recv(65_536)):
            answer += received
    assert b"must use TLS 1.3, not TLSv1.2" in answer
    assert "the connection must use TLS 1.3, not TLSv1.2" in caplog.text


def open_stream_by_hand(path: str = f"/{EVENTS_SERVICE}/{EVENTS_METHOD}") -> bytes:
    """Return HTTP/2 frames that open a stream: preface, settings, and headers without any compression."""

    def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
        return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    fields = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": TARGET_NAME,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    headers = b"".join(b"\x00" + text(name) + text(value) for name, value in fields.items())
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers)


@pytest.mark.parametrize("which", ["events_address", "enrol_address"])
def test_noise_on_a_port_disturbs_nobody(school: School, listeners: Listeners, device: Device, which: str) -> None:
    """A browser, a scanner or a broken client on the wrong port: devices notice nothing."""
    host, _, port = getattr(listeners, which).partition(":")
    for noise in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 64, b"\x16\x03\x01\xff\xff" + bytes(100)):
        # It may hang up before we have finished, or wait for more of it.
        with socket.create_connection((host, int(port)), timeout=60) as connection, contextlib.suppress(OSError):
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass
    with listeners.call(device) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().ack.last_seq == 1


# Start and end


def test_taken_port_is_told(school: School, authority: Authority, listeners: Listeners) -> None:
    """A second collector on the same port fails at once; it does not get half of the devices."""

    async def start_second() -> None:
        server = Server(school.engine, school.config, lambda: Authorities(authority))
        try:
            await server.start(listeners.events_address, "127.0.0.1:0")
        finally:
            await server.close()

    with pytest.raises(AddressError, match="cannot be served"):
        asyncio.run(start_second())


def test_collector_without_a_policy_does_not_start(school: School, authority: Authority) -> None:
    """Devices must never be without one; a database that lost it is to be restored."""
    with writing(school.engine) as connection:
        connection.execute(delete(bundles))

    async def start() -> None:
        Server(school.engine, school.config, lambda: Authorities(authority))

    with pytest.raises(StoreError, match="no policy was ever published"):
        asyncio.run(start())


def test_policy_that_somebody_wrote_into_the_database_is_not_sent(
    school: School, listeners: Listeners, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """A bundle that the collector's key did not sign reaches no device, and the log says so."""
    school.publish()
    with listeners.call(device) as call:
        call.say_hello()
        assert call.receive().bundle.version == 2
        with writing(school.engine) as connection:
            connection.execute(update(bundles).where(bundles.c.version == 2).values(version=3))
        deadline = time.monotonic() + 60
        while "not signed" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "not signed" in caplog.text
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().WhichOneof("message") == "ack"


def test_end_answers_what_was_sent(school: School, authority: Authority, device: Device) -> None:
    """A collector that is told to stop stores what has arrived; what a device was told is there."""
    acknowledged = 0
    with Listeners(school, authority) as listeners:
        call = listeners.call(device)
        call.say_hello()
        for _ in range(20):
            call.send(AgentMessage(envelope=device.say(ORDINARY)))
        acknowledged = call.receive().ack.last_seq
    call.hang_up()
    assert 0 < acknowledged <= school.count(events) <= 20


def test_tokens_of_the_database_are_asked_each_time(school: School, listeners: Listeners, token: Token) -> None:
    """A token that is taken back is good for nobody from that moment on."""
    with writing(school.engine) as connection:
        connection.execute(delete(tokens))
    assert refusal_of(listeners, make_request(school, token))[0] is grpc.StatusCode.PERMISSION_DENIED


def test_two_schools_are_served_side_by_side(
    school: School, listeners: Listeners, authority: Authority, device: Device
) -> None:
    """A second pair of listeners on other ports does not disturb the first."""
    other = enrol_device(school, authority, "library-02")
    with Listeners(school, authority) as second, second.call(other) as call, listeners.call(device) as first:
        assert second.events_address != listeners.events_address
        call.say_hello()
        first.say_hello()
