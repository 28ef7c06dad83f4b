# SPDX-License-Identifier: Apache-2.0
"""Somebody has an enrolment token, or heard an enrolment: which machine he can make a device of the school."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest
from sqlalchemy import select

from agent.keystore.file import FileKeyStore
from collector.authority import Authority
from collector.devices import list_devices
from collector.enrolment import list_tokens, withdraw_token
from collector.expected_devices import import_expected_devices
from collector.pressure import Door, Rate
from collector.store.engine import reading
from collector.store.schema import certificates, devices
from proto.token import SECRET_BYTES
from proto.wire import AgentMessage
from tests.collector.evidence import TOR_STARTED, Device, device_folder, make_request, make_school_token
from tests.collector.line import Listeners
from tests.collector.school import School


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens, on a day on which its tokens are good."""
    school.now_ns = time.time_ns()
    with Listeners(school, authority) as listeners:
        yield listeners


def refusal_of(listeners: Listeners, request: object) -> str:
    """Return the words with which an enrolment is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        listeners.enrol(request)  # type: ignore[arg-type]
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return str(caught.value.details())


def test_token_for_one_machine_is_worth_nothing_once_used(
    school: School, listeners: Listeners, authority: Authority
) -> None:
    """Whoever comes second is refused, whichever of the two he is: a technician whose machine is refused knows."""
    token = make_school_token(school, authority)
    listeners.enrol(make_request(school, token, "thief"))
    assert "used up" in refusal_of(listeners, make_request(school, token, "library-01"))
    assert [device.hostname for device in list_devices(school.engine, school.id)] == ["thief"]


def test_token_for_many_machines_admits_nobody_unseen(
    school: School, listeners: Listeners, authority: Authority
) -> None:
    """The thief's machine is pending: what it finds is shown as unconfirmed until somebody says that it is ours."""
    token = make_school_token(school, authority, uses=30)
    reply = listeners.enrol(make_request(school, token, "thief"))
    assert reply.is_pending
    thief = Device(device_folder(school, "thief").complete(token, reply))
    with listeners.call(thief) as call:
        call.say_hello()
        call.send(AgentMessage(envelope=thief.say(TOR_STARTED)))
        assert call.receive().ack.last_seq == 1
    (device,) = list_devices(school.engine, school.id)
    assert (device.state, device.is_unconfirmed) == ("pending", True)


def test_token_for_many_machines_and_the_facts_of_one_take_its_place(
    school: School, listeners: Listeners, authority: Authority
) -> None:
    """The reach of it: host name and serial number of a listed machine that has not come; that one then waits."""
    rows = b"hostname,serial,asset,place\nlibrary-01,SN1,,\n"
    import_expected_devices(school.engine, school.id, rows, actor="anna", now_ns=school.now_ns)
    token = make_school_token(school, authority, uses=30)
    for name, is_confirmed in (("thief", True), ("the real one", False)):
        request = make_request(school, token, name)
        request.facts.hostname, request.facts.serial = "library-01", "SN1"
        assert listeners.enrol(request).is_pending is not is_confirmed
    assert sorted(device.state for device in list_devices(school.engine, school.id)) == ["active", "pending"]


def test_withdrawn_token_admits_nobody(school: School, listeners: Listeners, authority: Authority) -> None:
    """From the moment on, whatever is left of its uses and its days; who came in before stays to be looked at."""
    token = make_school_token(school, authority, uses=30)
    listeners.enrol(make_request(school, token, "library-01"))
    (issued,) = list_tokens(school.engine, school.id, school.now_ns)
    withdraw_token(school.engine, school.id, issued.id, now_ns=school.now_ns)
    assert "withdrawn" in refusal_of(listeners, make_request(school, token, "thief"))
    assert [device.hostname for device in list_devices(school.engine, school.id)] == ["library-01"]


def test_recorded_enrolment_gives_its_thief_nothing(school: School, listeners: Listeners, authority: Authority) -> None:
    """Sent again it names the same device and key, which is not his; with a key of his own it proves nothing."""
    token = make_school_token(school, authority)
    request = make_request(school, token, "library-01")
    device_id = listeners.enrol(request).device_id
    again = listeners.enrol(request)
    assert again.device_id == device_id
    make_request(school, replace(token, secret=secrets.token_bytes(SECRET_BYTES)), "thief")
    own = FileKeyStore().load(school.config.folder.parent / "devices/thief/enrolling")
    request.certificate_request = own.make_certificate_request()
    assert "prove" in refusal_of(listeners, request)
    with reading(school.engine) as connection:
        named = connection.execute(select(certificates.c.device_id)).scalars().all()
        states = connection.execute(select(devices.c.state)).scalars().all()
    assert set(named) == {device_id}
    assert states == ["active"]


def test_guessing_secrets_finds_none_and_is_slowed_down(school: School, authority: Authority) -> None:
    """A secret has 128 bits and more; a stranger who tries them is told to come back later before he is looked at."""
    school.now_ns = time.time_ns()
    token = make_school_token(school, authority)
    assert len(token.secret) >= 16
    door = Door(of_a_peer=Rate(per_s=0.001, burst=3))
    request = make_request(school, token, "library-01")
    with Listeners(school, authority, door=door) as listeners:
        for _ in range(3):
            request.token_secret = secrets.token_bytes(SECRET_BYTES)
            assert "not known" in refusal_of(listeners, request)
        with pytest.raises(grpc.RpcError) as caught:
            listeners.enrol(request)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert school.count(devices) == 0
