# SPDX-License-Identifier: Apache-2.0
"""Tests of how evidence is found again. How it gets in is in `tests/collector/store` and `test_ingest`."""

import hashlib

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
    assert ledger.list_events(school.engine, school.id, device.id) == []
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


def test_newest_events_come_first(school: School, ingest: Ingest, device: Device) -> None:
    """As many as asked for, across envelopes, and of one device only."""
    other = Device(device.identity)
    assert other.id == device.id
    send(ingest, device.say(ORDINARY, ORDINARY), device.say(ORDINARY), device.say(*[ORDINARY] * 3))
    listed = ledger.list_events(school.engine, school.id, device.id, limit=4)
    assert [event.seq for event in listed] == [6, 5, 4, 3]
    assert len(ledger.list_events(school.engine, school.id, device.id)) == 6
    assert ledger.list_events(school.engine, school.id, "0" * 16) == []


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
    words = [event.missing for event in ledger.list_events(school.engine, school.id, device.id)]
    assert words == [
        "the device could not read this content back",
        "the device's queue was full and let this content go",
    ]


def test_refused_evidence_is_listed_without_its_bytes(school: School, device: Device) -> None:
    """What came last is first, and what came again is counted."""

    def keep(raw: bytes) -> None:
        with writing(school.engine) as connection:
            ledger.keep_refused(
                connection,
                school.id,
                device.id,
                raw=raw,
                reason="malformed",
                detail="not a message",
                now_ns=school.now_ns,
            )

    first_at_ns = school.now_ns
    keep(b"one")
    school.pass_time(SECOND_NS)
    keep(b"second")
    school.pass_time(SECOND_NS)
    keep(b"one")
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
