# SPDX-License-Identifier: Apache-2.0
"""Tests of the hot path: rows go in whole, chain ends move only from where they were."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from collector import ledger
from collector.errors import StoreError
from collector.store.append import EnvelopeRow, HeadRow, append_rows, move_heads
from collector.store.engine import reading, writing
from collector.store.schema import envelopes, events, heads, payloads
from tests.collector.school import School

HASH = b"\x00\x01\xff" * 10 + b"\x00\x01"


def rows(school: School, device_id: str, first_event_id: int, first_seq: int = 1, number: int = 3):
    """Return the rows of one envelope, with bytes that text formats trip over."""
    ids = range(first_event_id, first_event_id + number)
    last_seq = first_seq + number - 1
    awkward = b"\\.\n\t\x00\xff\\N" * 100
    envelope = EnvelopeRow(
        first_event_id,
        school.id,
        device_id,
        1,
        first_seq,
        last_seq,
        1,
        "ed25519",
        awkward,
        HASH,
        bytes(number),
        school.now_ns,
    )
    return (
        [envelope],
        [(each, school.id, device_id, first_seq + place, "a\\.b\tc", 5, -1) for place, each in enumerate(ids)],
        [(each, school.id, HASH, awkward, 0) for each in ids],
    )


def test_rows_come_back_as_they_went_in(school: School) -> None:
    """Not a byte is changed on the way, whatever it is."""
    device_id = school.add_device("library-01")
    wanted = rows(school, device_id, 1)
    with writing(school.engine) as connection:
        append_rows(connection, *wanted)
    with reading(school.engine) as connection:
        found = [
            [tuple(row) for row in connection.execute(select(table).order_by(key))]
            for table, key in (
                (envelopes, envelopes.c.first_event_id),
                (events, events.c.event_id),
                (payloads, payloads.c.event_id),
            )
        ]
    assert found == [[tuple(row) for row in part] for part in wanted]


def test_nothing_to_append_is_no_error(school: School) -> None:
    """A batch of refusals has no rows."""
    with writing(school.engine) as connection:
        append_rows(connection, [], [], [])
        assert move_heads(connection, [])


def test_transaction_is_rolled_back_whole(school: School) -> None:
    """When something fails after the rows went in, none of them is there."""
    device_id = school.add_device("library-01")

    def fail() -> None:
        with writing(school.engine) as connection:
            append_rows(connection, *rows(school, device_id, 1))
            assert move_heads(connection, [HeadRow(school.id, device_id, 1, 3, HASH, b"")])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert [school.count(table) for table in (envelopes, events, payloads, heads)] == [0, 0, 0, 0]


def test_event_number_is_given_once(school: School) -> None:
    """A writer that has the same number for its first event as another one fails whole."""
    first, second = school.add_device("library-01"), school.add_device("library-02")
    with writing(school.engine) as connection:
        append_rows(connection, *rows(school, first, 1))
    with pytest.raises(StoreError, match="somebody else wrote"), writing(school.engine) as connection:
        append_rows(connection, *rows(school, second, 3))
    assert [school.count(table) for table in (envelopes, events, payloads)] == [1, 3, 3]


def test_envelope_is_there_once(school: School) -> None:
    """The same place of a chain cannot be taken by two envelopes, whatever their events are numbered."""
    device_id = school.add_device("library-01")
    with writing(school.engine) as connection:
        append_rows(connection, *rows(school, device_id, 1))
    with pytest.raises(StoreError, match="somebody else wrote"), writing(school.engine) as connection:
        append_rows(connection, *rows(school, device_id, 100))
    assert school.count(events) == 3


def test_heads_move_from_where_they_were(school: School) -> None:
    """Several chains move at once: new ones begin, old ones go on, and what they end with is stored."""
    ids = [school.add_device(f"library-{number}") for number in range(4)]
    with writing(school.engine) as connection:
        assert move_heads(connection, [HeadRow(school.id, each, 1, 3, HASH, b"") for each in ids[:2]])
    with writing(school.engine) as connection:
        moved = [HeadRow(school.id, each, 1, 9, HASH[::-1], HASH) for each in ids[:2]]
        assert move_heads(connection, [*moved, *(HeadRow(school.id, each, 2, 1, HASH, b"") for each in ids[2:])])
    assert [ledger.find_head(school.engine, each) for each in ids] == [
        *[ledger.Head(1, 9, HASH[::-1])] * 2,
        *[ledger.Head(2, 1, HASH)] * 2,
    ]


@pytest.mark.parametrize("hash_before", [b"", bytes(32), HASH[::-1]])
def test_head_does_not_move_from_elsewhere(school: School, hash_before: bytes) -> None:
    """Whoever believes that a chain ends elsewhere is told so, also among others who are right."""
    right, wrong = school.add_device("library-01"), school.add_device("library-02")
    with writing(school.engine) as connection:
        move_heads(connection, [HeadRow(school.id, each, 1, 3, HASH, b"") for each in (right, wrong)])
    both = [HeadRow(school.id, right, 1, 4, HASH, HASH), HeadRow(school.id, wrong, 1, 9, HASH, hash_before)]

    def move() -> None:
        with writing(school.engine) as connection:
            if not move_heads(connection, both):
                raise LookupError

    with pytest.raises(LookupError):
        move()
    assert [ledger.find_head(school.engine, each).seq for each in (right, wrong)] == [3, 3]


@pytest.mark.parametrize("before", [0, 3])
def test_one_of_two_writers_loses(school: School, before: int) -> None:
    """Two that append to the same chain at the same moment: one is stored, the other is told and leaves nothing."""
    device_id = school.add_device("library-01")
    hash_before = HASH if before else b""
    if before:
        with writing(school.engine) as connection:
            move_heads(connection, [HeadRow(school.id, device_id, 1, before, HASH, b"")])
    together = threading.Barrier(2, timeout=60)

    def write(number: int) -> bool:
        together.wait()
        try:
            with writing(school.engine) as connection:
                append_rows(connection, *rows(school, device_id, 100 * number, before + 1))
                head = HeadRow(school.id, device_id, 1, before + 3, HASH[::-1], hash_before)
                if not move_heads(connection, [head]):
                    raise StoreError("somebody else appended")
        except StoreError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, (1, 2))) == [False, True]
    assert [school.count(table) for table in (envelopes, events, payloads, heads)] == [1, 3, 3, 1]
