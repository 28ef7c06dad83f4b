# SPDX-License-Identifier: Apache-2.0
"""What every engine must keep of erasing: tombstones are one chain whoever erases at the same time, nothing is half."""

import pytest
from sqlalchemy import select

from collector.annulment import annul_flag
from collector.checkpoints import make_checkpoint
from collector.erasure import erase_events
from collector.errors import UsageError
from collector.ingest import Ingest
from collector.store.engine import reading
from collector.store.schema import incidents, payloads, refused, tombstones
from collector.tombstones import Reason
from collector.verify import verify
from proto.keys import load_signer
from tests.collector.evidence import TOR_STARTED, Device, send, spoil
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School
from tests.collector.store.test_contract import at_once

THREADS = 4


def erase(school: School, *event_ids: int) -> None:
    """Erase as the operator does."""
    signer = load_signer(school.config.signing_key)
    erase_events(
        school.engine, school.id, signer, event_ids, reason=Reason.REQUEST, note="SAR 12", now_ns=school.now_ns
    )


def test_erasing_at_the_same_time_makes_one_chain(school: School, ingest: Ingest, device: Device) -> None:
    """Several erase, each something of his own and all of them one event: it has one tombstone, and all verifies."""
    send(ingest, device.say(*[TOR_STARTED] * (THREADS + 1)))
    at_once(lambda which: erase(school, 1, which + 2), THREADS)
    signer = load_signer(school.config.signing_key)
    made = make_checkpoint(school.engine, school.id, signer, school.now_ns)
    assert made is not None
    assert '["tombstones",0,5,' in made.heads
    report = verify(school.engine, school.config)
    assert (report.problems, report.erased, report.tombstones) == ([], THREADS + 1, THREADS + 1)
    with reading(school.engine) as connection:
        assert set(connection.execute(select(payloads.c.body)).scalars()) == {b""}
        assert connection.execute(select(incidents.c.group_key)).scalars().all() == ["erased"]


def test_refused_copy_is_found_in_every_engine(school: School, ingest: Ingest, device: Device) -> None:
    """Bytes are searched for by the database, which each engine does in a way of its own."""
    first, second = device.say(TOR_STARTED), device.say(TOR_STARTED)
    send(ingest, spoil(first, signature=bytes(64)), first, spoil(second, signature=bytes(64)), second)
    erase(school, 1)
    with reading(school.engine) as connection:
        kept = connection.execute(select(refused.c.bytes).order_by(refused.c.refused_id)).scalars().all()
    assert [bool(each) for each in kept] == [False, True]


def test_flag_is_annulled_once(school: School, device: Device) -> None:
    """By whoever comes first; the others find that there is no such flag."""
    safeguarding = build_safeguarding(school)
    flag_id = safeguarding.raise_flag(device)
    reader, signer = safeguarding.reader(safeguarding.dsl), load_signer(school.config.signing_key)
    late: list[int] = []

    def annul(which: int) -> None:
        try:
            annul_flag(
                school.engine, school.id, flag_id, reader=reader, signer=signer, why="test", now_ns=school.now_ns
            )
        except UsageError:
            late.append(which)

    at_once(annul, THREADS)
    assert len(late) == THREADS - 1
    with pytest.raises(UsageError, match="no such flag"):
        annul_flag(school.engine, school.id, flag_id, reader=reader, signer=signer, why="test", now_ns=school.now_ns)
    assert (school.count(tombstones), school.count(incidents)) == (1, 0)
    assert verify(school.engine, school.config).problems == []
