# SPDX-License-Identifier: Apache-2.0
"""A collector that is restored from a backup: a device has forgotten what was acknowledged after it was made.

Nobody holds those events any more. That is told, nothing that still waited is lost, and nothing stands there twice.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from collector import ledger
from collector.checkpoints import make_checkpoint
from collector.config import Config
from collector.erasure import truncate_log
from collector.ingest import Ingest
from collector.store.engine import open_engine, reading
from collector.store.schema import events
from collector.verify import verify
from proto.events import ChainRestarted, Program, ProgramStarted
from proto.keys import load_signer
from tests.collector.evidence import (
    ORDINARY,
    TOR_STARTED,
    Device,
    incidents_of,
    make_evaluator,
    numbers_of,
    reason_of,
    refusal_of,
    send,
)
from tests.collector.school import School

SECOND_TOR = ProgramStarted(Program("tor", path="/opt/second/tor", sha256="cd" * 32, source="process"))


@contextmanager
def serving(config: Config) -> Iterator[tuple[School, Ingest]]:
    """A collector at work on a folder, until it is stopped."""
    school = School(config, open_engine(config))
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    try:
        yield school, ingest
    finally:
        ingest.close()
        school.engine.dispose()


def back_up(school: School, backup: Path) -> None:
    """Copy the database with all that is in it."""
    school.engine.dispose()
    assert truncate_log(school.engine)
    shutil.copy(school.config.ledger_file, backup)


def restore(config: Config, backup: Path) -> None:
    """Put an older copy of the database in the place of the one in use, while nobody uses it."""
    for path in config.ledger_file.parent.glob("ledger.db*"):
        path.unlink()
    shutil.copy(backup, config.ledger_file)


def kinds_in(school: School, device: Device) -> list[str]:
    """Return the kinds of a device's events, in order of arrival."""
    query = select(events.c.kind).where(events.c.device_id == device.id).order_by(events.c.event_id)
    with reading(school.engine) as connection:
        return list(connection.execute(query).scalars())


def test_nothing_that_waited_is_lost_or_doubled(school: School, device: Device) -> None:
    """The device begins a new epoch, says which events are gone, and tells what waited again: once."""
    config, backup = school.config, school.config.folder.parent / "backup.db"
    with serving(config) as (_, ingest):
        numbers_of(send(ingest, device.say(*[ORDINARY] * 50)))
    back_up(school, backup)
    with serving(config) as (_, ingest):
        numbers_of(send(ingest, device.say(*[ORDINARY] * 29, TOR_STARTED)))
    restore(config, backup)
    with serving(config) as (restored, ingest):
        # It goes on as if nothing had happened, and learns where the collector stands: 30 events that it forgot.
        (answer,) = send(ingest, device.say(SECOND_TOR, ORDINARY))
        assert (reason_of(answer), refusal_of(answer).expected_seq) == ("out_of_order", 51)
        assert incidents_of(restored) == []
        device.start_epoch()
        again = device.say(ChainRestarted("collector_restored", 1, 51, 80, 2), SECOND_TOR, ORDINARY)
        assert numbers_of(send(ingest, again)) == [3]
        # The answer was lost on the way: it asks again.
        assert numbers_of(send(ingest, again, device.say(ORDINARY))) == [3, 4]
        assert kinds_in(restored, device) == [ORDINARY.kind] * 50 + [
            ChainRestarted.kind,
            SECOND_TOR.kind,
            ORDINARY.kind,
            ORDINARY.kind,
        ]
        tor, told = incidents_of(restored)
        assert (tor.rule, tor.count) == ("bypass-tor", 1)
        assert (told.rule, told.severity, told.count) == ("collector-restored", 4, 1)
        assert told.summary == (
            "Events 51 to 80 of library-01 are held by nobody any more: the collector’s database was set back"
        )
        assert ledger.find_head(restored.engine, device.id) == ledger.Head(2, 4, device.hash)
        assert verify(restored.engine, config).problems == []


def test_device_that_still_holds_all_of_it_fills_the_gap(school: School, device: Device) -> None:
    """Nothing is gone when the device had no answer yet for what came after the backup: the chain just goes on."""
    config, backup = school.config, school.config.folder.parent / "backup.db"
    with serving(config) as (_, ingest):
        numbers_of(send(ingest, device.say(ORDINARY)))
    back_up(school, backup)
    waiting = [device.say(TOR_STARTED), device.say(ORDINARY)]
    with serving(config) as (_, ingest):
        numbers_of(send(ingest, *waiting))
    restore(config, backup)
    with serving(config) as (restored, ingest):
        assert numbers_of(send(ingest, *waiting)) == [2, 3]
        assert [each.count for each in incidents_of(restored)] == [1]
        assert verify(restored.engine, config).problems == []


def test_printed_checkpoint_shows_that_it_was_set_back(school: School, device: Device) -> None:
    """A restored database is sound in itself; only what was kept outside says that it is an older one."""
    config, backup = school.config, school.config.folder.parent / "backup.db"
    signer = load_signer(config.signing_key)
    with serving(config) as (_, ingest):
        numbers_of(send(ingest, device.say(ORDINARY)))
    back_up(school, backup)
    with serving(config) as (later, ingest):
        numbers_of(send(ingest, device.say(ORDINARY)))
        printed = make_checkpoint(later.engine, later.id, signer, later.now_ns)
    assert printed is not None
    restore(config, backup)
    with serving(config) as (restored, _):
        assert verify(restored.engine, config).problems == []
        (problem,) = verify(restored.engine, config, printed=printed.hash.hex()).problems
        assert problem.startswith("the printed checkpoint is none that this collector has")
