# SPDX-License-Identifier: Apache-2.0
"""Tests of what may not go into the ledger, through ingest: the reason, what is kept of it, and what else suffers."""

from typing import Any

import pytest
from sqlalchemy import select, update

from collector import ledger
from collector.authority import Authority
from collector.enrolment import revoke_device
from collector.ingest import Ingest
from collector.store.engine import reading, writing
from collector.store.schema import devices, events, refused
from collector.verify import verify
from proto.envelope import MAX_ENVELOPE_BYTES
from proto.events import ChainRestarted, Missing, Payload
from tests.collector.evidence import (
    ORDINARY,
    TOR_STARTED,
    Device,
    Said,
    StoppingClock,
    enrol_device,
    headers_of,
    incidents_of,
    numbers_of,
    reason_of,
    refusal_of,
    refused_of,
    send,
    spoil,
    submit,
)
from tests.collector.school import MINUTE_NS, School


def test_fork_is_refused_kept_and_an_incident(school: School, ingest: Ingest, device: Device) -> None:
    """A second machine with the same identity is found by its first event; nothing of the first machine is lost."""
    clone = device.clone()
    send(ingest, device.say(TOR_STARTED))
    answers = send(ingest, clone.say(ORDINARY), clone.say(ORDINARY))
    assert [reason_of(answer) for answer in answers] == ["forked", "bad_chain"]
    assert numbers_of(send(ingest, device.say(ORDINARY))) == [2]
    assert [(incident.rule, incident.count) for incident in incidents_of(school)] == [
        ("bypass-tor", 1),
        ("device-forked", 1),
        ("device-refused", 1),
    ]
    assert sorted(refused_of(school, device)) == [("bad_chain", 1), ("forked", 1)]
    assert verify(school.engine, school.config).problems == []


def test_fork_that_the_device_did_not_sign_is_none(school: School, ingest: Ingest, device: Device) -> None:
    """Whoever makes up an envelope cannot have a device give its identity up: its signature is judged first."""
    old = device.clone()
    send(ingest, device.say(TOR_STARTED))
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("lost", 1), ORDINARY))
    other = device.clone()
    other.seq = 0
    forged = [spoil(each.say(ORDINARY), signature=bytes(64)) for each in (old, other)]
    assert [reason_of(answer) for answer in send(ingest, *forged)] == ["bad_signature"] * 2
    assert "device-forked" not in [incident.rule for incident in incidents_of(school)]


def test_fork_is_told_in_plain_words(school: School, ingest: Ingest, device: Device) -> None:
    """Whoever reads the incident knows what happened, and on which machine."""
    clone = device.clone()
    send(ingest, device.say(ORDINARY), clone.say(ORDINARY, ORDINARY))
    (incident,) = incidents_of(school)
    assert (incident.rule, incident.severity) == ("device-forked", 4)
    assert incident.summary == "Two machines speak as library-01, or an old copy of it was started"


def test_pending_device_is_heard(school: School, ingest: Ingest, device: Device) -> None:
    """What nobody confirmed yet is evidence all the same; a device that was given away is not heard."""
    for state in ("pending", "retired"):
        with writing(school.engine) as connection:
            connection.execute(update(devices).where(devices.c.device_id == device.id).values(state=state))
        ingest.forget(device.id)
        (answer,) = send(ingest, device.say(ORDINARY))
        if state == "pending":
            assert numbers_of([answer]) == [1]
        else:
            assert reason_of(answer) == "wrong_device"


def test_envelope_of_another_device_is_refused(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """What one device signed does not come in over another's connection, recorded or not."""
    other = enrol_device(school, authority, "library-02")
    (answer,) = send(ingest, device.say(TOR_STARTED), device_id=other.id)
    assert reason_of(answer) == "wrong_device"
    assert (school.count(events), refused_of(school, other)) == (0, [("wrong_device", 1)])
    assert [incident.device for incident in incidents_of(school)] == [other.id]


def test_envelope_of_another_school_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """The school in the envelope counts, too."""
    (answer,) = send(ingest, spoil(device.say(ORDINARY), school_id="0" * 16))
    assert reason_of(answer) == "wrong_device"


def test_unknown_device_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """A device that is in no table may not speak; an incident about a device that does not exist helps nobody."""
    (answer,) = send(ingest, spoil(device.say(ORDINARY), device_id="0" * 16))
    assert reason_of(answer) == "wrong_device"
    assert incidents_of(school) == []


def test_revoked_device_is_refused_from_its_next_hello_on(school: School, ingest: Ingest, device: Device) -> None:
    """Once its stream has ended, a revoked device gets nothing in; what it said before stays."""
    send(ingest, device.say(ORDINARY))
    revoke_device(school.engine, school.id, device.id, now_ns=school.now_ns)
    ingest.forget(device.id)
    (answer,) = send(ingest, device.say(ORDINARY))
    assert reason_of(answer) == "wrong_device"
    assert school.count(events) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"signature": bytes(64)}, "bad_signature"),
        ({"signature": b""}, "bad_signature"),
        ({"algorithm": "ecdsa-p256-sha256"}, "bad_signature"),
        ({"last_seq": 3}, "bad_signature"),
        ({"header_block": b"\xff\xff"}, "bad_signature"),
        ({"version": 1}, "bad_signature"),
        ({"version": 3}, "malformed"),
        ({"last_seq": 0}, "malformed"),
        ({"last_seq": 2**64 - 1}, "malformed"),
        ({"first_seq": 0}, "malformed"),
        ({"epoch": 0}, "malformed"),
        ({"epoch": 2**32 - 1}, "malformed"),
        ({"epoch": 2}, "bad_signature"),
    ],
)
def test_spoilt_envelope_is_refused_and_kept(
    school: School, ingest: Ingest, device: Device, fields: dict[str, Any], reason: str
) -> None:
    """Whatever is changed on the way shows, is kept as it came and is an incident; the true one is taken after it."""
    envelope = device.say(ORDINARY, ORDINARY)
    (answer,) = send(ingest, spoil(envelope, **fields))
    assert (reason_of(answer), refusal_of(answer).first_seq) == (reason, fields.get("first_seq", 1))
    assert refused_of(school, device) == [(reason, 1)]
    assert len(incidents_of(school)) == 1
    assert school.count(events) == 0
    assert numbers_of(send(ingest, envelope)) == [2]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"previous_hash": b"\x01" * 32}, "bad_chain"),
        ({"device_id": "0" * 16}, "bad_chain"),
        ({"seq": 5}, "bad_chain"),
        ({"payload_commitment": bytes(32)}, "bad_chain"),
        ({"kind": "k" * 65}, "malformed"),
        ({"kind": "nul.\x00"}, "malformed"),
        ({"kind": ""}, "malformed"),
        ({"severity": 2**32 - 1}, "malformed"),
    ],
)
def test_signed_nonsense_is_refused_and_kept(
    school: School, ingest: Ingest, device: Device, fields: dict[str, Any], reason: str
) -> None:
    """A device cannot sign its way past the rules of the chain or the limits of the database."""
    (answer,) = send(ingest, device.clone().say(ORDINARY, **fields))
    assert reason_of(answer) == reason
    assert (school.count(events), refused_of(school, device)) == (0, [(reason, 1)])


def test_content_that_was_swapped_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """The content must be the one that its header commits to."""
    envelope = device.say(TOR_STARTED)
    envelope.payloads[0].body = b"\x0a\x03vim"
    (answer,) = send(ingest, envelope)
    assert reason_of(answer) == "bad_chain"


def test_content_with_a_reason_for_its_absence_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """An event cannot have content and say that it has none, whether the device signed that or not."""
    envelope = device.say(TOR_STARTED)
    spoilt = device.seal(1, headers_of(envelope), [Payload(bytes(32), b"x", Missing.DAMAGED)])
    envelope.payloads[0].missing = 1  # type: ignore[assignment]
    assert [reason_of(answer) for answer in send(ingest, envelope, spoilt)] == ["bad_signature", "malformed"]


def test_oversized_envelope_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """More bytes than an envelope may have are not even looked at; the first 64 KiB of them are kept."""
    (answer,) = send(ingest, device.say(*[Said("a.b", bytes(400 * 1024))] * 6))
    assert reason_of(answer) == "too_large"
    with reading(school.engine) as connection:
        row = connection.execute(select(refused.c.size, refused.c.bytes)).one()
    assert row.size > MAX_ENVELOPE_BYTES
    assert len(row.bytes) == 64 * 1024


def test_same_refusal_again_is_counted(school: School, ingest: Ingest, device: Device) -> None:
    """A device that repeats itself fills no disk and opens no second incident."""
    spoilt = spoil(device.say(ORDINARY), signature=bytes(64))
    for _ in range(5):
        send(ingest, spoilt)
        school.pass_time(MINUTE_NS)
    assert refused_of(school, device) == [("bad_signature", 5)]
    assert [incident.count for incident in incidents_of(school)] == [5]


# A new chain


def test_new_epoch_that_says_so_is_taken(school: School, ingest: Ingest, device: Device) -> None:
    """A device that lost its queue begins again at number 1 and says what happened."""
    send(ingest, device.say(ORDINARY, ORDINARY))
    device.start_epoch()
    assert numbers_of(send(ingest, device.say(ChainRestarted("the queue was gone", 1), ORDINARY))) == [2]
    assert ledger.find_head(school.engine, device.id) == ledger.Head(2, 2, device.hash)
    assert verify(school.engine, school.config).problems == []


def test_new_epoch_that_says_nothing_is_refused(school: School, ingest: Ingest, device: Device) -> None:
    """A chain cannot be begun anew in silence."""
    send(ingest, device.say(ORDINARY))
    device.start_epoch()
    (answer,) = send(ingest, device.say(ORDINARY))
    assert reason_of(answer) == "bad_chain"
    assert ledger.find_head(school.engine, device.id).epoch == 1


def test_new_epoch_that_begins_in_its_middle_is_no_fork(school: School, ingest: Ingest, device: Device) -> None:
    """A collector that was set back does not know what came before; the device is told where it would have to begin."""
    device.start_epoch()
    device.say(ChainRestarted("lost", 1))
    (answer,) = send(ingest, device.say(ORDINARY))
    assert (reason_of(answer), refusal_of(answer).expected_seq) == ("out_of_order", 1)
    assert incidents_of(school) == []


def test_old_epoch_is_a_fork(school: School, ingest: Ingest, device: Device) -> None:
    """Whoever goes on with the chain of before is another machine."""
    before = device.clone()
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("the queue was gone", 1)))
    (answer,) = send(ingest, before.say(ORDINARY))
    assert reason_of(answer) == "forked"


def test_what_is_held_of_an_old_epoch_is_acknowledged(school: School, ingest: Ingest, device: Device) -> None:
    """A machine that was set back to its image asks about what its first life sent already; only all of it will do."""
    sent = device.say(ORDINARY, ORDINARY)
    before = device.clone()
    send(ingest, sent)
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("reset", 1)))
    assert numbers_of(send(ingest, sent)) == [2]
    (answer,) = send(ingest, before.say(ORDINARY))
    assert reason_of(answer) == "forked"
    assert ledger.find_head(school.engine, device.id).epoch == 2


@pytest.mark.parametrize("epoch", [1, 2])
def test_what_goes_back_is_looked_up_on_the_devices_signature_only(
    school: School, ingest: Ingest, device: Device, epoch: int
) -> None:
    """An envelope of nothing that claims a whole epoch has nothing looked up, and none is acknowledged for nothing."""
    sent = device.say(ORDINARY, ORDINARY)
    send(ingest, sent)
    if epoch == 2:
        device.start_epoch()
        send(ingest, device.say(ChainRestarted("reset", 1)))
    forged = [
        spoil(sent, last_seq=2**62, header_block=b"", signature=b""),
        spoil(sent, last_seq=2**62),
        spoil(sent, first_seq=500, last_seq=900, header_block=b""),
        spoil(sent, last_seq=1),
        spoil(sent, signature=bytes(64)),
    ]
    if epoch == 1:
        del forged[2]  # It leaves a gap.
    reasons = [reason_of(answer) for answer in send(ingest, *forged)]
    assert reasons == ["malformed"] * (len(forged) - 1) + ["bad_signature"]
    assert numbers_of(send(ingest, sent)) == [2]


def test_new_epoch_in_the_batch_of_the_old_one_is_taken(
    school: School, ingest: Ingest, device: Device, clock: StoppingClock
) -> None:
    """The end of one chain and the start of the next may arrive together."""
    with clock.held(ingest):
        waiting = [submit(ingest, device.say(ORDINARY, ORDINARY))]
        device.start_epoch()
        waiting += [submit(ingest, device.say(ChainRestarted("gone", 1))), submit(ingest, device.say(ORDINARY))]
    assert numbers_of(answer.result(60) for answer in waiting) == [2, 1, 2]
    assert verify(school.engine, school.config).problems == []
