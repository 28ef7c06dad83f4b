# SPDX-License-Identifier: Apache-2.0
"""Tests of the enrolment listener over the real wire: what it answers, and in which words it refuses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from cryptography import x509
from sqlalchemy import event

from collector.authority import Authority
from collector.devices import DeviceState, list_devices
from collector.enrolment.service import MAX_REQUEST_BYTES
from collector.store.schema import devices
from collector.trusts import announce, find_trust
from proto.keys import Ed25519Signer
from proto.wire import ENROL_METHOD, REKEY_METHOD, RENEW_METHOD, EnrolReply, EnrolRequest
from tests.collector.enrolment.listener import DEADLINE_S, Listener
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import ADDRESSES, make_school_token
from tests.collector.school import School


@pytest.fixture
def listener(school: School, authority: Authority) -> Iterator[Listener]:
    """A collector's enrolment listener."""
    with Listener(school) as listener:
        yield listener


def refusal_of(listener: Listener, authority: Authority, request: Any) -> tuple[grpc.StatusCode, str]:
    """Return how a question is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        listener.ask(request, known=authority.certificate_pem)
    return caught.value.code(), str(caught.value.details())


def test_three_questions_of_one_machine(school: School, listener: Listener, authority: Authority) -> None:
    """It enrols, gets its next certificate, and its clone becomes a device of its own."""
    ca = authority.certificate_pem
    machine, clone = Machine(school.id), Machine(school.id)
    reply = listener.ask(machine.ask_to_enrol(make_school_token(school, authority)), known=ca)
    assert (reply.school_id, reply.school_name, reply.is_pending) == (school.id, school.config.school_name, False)
    assert (reply.server_time_ns, reply.bundle.version) == (school.now_ns, 1)
    assert not reply.HasField("trust")
    machine.device_id = reply.device_id
    renewed = listener.ask(machine.ask_to_renew(), known=ca)
    assert x509.load_der_x509_certificate(renewed.certificate).public_key() == machine.tls_key.public_key()
    assert renewed.server_time_ns == school.now_ns
    other = listener.ask(clone.ask_to_go_on_for(machine), known=ca)
    assert other.is_pending
    assert other.device_id not in ("", machine.device_id)


def test_answers_say_whom_to_trust(school: School, listener: Listener, authority: Authority) -> None:
    """As soon as there is a statement, each of the three carries it."""
    announce(
        school.engine,
        school.config,
        ca_certificates=(authority.certificate_der,),
        addresses=ADDRESSES,
        now_ns=school.now_ns,
    )
    machine, ca = Machine(school.id), authority.certificate_pem
    enrolled = listener.ask(machine.ask_to_enrol(make_school_token(school, authority)), known=ca)
    machine.device_id = enrolled.device_id
    renewed = listener.ask(machine.ask_to_renew(), known=ca)
    rekeyed = listener.ask(Machine(school.id).ask_to_go_on_for(machine), known=ca)
    statement = find_trust(school.engine, school.id)
    assert [reply.trust for reply in (enrolled, renewed, rekeyed)] == [statement] * 3


def test_refusals_are_words_that_a_technician_can_act_on(
    school: School, listener: Listener, authority: Authority
) -> None:
    """The same status for each of the three questions, with a hint."""
    stranger = Machine(school.id)
    stranger.device_id = "0" * 16
    token = make_school_token(school, authority)
    request = stranger.ask_to_enrol(token)
    request.token_secret = bytes(16)
    denied = grpc.StatusCode.PERMISSION_DENIED
    assert refusal_of(listener, authority, request) == (
        denied,
        "this token is not known here (ask for a token of this collector)",
    )
    assert refusal_of(listener, authority, stranger.ask_to_renew()) == (
        denied,
        "this device is not known here (enrol it with a token of this collector)",
    )
    assert refusal_of(listener, authority, stranger.ask_to_go_on_for(stranger)) == (
        denied,
        "the former device is not known here (enrol with a token of this collector)",
    )
    assert school.count(devices) == 0


@pytest.mark.parametrize("method", [ENROL_METHOD, RENEW_METHOD, REKEY_METHOD])
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.PERMISSION_DENIED),
        (bytes(MAX_REQUEST_BYTES + 1), grpc.StatusCode.PERMISSION_DENIED),
    ],
    ids=["noise", "nothing", "too much"],
)
def test_noise_is_refused_and_the_next_is_answered(
    school: School, listener: Listener, authority: Authority, method: str, raw: bytes, status: grpc.StatusCode
) -> None:
    """Whatever comes from the network."""
    with pytest.raises(grpc.RpcError) as caught:
        listener.ask_raw(method, raw, EnrolReply, known=authority.certificate_pem)
    assert caught.value.code() is status
    assert listener.ask(
        Machine(school.id).ask_to_enrol(make_school_token(school, authority)), known=authority.certificate_pem
    ).device_id


def test_peer_that_comes_too_often_is_told_to_wait(school: School, authority: Authority) -> None:
    """Before a byte of his is read; who decides that is told where he comes from."""
    peers: list[str] = []

    def admit(peer: str) -> bool:
        peers.append(peer)
        return len(peers) > 1

    with Listener(school, admit_peer=admit) as listener:
        request = Machine(school.id).ask_to_enrol(make_school_token(school, authority))
        assert refusal_of(listener, authority, request) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "too many at once (try again in a minute)",
        )
        assert listener.ask(request, known=authority.certificate_pem).device_id
    assert all(peer.startswith("ipv4:127.0.0.1:") for peer in peers)


def test_database_that_fails_refuses_for_now(school: School, listener: Listener, authority: Authority) -> None:
    """The machine may try again: the token lost nothing."""

    def fail(_: object) -> None:
        raise school.engine.dialect.loaded_dbapi.OperationalError("database or disk is full")

    request = Machine(school.id).ask_to_enrol(make_school_token(school, authority))
    event.listen(school.engine, "commit", fail)
    status, words = refusal_of(listener, authority, request)
    event.remove(school.engine, "commit", fail)
    assert status is grpc.StatusCode.UNAVAILABLE
    assert "the disk of the database is full" in words
    assert listener.ask(request, known=authority.certificate_pem).device_id


def test_stranger_never_asks_for_the_writer(school: School, listener: Listener, authority: Authority) -> None:
    """Nobody who fails a check begins a transaction that writes: strangers cannot hold up evidence."""
    token = make_school_token(school, authority)
    machine = Machine(school.id)
    machine.enrol(school, authority, token)
    begun: list[str] = []

    def note(connection: Any) -> None:
        if not connection.get_execution_options().get("read_only"):
            begun.append("a writer")

    event.listen(school.engine, "begin", note)
    unproven = Machine(school.id).ask_to_enrol(make_school_token(school, authority))
    begun.clear()
    unproven.evidence_proof = bytes(64)
    used_up = Machine(school.id).ask_to_enrol(token)
    renewal = machine.ask_to_renew()
    renewal.evidence_proof = bytes(64)
    rekey = Machine(school.id).ask_to_go_on_for(machine)
    rekey.former_proof = bytes(64)
    for request in (EnrolRequest(), unproven, used_up, renewal, rekey):
        assert refusal_of(listener, authority, request)[0] is grpc.StatusCode.PERMISSION_DENIED
    event.remove(school.engine, "begin", note)
    assert begun == []


def test_same_machine_that_asks_twice_at_once_is_one_device(
    school: School, listener: Listener, authority: Authority
) -> None:
    """An answer that is slow is asked for again; the token loses one use for each machine."""
    token = make_school_token(school, authority, uses=12)
    requests = [Machine(school.id, f"lab-{number}").ask_to_enrol(token) for number in range(16)]

    def ask(request: EnrolRequest) -> str:
        try:
            return str(listener.ask(request, known=authority.certificate_pem).device_id)
        except grpc.RpcError as error:
            assert "used up" in str(error.details())
            return ""

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, requests * 2))
    assert len({answer for answer in answers if answer}) == school.count(devices) == 12
    assert answers[:16] == answers[16:]


def test_two_thousand_machines_at_once_are_as_many_as_the_token_says(
    school: School, listener: Listener, authority: Authority
) -> None:
    """Those who are told to come back do, until each has an answer; nobody is left without one."""
    token = make_school_token(school, authority, uses=60)
    machine = Machine(school.id)
    requests = []
    for number in range(2000):
        # A key of its own makes a machine another; the TLS key is made once, which is what takes long.
        machine.signer, machine.facts.hostname = Ed25519Signer.generate(), f"lab-{number}"
        requests.append(machine.ask_to_enrol(token).SerializeToString())
    admitted: list[str] = []
    refused = told_to_wait = 0
    with listener.open_enrolment(known=authority.certificate_pem) as call:
        waiting = requests
        while waiting:
            asked = [(raw, call.future(raw, timeout=DEADLINE_S)) for raw in waiting[:300]]
            waiting = waiting[300:]
            for raw, answer in asked:
                if answer.code() is grpc.StatusCode.OK:
                    admitted.append(answer.result().device_id)
                elif answer.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    told_to_wait += 1
                    waiting.append(raw)
                else:
                    assert "used up" in answer.details()
                    refused += 1
    assert (len(set(admitted)), refused) == (60, 1940)
    assert school.count(devices) == 60
    assert {device.state for device in list_devices(school.engine, school.id)} == {DeviceState.PENDING}
    assert told_to_wait > 0
