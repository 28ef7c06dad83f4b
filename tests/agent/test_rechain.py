# SPDX-License-Identifier: Apache-2.0
"""Tests of a queue that is built anew for another chain."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.rechain import Poisoned, build_queue, name_queue
from agent.recorder import Record, Recorder
from agent.spool import RANK_SAFEGUARDING, Spool
from proto.events import AgentStopped, ChainRestarted, EventsDropped, FlagRaised, Missing, Tier
from proto.wire import decode_event, decode_header
from tests.agent.collector import FakeCollector, open_as_collector
from tests.agent.spooled import peek_all

COLLECTOR = FakeCollector()
IDENTITY = COLLECTOR.make_identity()
SUCCESSOR = replace(IDENTITY, device_id="another", spool_key=bytes(range(32)))
BOOT_ID, LATER_BOOT_ID = b"b" * 16, b"c" * 16
OPENING = ChainRestarted("reset", 1)


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Spool]:
    """The queue of a chain that cannot go on."""
    spool = Spool(tmp_path / "spool" / "spool.db", IDENTITY.spool_key)
    yield spool
    spool.close()


def record(spool: Spool, *records: Record) -> None:
    """Put events into the old queue."""
    Recorder(IDENTITY, spool, BOOT_ID).record(records, bundle_version=7)


def build(former: Spool | None, tmp_path: Path, poisoned: Poisoned | None = None) -> Spool:
    """Build the new queue and open it."""
    path = name_queue(tmp_path / "spool" / "spool.db", SUCCESSOR)
    build_queue(path, SUCCESSOR, OPENING, LATER_BOOT_ID, former=former, poisoned=poisoned)
    return Spool(path, SUCCESSOR.spool_key)


def test_what_waits_is_told_again_as_it_was(former: Spool, tmp_path: Path) -> None:
    """Only who numbers it, the number and the link are new; the collector opens it as one chain of the new device."""
    flag = FlagRaised(b"sealed", b"r" * 16, 3, b"")
    record(
        former,
        Record(AgentStopped("one"), 2),
        Record(flag, 0, Tier.CALL, "head", drill=True),
        Record(AgentStopped("two"), 5),
    )
    former.acknowledge(1)
    built = build(former, tmp_path)
    waiting, before = peek_all(built), peek_all(former)
    open_as_collector(SUCCESSOR, waiting)
    assert [decode_event(event.kind, event.payload.body) for event in waiting] == [OPENING, flag, AgentStopped("two")]
    assert [(each.seq, each.rank) for each in waiting] == [(1, 3), (2, RANK_SAFEGUARDING + Tier.CALL), (3, 5)]
    for told, was in zip(waiting[1:], before, strict=True):
        header, expected = decode_header(told.header), decode_header(was.header)
        expected.device_id, expected.seq, expected.previous_hash = "another", told.seq, header.previous_hash
        assert header == expected
        assert told.payload == was.payload
    assert decode_header(waiting[0].header).boot_id == LATER_BOOT_ID
    assert len(before) == 2, "the old queue is only read"
    built.close()


def test_a_queue_of_any_length_is_told_whole(former: Spool, tmp_path: Path) -> None:
    """Also more than is read at once, and what has lost its content keeps the reason."""
    record(former, *[Record(AgentStopped(f"event {number}"), 1) for number in range(1200)])
    former._db.execute("UPDATE events SET payload = NULL, missing = ? WHERE seq = 700", (Missing.QUEUE_FULL,))
    built = build(former, tmp_path)
    waiting = peek_all(built)
    open_as_collector(SUCCESSOR, waiting[:1000])
    assert [each.seq for each in waiting] == list(range(1, 1202))
    assert [each.seq for each in waiting if each.payload.missing is Missing.QUEUE_FULL] == [701]
    built.close()


def test_a_poisoned_event_is_put_aside_and_counted(former: Spool, tmp_path: Path) -> None:
    """It leaves the chain, an event says that one of its kind is gone, and its content stays for whoever looks."""
    record(former, *[Record(AgentStopped(name), 1) for name in ("one", "two", "three")])
    built = build(former, tmp_path, Poisoned(2, "malformed, said the test"))
    events = [decode_event(event.kind, event.payload.body) for event in peek_all(built)]
    dropped = EventsDropped("agent.stopped", "quarantined", 1)
    assert events == [OPENING, dropped, AgentStopped("one"), AgentStopped("three")]
    (aside,) = built.list_quarantined()
    assert decode_event(aside.kind, aside.payload.body) == AgentStopped("two")
    assert (aside.why, built.count_quarantined()) == ("malformed, said the test", 1)
    built.close()


def test_what_lies_in_quarantine_stays_there(former: Spool, tmp_path: Path) -> None:
    """A later chain keeps it, under its own key."""
    record(former, Record(AgentStopped("one"), 1))
    first = build(former, tmp_path, Poisoned(1, "why"))
    path = name_queue(tmp_path / "spool" / "spool.db", replace(SUCCESSOR, epoch=2))
    key = bytes(32)
    build_queue(path, replace(SUCCESSOR, epoch=2, spool_key=key), OPENING, BOOT_ID, former=first)
    first.close()
    second = Spool(path, key)
    assert [decode_event(each.kind, each.payload.body) for each in second.list_quarantined()] == [AgentStopped("one")]
    second.close()


def test_what_was_built_halfway_is_built_anew(former: Spool, tmp_path: Path) -> None:
    """Whatever lies where the queue is to be, the new one does not go on in it."""
    record(former, Record(AgentStopped("one"), 1))
    build(former, tmp_path).close()
    path = name_queue(tmp_path / "spool" / "spool.db", SUCCESSOR)
    path.write_bytes(path.read_bytes()[:5000])
    path.with_name(path.name + "-journal").write_bytes(b"what an old journal may hold")
    built = build(former, tmp_path)
    assert [each.seq for each in peek_all(built)] == [1, 2]
    built.close()


def test_its_name_says_whose_a_queue_is(tmp_path: Path) -> None:
    """Another device and another epoch have another one, and no device's id gets out of the folder."""
    file = tmp_path / "spool.db"
    names = {name_queue(file, each) for each in (IDENTITY, SUCCESSOR, replace(IDENTITY, epoch=2))}
    assert len(names) == 3
    assert name_queue(file, replace(IDENTITY, device_id="../../etc")).parent == tmp_path
