# SPDX-License-Identifier: Apache-2.0
"""Somebody has a device of the school and its keys: what he can make the collector believe, and what he cannot."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from collector import ledger, policies
from collector.authority import Authority
from collector.coincidences import record_coincidences
from collector.config import Config
from collector.counting import MAX_OPEN_OF_A_RULE
from collector.devices import note_seen
from collector.enrolment import revoke_device
from collector.enrolment.admission import enrol
from collector.errors import EnrolmentRefusedError
from collector.ingest import Ingest
from collector.installed import MAX_PROGRAMS_A_DEVICE
from collector.presence import GRACE_NS, MAX_SESSIONS_A_DEVICE
from collector.proposals import MAX_OPEN_OF_A_DEVICE, list_proposals
from collector.store.engine import reading
from collector.store.schema import devices, events, presence, software
from proto.enrolment import succession_bytes
from proto.events import Program, ProgramStarted, SoftwareListed, UsbAttached, UsbDevice
from proto.keys import Ed25519Signer
from proto.wire import AgentMessage, Hello
from rules.evaluate import Evaluator
from tests.collector.evidence import (
    ORDINARY,
    TOR_STARTED,
    Device,
    headers_of,
    incidents_of,
    make_request,
    make_school_token,
    numbers_of,
    payloads_of,
    reason_of,
    refused_of,
    send,
)
from tests.collector.line import Listeners
from tests.collector.machines import sign_in
from tests.collector.school import SECOND_NS, School

PUPIL = "S-1-5-21-1-2-3-1234"


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


# Somebody else's name


def test_session_of_somebody_else_proves_nothing(school: School, ingest: Ingest, device: Device, rogue: Device) -> None:
    """He can say that a pupil sits at his machine: it is that machine's word, and shows as a coincidence of both."""
    numbers_of(send(ingest, device.say(sign_in(PUPIL, 1)), rogue.say(sign_in(PUPIL, 2))))
    with reading(school.engine) as connection:
        said = connection.execute(select(presence.c.device_id).order_by(presence.c.device_id)).scalars().all()
    assert sorted(said) == sorted([device.id, rogue.id])
    school.pass_time(GRACE_NS + SECOND_NS)
    note_seen(school.engine, [device.id, rogue.id], school.now_ns)
    record_coincidences(school.engine, school.id, school.now_ns)
    (incident,) = incidents_of(school)
    assert incident.rule == "account-on-several-devices"
    assert {"library-01", "rogue-01"} <= set(incident.summary.replace(",", "").split())


def test_events_of_another_device_are_refused(school: School, ingest: Ingest, device: Device, rogue: Device) -> None:
    """The other's id on the envelope or in the headers, signed by his own key: nothing is stored, he is named."""
    named = rogue.say(TOR_STARTED)
    named.device_id = device.id
    (answer,) = send(ingest, named, device_id=rogue.id)
    assert reason_of(answer) == "wrong_device"
    rogue.seq = 0
    (answer,) = send(ingest, rogue.say(TOR_STARTED, device_id=device.id))
    assert reason_of(answer) == "bad_chain"
    assert school.count(events) == 0
    assert {incident.device for incident in incidents_of(school)} == {rogue.id}
    assert refused_of(school, device) == []


def test_recorded_events_of_another_are_refused_in_every_dress(
    school: School, ingest: Ingest, device: Device, rogue: Device
) -> None:
    """As they were, or signed again by him: each is refused, and the other's record is as it was."""
    recorded = device.say(TOR_STARTED)
    numbers_of(send(ingest, recorded))
    head = ledger.find_head(school.engine, device.id)
    as_they_were = send(ingest, recorded, device_id=rogue.id)
    signed_again = send(ingest, rogue.seal(1, headers_of(recorded), payloads_of(recorded)))
    assert [reason_of(answer) for answer in (*as_they_were, *signed_again)] == ["wrong_device", "bad_chain"]
    assert ledger.find_head(school.engine, device.id) == head
    assert school.count(events) == 1


def test_certificate_of_another_device_is_not_to_be_had(
    school: School, config: Config, authority: Authority, device: Device
) -> None:
    """To go on for another device takes that one's key: with a token of his own he is a new device, or refused."""
    token = make_school_token(school, authority)
    request = make_request(school, token, "rogue-01")
    own = Ed25519Signer.generate()
    request.former_device_id = device.id
    request.former_proof = own.sign(
        succession_bytes(
            school_id=school.id,
            former_device_id=device.id,
            reason="enrolled_again",
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
        )
    )
    with pytest.raises(EnrolmentRefusedError):
        enrol(school.engine, config, authority, request, school.now_ns)
    with reading(school.engine) as connection:
        assert connection.execute(select(devices.c.state)).scalars().all() == ["active"]


# After the end


def test_nothing_is_taken_after_revocation(school: School, listeners: Listeners, rogue: Device) -> None:
    """New or recorded: a revoked device gets no welcome, an open stream ends, and what it said before stands."""
    recorded = AgentMessage(envelope=rogue.say(TOR_STARTED))
    with listeners.call(rogue) as call:
        call.say_hello()
        call.send(recorded)
        assert call.receive().ack.last_seq == 1
        revoke_device(school.engine, school.id, rogue.id, now_ns=school.now_ns)
        assert call.end() == (grpc.StatusCode.PERMISSION_DENIED, "this device was revoked")
    with listeners.call(rogue) as call:
        call.send(AgentMessage(hello=Hello(min_protocol=1, max_protocol=1)))
        call.send(recorded)
        status, words = call.end()
    assert status is grpc.StatusCode.PERMISSION_DENIED
    assert "was revoked" in words
    assert school.count(events) == 1


def test_stolen_key_is_good_until_it_is_used_beside_its_owner(
    school: School, ingest: Ingest, device: Device, clock: object
) -> None:
    """A copy of the keys speaks as the device. As soon as both have spoken there are two sequences, and an incident."""
    thief = device.clone()
    numbers_of(send(ingest, thief.say(ORDINARY)))
    (answer,) = send(ingest, device.say(TOR_STARTED))
    assert reason_of(answer) == "forked"
    assert [incident.rule for incident in incidents_of(school)] == ["device-forked"]
    revoke_device(school.engine, school.id, device.id, now_ns=school.now_ns)
    ingest.forget(device.id)
    (answer,) = send(ingest, thief.say(ORDINARY))
    assert reason_of(answer) == "wrong_device"


# Too much


def test_made_up_names_fill_no_list(school: School, ingest: Ingest, rogue: Device) -> None:
    """However much he makes up, incidents of a rule, proposals, inventory and sessions have an end."""
    bundle = policies.find_bundle(school.engine, school.id)
    assert bundle is not None
    ingest.evaluator = Evaluator(policies.open_own_bundle(bundle, school.config))
    sticks = [UsbAttached(UsbDevice(**STICK, serial=f"S{number:04}")) for number in range(60)]
    lists = [SoftwareListed((Program(f"game-{number}", source="pip"),), first=False) for number in range(110)]
    sessions = [sign_in(f"S-1-5-21-{number}", number) for number in range(220)]
    for contents in (sticks, lists, sessions):
        numbers_of(send(ingest, rogue.say(*contents)))
    for rule in {incident.rule for incident in incidents_of(school)}:
        found = [incident for incident in incidents_of(school) if incident.rule == rule]
        assert len(found) <= MAX_OPEN_OF_A_RULE + 1, rule
    assert len(list_proposals(school.engine, school.id)) == MAX_OPEN_OF_A_DEVICE
    assert school.count(software) <= MAX_PROGRAMS_A_DEVICE
    assert school.count(presence) <= 2 * MAX_SESSIONS_A_DEVICE
    assert school.count(events) == 390


STICK: dict[str, Any] = {
    "vendor_id": "0781",
    "product_id": "5567",
    "vendor": "SanDisk",
    "product": "Ultra",
    "driver": "usb-storage",
    "protection": "plain",
    "is_mounted": True,
    "size_bytes": 16_000_000_000,
    "volumes": 1,
}


def test_flood_of_one_thing_is_one_incident(school: School, ingest: Ingest, device: Device, rogue: Device) -> None:
    """A thousand starts of one program count in one row; another device's incident stands beside it."""
    numbers_of(send(ingest, rogue.say(*[TOR_STARTED] * 1000), device.say(TOR_STARTED)))
    counts = {incident.device: incident.count for incident in incidents_of(school)}
    assert counts == {rogue.id: 1000, device.id: 1}


@pytest.mark.parametrize("name", ["../../etc/passwd", "=cmd|' /C calc'!A0", "\x1b[2J\x1b]0;owned\x07", "\u202etxt.exe"])
def test_names_are_never_taken_for_more_than_names(school: School, ingest: Ingest, rogue: Device, name: str) -> None:
    """Paths, formulas, escapes and reversed text are stored as they came and shown without their power."""
    started = ProgramStarted(Program("tor", path=f"/opt/{name}/tor", sha256="ab" * 32, source="process"))
    numbers_of(send(ingest, rogue.say(started)))
    (incident,) = incidents_of(school)
    assert not set(incident.summary) & set("\x1b\x07\u202e")
