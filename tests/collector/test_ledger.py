# SPDX-License-Identifier: Apache-2.0
"""Tests of how evidence is found again. How it gets in is in `tests/collector/store` and `test_ingest`."""

import hashlib
import secrets

import pytest

from collector import ledger
from collector.ingest import Ingest
from collector.store.engine import writing
from proto.chain import GENESIS
from proto.events import Missing
from proto.wire import decode_header_block
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, headers_of, send
from tests.collector.school import SECOND_NS, School


def test_empty_ledger_begins_at_the_beginning(school: School, device: Device) -> None:
    """Nothing is where nothing was sent."""
    assert ledger.find_next_event_id(school.engine) == 1
    assert ledger.find_head(school.engine, device.id) == ledger.Head(1, 0, GENESIS, is_stored=False)
    assert ledger.find_headers(school.engine, device.id, 1, 1, 10) == []
    assert ledger.find_event(school.engine, school.id, 1) is None


def test_event_is_found_with_its_content(school: School, ingest: Ingest, device: Device) -> None:
    """Whose it is, where it stands, when it was made and received, and what it says."""
    device.wall_clock_ns = 123 * SECOND_NS
    send(ingest, device.say(ORDINARY, TOR_STARTED))
    event = ledger.find_event(school.engine, school.id, 2)
    assert event is not None
    assert (event.device_id, event.epoch, event.seq, event.kind, event.severity) == (
        device.id,
        1,
        2,
        "program.started",
        1,
    )
    assert (event.device_time_ns, event.received_at_ns) == (123 * SECOND_NS, school.now_ns)
    assert event.body is not None
    assert event.body["program"]["name"] == "tor"
    assert ledger.find_event(school.engine, "0" * 16, 2) is None


def test_headers_are_found_by_number(school: School, ingest: Ingest, device: Device) -> None:
    """Exactly the range that was asked for, as far as it is there, across envelopes."""
    sent = [device.say(ORDINARY, ORDINARY), device.say(ORDINARY, ORDINARY)]
    send(ingest, *sent)
    headers = headers_of(*sent)
    assert ledger.find_headers(school.engine, device.id, 1, 2, 3) == headers[1:3]
    assert ledger.find_headers(school.engine, device.id, 1, 4, 9) == headers[3:]
    assert ledger.find_headers(school.engine, device.id, 2, 1, 4) == []
    assert decode_header_block(sent[0].header_block) == headers[:2]


def test_next_number_follows_the_last_envelope(school: School, ingest: Ingest, device: Device) -> None:
    """Event numbers have no hole, whoever asks."""
    send(ingest, device.say(*[ORDINARY] * 5), device.say(ORDINARY))
    assert ledger.find_next_event_id(school.engine) == 7


def test_absence_is_explained(school: School, ingest: Ingest, device: Device) -> None:
    """Content that is not there says why."""
    for missing in (Missing.QUEUE_FULL, Missing.DAMAGED):
        send(ingest, device.say(TOR_STARTED, missing=missing))
    found = [ledger.find_event(school.engine, school.id, event_id) for event_id in (1, 2)]
    assert [each and each.missing for each in found] == [
        "the device's queue was full and let this content go",
        "the device could not read this content back",
    ]


def keep(school: School, device_id: str, raw: bytes) -> None:
    """Keep what a device sent and was refused."""
    with writing(school.engine) as connection:
        ledger.keep_refused(
            connection,
            school.id,
            device_id,
            raw=raw,
            reason="malformed",
            detail="not a message",
            now_ns=school.now_ns,
        )


def test_refused_evidence_is_listed_without_its_bytes(school: School, device: Device) -> None:
    """What came last is first, and what came again is counted."""
    first_at_ns = school.now_ns
    keep(school, device.id, b"one")
    school.pass_time(SECOND_NS)
    keep(school, device.id, b"second")
    school.pass_time(SECOND_NS)
    keep(school, device.id, b"one")
    one, second = ledger.list_refused(school.engine, school.id)
    assert one == ledger.RefusedEvidence(
        device=device.id,
        reason="malformed",
        detail="not a message",
        count=2,
        size=3,
        first_at_ns=first_at_ns,
        last_at_ns=school.now_ns,
        sha256=hashlib.sha256(b"one").hexdigest(),
    )
    assert (second.size, second.count) == (6, 1)
    assert ledger.list_refused(school.engine, "0" * 16) == []


def test_refused_evidence_is_bounded_over_all(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that waits to be confirmed has a smaller share, and all of them together one: the oldest goes."""
    monkeypatch.setattr(ledger, "REFUSED_KEPT_A_PENDING_DEVICE", 2)
    monkeypatch.setattr(ledger, "REFUSED_KEPT_A_SCHOOL", 5)
    pending, active = school.add_device("lab-1", state="pending"), school.add_device("lab-2")
    other = "0" * 16
    for device_id in (active, active, pending, pending, pending, active):
        keep(school, device_id, secrets.token_bytes(8))
    assert [each.device for each in ledger.list_refused(school.engine, school.id)] == [
        active,
        pending,
        pending,
        active,
        active,
    ]
    keep(school, other, b"one")
    keep(school, other, b"two")
    assert [each.device for each in ledger.list_refused(school.engine, school.id)] == [
        other,
        other,
        active,
        pending,
        pending,
    ]
