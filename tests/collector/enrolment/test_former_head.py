# SPDX-License-Identifier: Apache-2.0
"""Tests of what a machine that enrols again is told of the device that it was, and that it stays true."""

from collector.authority import Authority
from collector.enrolment import enrol
from collector.ingest import Ingest
from collector.ledger import Head, find_head
from collector.verify import verify
from proto.chain import GENESIS
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import (
    ORDINARY,
    Device,
    StoppingClock,
    enrol_device,
    make_school_token,
    numbers_of,
    reason_of,
    send,
    submit,
)
from tests.collector.school import School


def machine_of(device: Device) -> Machine:
    """Return the machine that is a device until now, as one that can sign for another."""
    machine = Machine(device.identity.school_id)
    machine.signer = device.identity.signer  # type: ignore[assignment]
    machine.device_id = device.id
    return machine


def test_it_is_told_where_the_record_ends(school: School, authority: Authority, ingest: Ingest, device: Device) -> None:
    """With the answer, and with each answer to the same question, which may have been lost on the way."""
    send(ingest, device.say(*[ORDINARY] * 3))
    token, again = make_school_token(school, authority), Machine(school.id)
    first = again.enrol(school, authority, token, former=machine_of(device))
    second = again.enrol(school, authority, token, former=machine_of(device))
    assert first.former == second.former == Head(1, 3, device.hash)
    assert verify(school.engine, school.config).problems == []


def test_device_that_said_nothing_has_an_end_too(school: School, authority: Authority, device: Device) -> None:
    """Before its first event: then all of it is still to come."""
    admitted = Machine(school.id).enrol(
        school, authority, make_school_token(school, authority), former=machine_of(device)
    )
    assert admitted.former == Head(1, 0, GENESIS, is_stored=False)


def test_nobody_is_told_who_proves_nothing(school: School, authority: Authority, device: Device) -> None:
    """Neither a machine that was none before, nor one that names another device than when it came."""
    token, machine = make_school_token(school, authority), Machine(school.id)
    assert machine.enrol(school, authority, token).former is None
    request = machine.ask_to_enrol(token, former=machine_of(device))
    assert enrol(school.engine, school.config, authority, request, school.now_ns).former is None


def test_nothing_is_taken_after_the_end_was_told(
    school: School, authority: Authority, ingest: Ingest, clock: StoppingClock, device: Device
) -> None:
    """Not even by an ingest that remembers the key as good; others of the same commit are not held up."""
    other = enrol_device(school, authority, "library-02")
    send(ingest, device.say(ORDINARY))
    token = make_school_token(school, authority)
    with clock.held(ingest):
        late = submit(ingest, device.say(ORDINARY))
        beside = submit(ingest, other.say(ORDINARY))
        admitted = Machine(school.id).enrol(school, authority, token, former=machine_of(device))
    assert reason_of(late.result(60)) == "wrong_device"
    assert numbers_of([beside.result(60)]) == [1]
    assert admitted.former == find_head(school.engine, device.id)
    assert verify(school.engine, school.config).problems == []
