# SPDX-License-Identifier: Apache-2.0
"""Tests of what the verifier tells: drills, what was erased or lost, successors, epochs; and how it reads bytes."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from collector.checkpoints import make_checkpoint
from collector.erasure import erase_events
from collector.evidence.case import load_incident
from collector.ingest import Ingest
from collector.store.engine import writing
from collector.store.schema import device_keys, devices
from collector.tombstones import Reason
from collector.verifier.schoolwarden_verify import HEADER, HEADER_WIRES, describe, read_header, verify
from proto.enrolment import FORKED, proof_bytes, succession_bytes
from proto.events import ChainRestarted, Missing
from proto.keys import Ed25519Signer
from proto.wire import HeaderView
from tests.collector.evidence import ORDINARY, TOR_STARTED, Said, make_evaluator, numbers_of, send
from tests.collector.verifier.conftest import Exported
from tests.collector.verifier.forgery import Forgery

Change = Callable[[Forgery], Any]


def fingerprint_of(public_key: bytes) -> str:
    """Return a key's fingerprint."""
    return hashlib.sha256(public_key).hexdigest()


def problems_of(data: bytes, *checkpoints: str, pins: list[tuple[str, str]] | None = None) -> str:
    """Return all problems, as one text."""
    return "\n".join(verify(data, checkpoints, pins or [])["problems"])


def test_drill_is_told(own: Exported) -> None:
    """Who reads the file sees that nobody did it in earnest: it stands in what the device signed."""
    ingest = Ingest(own.school.engine, own.school.id, make_evaluator(), clock_ns=lambda: own.school.now_ns)
    send(ingest, own.device.say(TOR_STARTED, drill=True))
    ingest.close()
    told = verify(own.export())
    assert told["problems"] == []
    assert "program.started, a drill, no concern, " in told["What the case rests on"][-1]


def test_collector_that_tells_a_device_s_story_anew_fails_by_the_device_s_key(exported: Exported) -> None:
    """Who holds the collector's own keys can make up a device, but not the one whose fingerprint is known."""
    data = Forgery.of(exported.data).tell_anew(exported.key, Ed25519Signer.generate(), "program.found").to_zip()
    assert problems_of(data, pins=[("collector", fingerprint_of(exported.key.public_key))]) == ""
    own = fingerprint_of(exported.device.identity.signer.public_key)
    assert "is not the one" in problems_of(data, pins=[(exported.device.id, own)])
    assert "is of another history" in problems_of(data, exported.printed.hash.hex())


def test_erased_content_is_told_with_who_and_why(own: Exported) -> None:
    """A tombstone stands for what was erased: signed, of this event and no other; without it something is missing."""
    school = own.school
    (first, *_) = load_incident(school.engine, school.id, own.incident_id, is_operator=True).event_ids
    erase_events(school.engine, school.id, own.key, [first], reason=Reason.REQUEST, note="asked", now_ns=school.now_ns)
    data = own.export()
    told = verify(data)
    assert told["problems"] == []
    erased, _ = told["What the case rests on"]
    assert "by command line: request asked" in erased
    forged = Forgery.of(data)
    forged.files["tombstones-0001.json"][0]["actor"] = "somebody else"
    assert "tombstone 1 was changed" in problems_of(forged.sign(own.key).to_zip())
    del forged.files["tombstones-0001.json"]
    assert problems_of(forged.sign(own.key).to_zip()) != ""


def test_device_that_goes_on_for_another_brings_that_one_s_signature(own: Exported) -> None:
    """The key of the former device signed the new one, for a reason; without it the new key is nobody's heir."""
    school, former = own.school, own.school.add_device("library-00")
    signer = school.signers[former]
    key = own.device.identity.signer
    said = succession_bytes(
        school_id=school.id, former_device_id=former, reason=FORKED, algorithm=key.algorithm, public_key=key.public_key
    )
    proof = proof_bytes(
        school_id=school.id,
        token_secret_sha256=bytes(32),
        certificate_request=b"",
        algorithm=signer.algorithm,
        public_key=signer.public_key,
    )
    with writing(school.engine) as connection:
        connection.execute(
            update(device_keys).where(device_keys.c.device_id == former).values(proof=signer.sign(proof))
        )
        mine = device_keys.c.device_id == own.device.id
        connection.execute(update(device_keys).where(mine).values(former_proof=signer.sign(said)))
        row = update(devices).where(devices.c.device_id == own.device.id)
        connection.execute(row.values(former_device_id=former, succession=FORKED))
    data = own.export()
    told = verify(data)
    assert told["problems"] == []
    assert f"the key of device {former} signed that it goes on for it (forked)" in " ".join(told["Who signed what"])
    forged = Forgery.of(data)
    for each in forged.files["keys.json"]:
        each["why"] = each["why"] and "enrolled_again"
    assert f"the key of device {former} did not sign for it" in problems_of(forged.sign(own.key).to_zip())


def test_content_that_the_device_lost_and_a_new_epoch_are_told(own: Exported) -> None:
    """A gap that the device itself owned up to is no fault; a chain that began anew goes on in the same file."""
    school, device = own.school, own.device
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    strange = Said("thing.seen", b"\xff\xff")
    send(ingest, device.say(ORDINARY, missing=Missing.QUEUE_FULL), device.say(strange))
    device.start_epoch()
    numbers_of(send(ingest, device.say(ChainRestarted("lost", 1), TOR_STARTED)))
    ingest.close()
    told = verify(own.export())
    assert told["problems"] == []
    assert "contents of 1 other events: its queue was full" in told["What is missing"]
    assert "epoch 2, event 2: program.started" in told["What the case rests on"][-1]


def test_every_epoch_is_covered_by_a_checkpoint_of_its_own(own: Exported) -> None:
    """Chains of two epochs do not hang together: what the newest checkpoint says is nothing about the older one."""
    school, device = own.school, own.device
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("lost", 1), TOR_STARTED))
    numbers = [each["number"] for each in Forgery.of(own.export()).checkpoints]
    assert numbers[0] < own.printed.number
    assert problems_of(own.export(), own.printed.hash.hex()) == ""
    forged = Forgery.of(own.export())
    for each in list(forged.checkpoints[:-1]):
        forged.checkpoints.remove(each)
    data = forged.sign(own.key).to_zip()
    told = verify(data)
    assert told["problems"] == []
    assert f"no checkpoint covers device {device.id}, epoch 1, event 5" in told["What this proves, and what not"]
    assert "no checkpoint covers" in problems_of(data, own.printed.hash.hex())
    # An epoch whose end no checkpoint saw.
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("lost", 2), TOR_STARTED))
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("lost", 3), TOR_STARTED))
    ingest.close()
    told = verify(own.export())
    assert told["problems"] == []
    assert f"no checkpoint covers device {device.id}, epoch 3, event 2" in told["What this proves, and what not"]


def test_epoch_that_was_removed_from_the_middle_shows_by_a_checkpoint(own: Exported) -> None:
    """Between two epochs there is no gap to see, but what was in between stands in the checkpoints."""
    school, device = own.school, own.device
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    for epoch in (1, 2):
        device.start_epoch()
        send(ingest, device.say(ChainRestarted("lost", epoch), TOR_STARTED if epoch == 2 else ORDINARY))
        make_checkpoint(school.engine, school.id, own.key, school.now_ns)
    ingest.close()
    forged = Forgery.of(own.export())
    (removed,) = [each for each in forged.envelopes if each["epoch"] == 2]
    forged.envelopes.remove(removed)
    assert "epoch 2, event 2, which was removed" in problems_of(forged.sign(own.key).to_zip())


def test_content_that_nobody_can_read_is_told_as_bytes() -> None:
    """A device may sign anything: what is no message, or is nested without end, is no reason to fail."""
    assert describe(b"\xff\xff") == ["2 bytes ffff"]
    deep = b""
    for _ in range(2000):
        deep = b"\x0a" + encode_length(len(deep) + 1) + deep + b"\x00"
    assert len(describe(deep)) < 20
    assert describe(b"\x0a\x03tor\x10\x01") == ['1: "tor"', "2: 1"]
    assert describe(b"\x0a\x04\x1b[2J") == ["1. 4 bytes 1b5b324a"]


def encode_length(length: int) -> bytes:
    """Return a length as protobuf writes it."""
    return bytes([length]) if length < 128 else bytes([length & 127 | 128]) + encode_length(length >> 7)


def test_text_that_looks_like_another_field_is_none() -> None:
    """What a device wrote ends where its quotation marks end."""
    assert describe(b'\x0a\x0ax"; 2: y\xc3\xa9') == ['1: "x\\"; 2: y\u00e9"']


def test_names_of_header_fields_are_those_of_the_contract() -> None:
    """The verifier's own table of a header's fields says what the contract says, by number and form."""
    fields: list[Any] = sorted(HeaderView.DESCRIPTOR.fields, key=lambda field: field.number)
    assert [(field.name, field.number) for field in fields] == [(name, at) for at, name in enumerate(HEADER, 1)]
    kind: Any = type(fields[0])
    forms = {kind.TYPE_STRING: 2, kind.TYPE_BYTES: 2, kind.TYPE_FIXED64: 1, kind.TYPE_SFIXED64: 1}
    assert [forms.get(field.type, 0) for field in fields] == list(HEADER_WIRES)


def test_header_with_two_meanings_is_refused() -> None:
    """What one reader takes for the first and another for the last is no evidence."""
    raw = b"\x20\x01"
    assert read_header(raw)["seq"] == 1
    for twice in (raw + b"\x20\x02", b"\x22\x01a"):
        with pytest.raises(ValueError, match="two ways"):
            read_header(twice)
