# SPDX-License-Identifier: Apache-2.0
"""Too much, too fast, too slow, too large: what one device or stranger can do to the collector and to the others."""

import contextlib
import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from collector import server as server_module
from collector import stream as stream_module
from collector.authority import Authority
from collector.pressure import EVENTS, DeviceRates, Door, InFlight, Load, Pressure, Rate
from collector.store.engine import reading, writing
from collector.store.schema import devices, events, refused, tokens
from proto.enrolment import proof_bytes
from proto.envelope import MAX_ENVELOPE_BYTES
from proto.keys import Ed25519Signer
from proto.token import Token
from proto.wire import EVENTS_METHOD, EVENTS_SERVICE, AgentMessage, Bundle, EnrolRequest
from tests.collector.evidence import ORDINARY, Device, enrol_device, incidents_of, make_school_token, refused_of
from tests.collector.line import OPTIONS, Call, Listeners, _credentials
from tests.collector.school import School
from tests.hostile.middlebox import Middlebox, pump

DEADLINE_S = 60.0


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


@pytest.fixture
def other(school: School, authority: Authority) -> Device:
    """A device that does nothing wrong."""
    return enrol_device(school, authority, "library-02")


def wait_for(look: Callable[[], object], what: str) -> None:
    """Look until there is something to see."""
    deadline = time.monotonic() + DEADLINE_S
    while not look():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def say(call: Call, device: Device, times: int = 1, size: int = 1) -> None:
    """Send so many envelopes of so many ordinary events."""
    for _ in range(times):
        call.send(AgentMessage(envelope=device.say(*[ORDINARY] * size)))


def await_ack(call: Call, last_seq: int) -> None:
    """Read answers until everything up to a number is acknowledged."""
    while (answer := call.receive().ack.last_seq) != last_seq:
        assert answer, "it was refused"


# Too much, too fast


def test_flood_is_read_slowly_and_nothing_of_it_is_lost(
    school: School, authority: Authority, device: Device, other: Device
) -> None:
    """Over its rate a device is not read for a while. Others are answered meanwhile, and in the end all is there."""
    rates = DeviceRates(events=Rate(per_s=20, burst=20))
    with (
        Listeners(school, authority, pressure=Pressure(rates=rates)) as listeners,
        listeners.call(device) as flooding,
        listeners.call(other) as ordinary,
    ):
        flooding.say_hello()
        ordinary.say_hello()
        say(flooding, device, times=6, size=8)
        wait_for(lambda: incidents_of(school), "the flood to be noticed")
        say(ordinary, other)
        await_ack(ordinary, 1)
        await_ack(flooding, 48)
    assert school.count(events) == 49
    (incident,) = incidents_of(school)
    assert (incident.rule, incident.device) == ("device-floods", device.id)


def test_rate_outlives_the_stream(school: School, authority: Authority, device: Device) -> None:
    """Who hangs up and comes back has not got a new bucket: nothing more is read, and he is told the rate."""
    rates = DeviceRates(events=Rate(per_s=0.001, burst=10))
    with Listeners(school, authority, pressure=Pressure(rates=rates)) as listeners:
        with listeners.call(device) as call:
            assert call.say_hello().max_events_per_s == 0
            say(call, device, size=11)
            await_ack(call, 11)
        for _ in range(3):
            with listeners.call(device) as call:
                assert call.say_hello().max_events_per_s == EVENTS.per_s
                say(call, device, times=3)
                time.sleep(0.1)
    assert school.count(events) == 11


def test_what_is_in_flight_is_bounded(school: School, authority: Authority, device: Device, other: Device) -> None:
    """While the database stands still, reading stops: memory does not grow. Then everything is taken, in its order."""
    pressure = Pressure(in_flight=InFlight(of_all=Load(30, 2**20), of_a_device=Load(20, 2**20)))
    with (
        Listeners(school, authority, pressure=pressure) as listeners,
        listeners.call(device) as first,
        listeners.call(other) as second,
    ):
        first.say_hello()
        second.say_hello()
        with writing(school.engine):
            say(first, device, times=15, size=10)
            wait_for(lambda: pressure.in_flight.held.events == 20, "the first to reach its share")
            say(second, other, times=15, size=10)
            wait_for(lambda: pressure.in_flight.held.events == 30, "both to reach what there is room for")
            time.sleep(0.2)
            assert pressure.in_flight.held.events == 30
        await_ack(first, 150)
        await_ack(second, 150)
    assert school.count(events) == 300
    assert pressure.in_flight.held == Load(0, 0)


def test_hanging_up_makes_no_room(school: School, authority: Authority, device: Device) -> None:
    """What a stream left with ingest is in memory still: the next stream of the device waits for it."""
    pressure = Pressure(in_flight=InFlight(of_a_device=Load(20, 2**20)))
    with Listeners(school, authority, pressure=pressure) as listeners:
        with writing(school.engine):
            pass
        call = listeners.call(device)
        call.say_hello()
        with writing(school.engine):
            say(call, device, times=2, size=10)
            wait_for(lambda: pressure.in_flight.held.events == 20, "its share")
            call.hang_up()
            wait_for(lambda: not listeners.server._streams, "the stream to end")
            assert pressure.in_flight.held.events == 20
        wait_for(lambda: pressure.in_flight.held == Load(0, 0), "ingest to be done with it")
    assert school.count(events) == 20


def test_device_that_opens_streams_without_end_is_sent_away(
    school: School, authority: Authority, device: Device, other: Device
) -> None:
    """Each costs a handshake and a line in the database; another device comes in all the same."""
    with Listeners(school, authority, pressure=Pressure(streams=Rate(per_s=0.01, burst=3))) as listeners:
        for _ in range(3):
            with listeners.call(device) as call:
                call.say_hello()
        with listeners.call(device) as call, listeners.call(other) as second:
            assert call.end() == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "this device opens too many streams: wait a while",
            )
            second.say_hello()


# Too slow


def test_device_that_reads_no_answer_is_left(
    school: School, listeners: Listeners, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it does not pile up: the stream ends, and it can come back."""
    monkeypatch.setattr(stream_module, "WRITE_WITHIN_S", 0.5)
    with listeners.call(device) as call:
        call.say_hello()
        for _ in range(64):
            listeners.push(Bundle(version=1, body=bytes(500_000)))
        wait_for(lambda: not listeners.server._streams, "the stream to end")
        assert call.end()[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    with listeners.call(device) as call:
        call.say_hello()


def test_line_that_is_dead_on_one_side_is_noticed(
    school: School, authority: Authority, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something in between carries nothing any more and tells nobody: after some silence the stream is ended."""
    names = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    quick = [(name, 500) for name in names]
    rest = [each for each in server_module._EVENTS_OPTIONS if each[0] not in names]
    monkeypatch.setattr(server_module, "_EVENTS_OPTIONS", rest + quick)
    with Listeners(school, authority) as listeners:
        host, _, port = listeners.events_address.partition(":")

        def carry(box: Middlebox, connection: socket.socket) -> None:
            with socket.create_connection((host, int(port))) as beyond:
                pump(box, connection, beyond)

        with Middlebox(carry) as box:
            call = Call(box.address, _credentials(device.identity, None))
            call.say_hello()
            say(call, device)
            await_ack(call, 1)
            assert len(listeners.server._streams) == 1
            box.frozen.set()
            wait_for(lambda: not listeners.server._streams, "the stream to end")
            call.hang_up()
    assert school.count(events) == 1


@pytest.mark.parametrize("which", ["events_address", "enrol_address"])
def test_connections_without_a_handshake_are_closed(
    school: School, authority: Authority, device: Device, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """A hundred that say nothing hold nobody up, and after a while they are gone."""
    for name in ("_EVENTS_OPTIONS", "_ENROLMENT_OPTIONS"):
        shorter = [each for each in getattr(server_module, name) if each[0] != "grpc.server_handshake_timeout_ms"]
        monkeypatch.setattr(server_module, name, [*shorter, ("grpc.server_handshake_timeout_ms", 1000)])
    with Listeners(school, authority) as listeners, contextlib.ExitStack() as silent:
        host, _, port = getattr(listeners, which).partition(":")
        opened = [silent.enter_context(socket.create_connection((host, int(port)), 60)) for _ in range(100)]
        with listeners.call(device) as call:
            call.say_hello()
            say(call, device)
            await_ack(call, 1)
        for each in opened:
            with contextlib.suppress(ConnectionResetError):
                while each.recv(65_536):
                    pass


def test_connections_have_an_end(
    school: School, authority: Authority, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too many is closed at once, so that files for the database are left; who comes after them gets in."""
    assert server_module.find_room_for_connections() >= 512
    monkeypatch.setattr(server_module, "find_room_for_connections", lambda: 9)
    with Listeners(school, authority) as listeners:
        host, _, port = listeners.events_address.partition(":")
        with contextlib.ExitStack() as silent:
            opened = [silent.enter_context(socket.create_connection((host, int(port)), 60)) for _ in range(10)]
            # Six may wait for a handshake; of the others one reads the end.
            assert any(is_closed(each) for each in opened[6:])
            assert not is_closed(opened[0])
        deadline = time.monotonic() + DEADLINE_S
        while not is_welcome(listeners, device):
            assert time.monotonic() < deadline


def is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has hung up, or does within a second."""
    connection.settimeout(1.0)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def is_welcome(listeners: Listeners, device: Device) -> bool:
    """Return whether a device gets in now."""
    with listeners.call(device) as call:
        try:
            call.say_hello()
        except grpc.RpcError:
            return False
    return True


# Too large


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_message_is_refused_unopened(
    school: School, listeners: Listeners, device: Device, other: Device, algorithm: grpc.Compression
) -> None:
    """Twenty megabytes of nothing fit into twenty kilobytes. Nobody of ours compresses: nothing unpacks them."""
    bomb = bytes(20 * 1024 * 1024)
    with (
        grpc.secure_channel(
            listeners.events_address,
            _credentials(device.identity, None),
            options=[*OPTIONS, ("grpc.max_send_message_length", -1)],
        ) as channel,
        listeners.call(other) as call,
    ):
        method: Any = channel.stream_stream(f"/{EVENTS_SERVICE}/{EVENTS_METHOD}")
        answers = method(iter([bomb]), compression=algorithm, timeout=DEADLINE_S)
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        call.say_hello()
        say(call, other)
        await_ack(call, 1)


def test_message_of_two_million_empty_parts_is_not_built(
    school: School, listeners: Listeners, device: Device, other: Device
) -> None:
    """It would take thirty times its size in memory, and half a second in which nobody else is heard."""
    parts = b"\x52\x00" * (1024 * 1024)
    length = len(parts)
    head = bytes([0x12, length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, length >> 21])
    with listeners.call(device) as call, listeners.call(other) as second:
        call.say_hello()
        call.send(head + parts)
        assert call.end()[0] is grpc.StatusCode.INVALID_ARGUMENT
        second.say_hello()
    assert refused_of(school, device) == [("malformed", 1)]


def test_large_message_that_is_none_is_kept_with_its_size_and_its_sender(
    school: School, listeners: Listeners, device: Device
) -> None:
    """Larger than an envelope may be, and no message: the beginning, the size and the address stay as evidence."""
    noise = b"\xff" * (MAX_ENVELOPE_BYTES + 100_000)
    with listeners.call(device) as call:
        call.say_hello()
        call.send(noise)
        assert call.end()[0] is grpc.StatusCode.INVALID_ARGUMENT
    with reading(school.engine) as connection:
        row = connection.execute(select(refused)).one()
    assert (row.device_id, row.reason, row.size) == (device.id, "malformed", len(noise))
    assert row.detail.startswith(f"not a message: {len(noise)} bytes from ipv4:127.0.0.1:")
    assert len(row.bytes) < len(noise)


# Thousands enrolling at once


def make_request(token: Token, school_id: str, number: int) -> EnrolRequest:
    """Return what a new machine asks with, without its folder."""
    key, signer = ec.generate_private_key(ec.SECP256R1()), Ed25519Signer.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = EnrolRequest(
        token_secret=token.secret,
        certificate_request=csr.public_bytes(serialization.Encoding.DER),
        evidence_algorithm=signer.algorithm,
        evidence_public_key=signer.public_key,
    )
    request.facts.hostname = f"pc-{number}"
    request.evidence_proof = signer.sign(
        proof_bytes(
            school_id=school_id,
            token_secret_sha256=hashlib.sha256(token.secret).digest(),
            certificate_request=request.certificate_request,
            algorithm=signer.algorithm,
            public_key=signer.public_key,
        )
    )
    return request


def enrol_until_it_works(listeners: Listeners, request: EnrolRequest) -> str:
    """Ask again whenever there are too many at once; return the device's id."""
    while True:
        try:
            return listeners.enrol(request).device_id
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error
            time.sleep(0.05)


def test_whole_school_that_enrols_at_once_gets_in(school: School, authority: Authority, device: Device) -> None:
    """More than the door lets in are told to come back, each gets in once, and a device is answered meanwhile."""
    count = 60
    school.now_ns = time.time_ns()
    token = make_school_token(school, authority, uses=count)
    requests = [make_request(token, school.id, number) for number in range(count)]
    door = Door(of_all=Rate(per_s=100, burst=10), of_a_peer=Rate(per_s=30, burst=10))
    with (
        Listeners(school, authority, door=door) as listeners,
        ThreadPoolExecutor(16) as pool,
        listeners.call(device) as call,
    ):
        call.say_hello()
        outcomes = [pool.submit(enrol_until_it_works, listeners, request) for request in requests]
        for _ in range(10):
            say(call, device)
            await_ack(call, device.seq)
        found = [outcome.result(DEADLINE_S) for outcome in outcomes]
    assert len(set(found)) == count
    with reading(school.engine) as connection:
        states = connection.execute(select(devices.c.state).where(devices.c.device_id != device.id)).scalars().all()
        used = connection.execute(select(tokens.c.uses).where(tokens.c.uses_allowed == count)).scalar_one()
    assert (states, used) == (["pending"] * count, count)
