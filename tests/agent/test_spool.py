# SPDX-License-Identifier: Apache-2.0
"""Tests of the queue on the disk.

What happens when it is full is in `test_spool_full`, in random order in `test_spool_model`, and what could kill it in
`test_spool_survives`.
"""

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from agent.errors import AlreadyRunningError, SpoolError
from agent.spool import QUARANTINED_AT_MOST, Head, Quarantined, Spool
from proto.chain import GENESIS
from proto.events import Missing
from tests.agent.spooled import KEY, Chain, peek_all

ROOM = 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a queue will be."""
    return tmp_path / "state" / "spool" / "spool.db"


def test_a_new_queue_is_empty(path: Path) -> None:
    """Nothing waits, and the chain is at its beginning."""
    spool = Spool(path, KEY)
    assert spool.count() == 0
    assert peek_all(spool) == []
    assert (spool.head(1).seq, spool.head(1).hash) == (0, GENESIS)
    assert spool.head(7).epoch == 7


def test_what_goes_in_comes_out_in_order(path: Path) -> None:
    """Events come out as they went in, oldest first, again and again until they are acknowledged."""
    spool, chain = Spool(path, KEY), Chain()
    events = [chain.make(b"x" * number, rank=number % 5) for number in range(20)]
    spool.append(1, events[:1])
    spool.append(1, events[1:])
    assert peek_all(spool) == events
    assert peek_all(spool) == events
    assert spool.count() == 20
    assert (spool.head(1).seq, spool.head(1).hash) == (20, events[-1].hash)


def test_a_restart_changes_nothing(path: Path) -> None:
    """Closed and opened again, the queue holds the same."""
    spool, chain = Spool(path, KEY), Chain()
    events = chain.make_many(5)
    spool.append(1, events)
    spool.acknowledge(2)
    spool.close()
    again = Spool(path, KEY)
    assert peek_all(again) == events[2:]
    assert again.head(1).hash == events[-1].hash


def test_acknowledged_is_forgotten(path: Path) -> None:
    """Everything up to a number goes, and the chain goes on from the newest all the same."""
    spool, chain = Spool(path, KEY), Chain()
    events = chain.make_many(5)
    spool.append(1, events)
    spool.acknowledge(3)
    assert [event.seq for event in peek_all(spool)] == [4, 5]
    spool.acknowledge(3)
    spool.acknowledge(0)
    assert spool.count() == 2
    spool.acknowledge(5)
    assert spool.count() == 0
    assert spool.head(1).seq == 5
    assert spool.find_hash(3) is None


@pytest.mark.parametrize("seq", [6, 1000, 2**63 - 1, 2**63, 2**64 - 1])
def test_what_was_never_made_cannot_be_acknowledged(path: Path, seq: int) -> None:
    """A collector that names a number beyond the newest deletes nothing, and the queue goes on working."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(5))
    with pytest.raises(SpoolError, match="acknowledges"):
        spool.acknowledge(seq)
    spool.append(1, chain.make_many(1))
    spool.acknowledge(1)
    assert [event.seq for event in peek_all(spool)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("seq", [0, 6, 2**63, 2**64 - 1])
def test_numbers_of_nobody_find_nothing(path: Path, seq: int) -> None:
    """Any number that a collector can name is looked up without harm."""
    spool, chain = Spool(path, KEY), Chain()
    events = chain.make_many(5)
    spool.append(1, events)
    assert spool.find_hash(seq) is None
    assert spool.find_hash(3) == events[2].hash
    if seq:
        assert spool.peek(seq, max_events=10, max_bytes=ROOM) == []


def test_peek_keeps_its_limits(path: Path) -> None:
    """No more events and no more bytes than asked for, but one at the least."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(10, bytes(1000)))
    assert [event.seq for event in spool.peek(0, max_events=3, max_bytes=ROOM)] == [1, 2, 3]
    assert [event.seq for event in spool.peek(8, max_events=3, max_bytes=ROOM)] == [9, 10]
    assert [event.seq for event in spool.peek(2, max_events=10, max_bytes=1)] == [3]
    taken = spool.peek(0, max_events=10, max_bytes=4000)
    assert 2 <= len(taken) <= 4
    assert spool.peek(10, max_events=10, max_bytes=ROOM) == []


def test_waiting_readers_are_woken(path: Path) -> None:
    """Whoever waits for something to send is told when there is."""
    spool, chain = Spool(path, KEY), Chain()
    seen: list[int] = []

    def wait() -> None:
        with spool.changed:
            assert spool.changed.wait_for(lambda: spool.count() > 0, timeout=60)
            seen.append(spool.count())

    reader = threading.Thread(target=wait)
    reader.start()
    spool.append(1, chain.make_many(2))
    reader.join(timeout=60)
    assert seen == [2]


def test_threads_do_not_disturb_each_other(path: Path) -> None:
    """While one thread appends, another takes and acknowledges; nothing is lost, doubled or out of order."""
    spool, chain = Spool(path, KEY), Chain()
    taken: list[int] = []

    def send() -> None:
        while len(taken) < 200:
            events = spool.peek(taken[-1] if taken else 0, max_events=7, max_bytes=ROOM)
            taken.extend(event.seq for event in events)
            if events:
                spool.acknowledge(events[-1].seq)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(100):
        spool.append(1, chain.make_many(2))
    sender.join(timeout=60)
    assert taken == list(range(1, 201))
    assert spool.count() == 0


def test_a_failed_batch_leaves_nothing(path: Path) -> None:
    """If one event of several cannot be stored, none is, and the queue goes on working."""
    spool, chain = Spool(path, KEY), Chain()
    first = chain.make()
    spool.append(1, [first])
    second = chain.make()
    with pytest.raises(SpoolError, match="cannot be written"):
        spool.append(1, [second, first])
    assert peek_all(spool) == [first]
    assert spool.head(1).seq == 1
    spool.append(1, [second])
    assert spool.count() == 2


@pytest.mark.parametrize("missing", [Missing.QUEUE_FULL, Missing.DAMAGED])
def test_missing_content_stays_missing(path: Path, missing: Missing) -> None:
    """An event that came without content comes out without, and for the same reason."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, [chain.make(missing=missing)])
    assert peek_all(spool)[0].payload.missing is missing


def test_another_key_opens_no_content(path: Path) -> None:
    """Under another key headers are there and content is damaged, for who took the file alone as for us."""
    spool, chain = Spool(path, KEY), Chain()
    events = chain.make_many(3)
    spool.append(1, events)
    spool.close()
    found = peek_all(Spool(path, bytes(32)))
    assert [event.header for event in found] == [event.header for event in events]
    assert {event.payload.missing for event in found} == {Missing.DAMAGED}
    assert {event.payload.salt + event.payload.body for event in found} == {b""}


def test_content_cannot_be_exchanged(path: Path) -> None:
    """Content moved to another event does not open there."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(2))
    spool.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE events SET payload = (SELECT payload FROM events WHERE seq = 2) WHERE seq = 1")
    database.close()
    assert [event.payload.missing for event in peek_all(Spool(path, KEY))] == [Missing.DAMAGED, Missing.NO]


def test_nothing_of_the_content_is_readable(path: Path) -> None:
    """No file beside or in the queue holds content or salt, before and after it is acknowledged."""
    spool, chain = Spool(path, KEY), Chain()
    events = [chain.make(b"a secret that nobody may read %d" % number) for number in range(20)]
    for event in events:
        spool.append(1, [event])

    def raw() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert events[0].header in raw()
    spool.acknowledge(10)
    spool.close()
    for event in events:
        assert event.payload.salt not in raw()
        assert b"secret" not in raw()
    assert events[0].hash not in raw(), "what was acknowledged is wiped, not only unlinked"


def test_the_same_content_looks_different_each_time(path: Path) -> None:
    """Each content is under a nonce of its own."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(50, b""))
    spool.close()
    with sqlite3.connect(path) as database:
        nonces = {payload[:12] for (payload,) in database.execute("SELECT payload FROM events")}
    database.close()
    assert len(nonces) == 50


def test_only_the_owner_reads_it(path: Path) -> None:
    """Folders are 0700 and files 0600, the journal too, whatever the umask."""
    before = os.umask(0)
    try:
        spool, chain = Spool(path, KEY), Chain()
        spool.append(1, chain.make_many(2))
    finally:
        os.umask(before)
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert files == {"spool.db": 0o600, "spool.db-journal": 0o600}


def test_a_queue_that_was_open_to_all_is_not_any_more(path: Path) -> None:
    """Somebody's chmod does not last."""
    Spool(path, KEY).close()
    path.chmod(0o666)
    Spool(path, KEY).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_commit_is_brought_to_the_disk(path: Path) -> None:
    """A rollback journal that is truncated, and a sync at every commit, so that a power cut takes nothing back."""
    database = Spool(path, KEY)._db
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    assert database.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_one_queue_has_one_agent(path: Path) -> None:
    """A second one in the same process is refused as long as the first has it."""
    first = Spool(path, KEY)
    with pytest.raises(AlreadyRunningError) as caught:
        Spool(path, KEY)
    assert caught.value.hint
    first.close()
    Spool(path, KEY).close()


def test_the_newest_that_is_durable_elsewhere_is_known(path: Path) -> None:
    """As long as something waits it names the event before it; after that, the newest of all."""
    spool, chain = Spool(path, KEY), Chain()
    assert spool.begin(1) == Head(1, 0, GENESIS)
    events = chain.make_many(4)
    spool.append(1, events)
    assert spool.begin(1) == Head(1, 0, GENESIS)
    spool.acknowledge(3)
    assert spool.begin(1) == Head(1, 3, events[2].hash)
    spool.acknowledge(4)
    assert spool.begin(1) == spool.head(1) == Head(1, 4, events[3].hash)


def test_quarantine_holds_a_few_and_nothing_in_the_clear(path: Path) -> None:
    """The newest stay, with what the collector said, over a restart too; the room of the queue is not theirs."""
    spool, chain = Spool(path, KEY), Chain()
    for number in range(QUARANTINED_AT_MOST + 3):
        event = chain.make(b"secret %d" % number)
        spool.keep_quarantined(Quarantined(event.kind, event.header, event.payload, f"why {number}"))
    spool.close()
    assert b"secret" not in path.read_bytes()
    spool = Spool(path, KEY)
    kept = spool.list_quarantined()
    assert [each.why for each in kept] == [f"why {number}" for number in range(3, QUARANTINED_AT_MOST + 3)]
    assert kept[0].payload.body == b"secret 3"
    assert (spool.count_quarantined(), spool.count(), spool._bytes) == (QUARANTINED_AT_MOST, 0, 0)


def test_a_queue_from_before_there_was_a_quarantine_is_ours(path: Path) -> None:
    """An older version wrote it; nothing in it is lost by that."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(2))
    spool._db.execute("DROP TABLE quarantine")
    spool.close()
    spool = Spool(path, KEY)
    assert (spool.count(), spool.list_quarantined()) == (2, [])


def test_a_closed_queue_says_so(path: Path) -> None:
    """Whatever is asked of it after it was closed ends in our own error."""
    spool, chain = Spool(path, KEY), Chain()
    spool.close()
    for ask in (
        spool.count,
        lambda: spool.head(1),
        lambda: spool.find_hash(1),
        lambda: peek_all(spool),
        lambda: spool.acknowledge(0),
        lambda: spool.append(1, [chain.make()]),
    ):
        with pytest.raises(SpoolError):
            ask()
