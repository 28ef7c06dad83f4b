# SPDX-License-Identifier: Apache-2.0
"""Tests of the queue when there is no room: whose content goes, what is refused, and that the chain still verifies."""

from pathlib import Path

import pytest

from agent.errors import SpoolFullError
from agent.spool import RANK_SAFEGUARDING, ROW_OVERHEAD_BYTES, Spool, SpooledEvent
from proto.chain import GENESIS
from proto.envelope import open_envelope
from proto.events import Missing
from proto.keys import to_verifier
from tests.agent.spooled import KEY, Chain, peek_all
from tests.proto.device import FixedDevice, MadeEvent
from tests.proto.samples import SAMPLES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a queue will be."""
    return tmp_path / "state" / "spool" / "spool.db"


def size_of(event: SpooledEvent) -> int:
    """Return what an event with content takes of the limit: nonce 12, tag 16 and salt 32 come with the content."""
    return len(event.header) + ROW_OVERHEAD_BYTES + 12 + 16 + 32 + len(event.payload.body)


def lost(spool: Spool) -> list[int]:
    """Return the numbers of the events that lost their content."""
    return [event.seq for event in peek_all(spool) if event.payload.missing is not Missing.NO]


def test_the_oldest_of_the_lowest_rank_loses_its_content(path: Path) -> None:
    """When there is no room, content goes by rank first and by age second; what went is counted by kind."""
    chain = Chain()
    ranks = (3, 1, 2, 1, 4)
    events = [chain.make(bytes(1000), rank=rank, kind=f"kind.rank{rank}ed") for rank in ranks]
    spool = Spool(path, KEY, max_bytes=sum(size_of(event) for event in events))
    for event in events:
        assert spool.append(1, [event]) == {}
    assert spool.append(1, [chain.make(bytes(600), rank=5)]) == {"kind.rank1ed": 1}
    assert lost(spool) == [2]
    assert spool.append(1, [chain.make(bytes(1500), rank=5)]) == {"kind.rank1ed": 1, "kind.rank2ed": 1}
    assert lost(spool) == [2, 3, 4]
    assert {event.payload.missing for event in peek_all(spool) if event.seq in lost(spool)} == {Missing.QUEUE_FULL}
    assert spool.head(1).seq == 7


def test_nothing_goes_for_what_is_less_important(path: Path) -> None:
    """An event takes the place of nothing above its own rank: it is refused, and nothing changes."""
    chain = Chain()
    events = [chain.make(bytes(1000), rank=3) for _ in range(4)]
    spool = Spool(path, KEY, max_bytes=sum(size_of(event) for event in events))
    spool.append(1, events)
    low = chain.make(bytes(1000), rank=2)
    with pytest.raises(SpoolFullError):
        spool.append(1, [low])
    assert peek_all(spool) == events
    assert spool.head(1).seq == 4
    spool.acknowledge(1)
    spool.append(1, [low])
    assert lost(spool) == []


def test_safeguarding_goes_last(path: Path) -> None:
    """However many other events come, at any severity, a flag keeps its content; only another flag takes its place."""
    chain = Chain()
    flags = [chain.make(bytes(1000), rank=RANK_SAFEGUARDING) for _ in range(2)]
    others = [chain.make(bytes(1000), rank=5) for _ in range(2)]
    spool = Spool(path, KEY, max_bytes=sum(size_of(event) for event in [*flags, *others]))
    spool.append(1, [*flags, *others])
    refused = 0
    device_behind = chain
    for _ in range(10):
        event = device_behind.make(bytes(1000), rank=5)
        try:
            spool.append(1, [event])
        except SpoolFullError:
            refused += 1
            device_behind = Chain(spool)
    assert refused
    assert not {1, 2} & set(lost(spool))
    flag = Chain(spool).make(bytes(10), rank=RANK_SAFEGUARDING)
    spool.append(1, [flag])
    assert flag.seq not in lost(spool)


def test_full_of_headers_alone_it_refuses(path: Path) -> None:
    """When even headers have no room, the event is refused and the queue is as it was."""
    spool, refused = Spool(path, KEY, max_bytes=3000), 0
    chain = Chain()
    while not refused:
        before = peek_all(spool)
        try:
            spool.append(1, [chain.make(b"x")])
        except SpoolFullError:
            refused += 1
    assert peek_all(spool) == before
    assert spool.head(1).seq == len(before)
    spool.acknowledge(5)
    spool.append(1, [Chain(spool).make(b"x")])


def test_an_event_larger_than_the_queue_is_refused(path: Path) -> None:
    """It does not push out anything first."""
    spool, chain = Spool(path, KEY, max_bytes=5000), Chain()
    events = chain.make_many(3)
    spool.append(1, events)
    with pytest.raises(SpoolFullError):
        spool.append(1, [chain.make(bytes(6000), rank=5)])
    assert peek_all(spool) == events


def test_a_trimmed_chain_verifies(path: Path) -> None:
    """What lost its content still opens at the collector, header by header, and shows the gap."""
    device = FixedDevice()
    spool = Spool(path, KEY, max_bytes=5000)
    kinds = list(SAMPLES)
    for number in range(14):
        made = device.make_event(SAMPLES[kinds[number % len(kinds)]])
        payload, kind = made.payload, made.fields.kind
        rank = made.fields.severity or RANK_SAFEGUARDING
        spool.append(1, [SpooledEvent(made.fields.seq, kind, rank, made.header, made.hash, payload)])
    waiting = peek_all(spool)
    assert 0 < len(lost(spool)) < len(waiting)
    fields = device.make_event(SAMPLES["agent.stopped"]).fields
    envelope = device.seal(
        [MadeEvent(fields, event.header, event.payload, event.hash) for event in waiting], first_seq=1
    )
    opened = open_envelope(envelope, to_verifier(device.signer.algorithm, device.signer.public_key), GENESIS)
    assert opened.hashes[-1] == spool.head(1).hash
    assert sum(payload.missing == Missing.QUEUE_FULL.value for payload in envelope.payloads) == len(lost(spool))
