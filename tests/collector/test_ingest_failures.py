# SPDX-License-Identifier: Apache-2.0
"""Tests of ingest when something below it fails: a full disk, a commit that fails or only says so, a rule, a bug.

A database server that is killed is in `tests/collector/store`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from collector import ingest as ingest_module
from collector import ledger
from collector.arrivals import NOTES
from collector.authority import Authority
from collector.config import Config
from collector.errors import StoreError
from collector.ingest import Answer, Ingest
from collector.store.engine import open_engine, writing
from collector.store.schema import envelopes, events, incidents, payloads, refused
from collector.verify import verify
from proto.events import AgentStarted
from rules.evaluate import Evaluator
from rules.load import parse_files
from rules.model import Match
from rules.moment import Moment
from tests.collector.evidence import (
    ORDINARY,
    POLICY_FILES,
    TOR_STARTED,
    Device,
    StoppingClock,
    enrol_device,
    incidents_of,
    make_evaluator,
    numbers_of,
    send,
    spoil,
    submit,
)
from tests.collector.school import School

STARTED = AgentStarted("0.1.0", "library-01", "linux", "Debian 12", "x86_64")


class DiskError(Exception):
    """What a test lets a commit end with."""


@contextmanager
def failing_commits(engine: Engine) -> Iterator[None]:
    """Let every commit fail as the driver lets it fail."""

    def fail(_: Connection) -> None:
        raise engine.dialect.loaded_dbapi.OperationalError("disk I/O error")

    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


def counts_of(school: School) -> list[int]:
    """Return how many rows everything has that ingest writes."""
    return [school.count(table) for table in (envelopes, events, payloads, incidents, refused)]


# The disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_loses_nothing(small_disk: Path, config: Config, engine: Engine, device: Device) -> None:
    """Everybody who waits is told that the disk is full; when there is room again, the same envelopes are taken."""
    engine.dispose()
    shutil.copytree(config.folder, small_disk / "collector")
    config = replace(config, folder=small_disk / "collector")
    school = School(config, open_engine(config))
    ingest = Ingest(school.engine, school.id, make_evaluator())
    sent = [device.say(TOR_STARTED, *[ORDINARY] * 99) for _ in range(4)]
    try:
        send(ingest, sent[0])
        filler = small_disk / "filler"
        fill(filler)
        for _ in range(3):
            with pytest.raises(StoreError, match="the disk of the database is full") as caught:
                send(ingest, sent[1])
            assert "free some space" in caught.value.hint
        assert counts_of(school) == [1, 100, 100, 1, 0]
        filler.unlink()
        assert numbers_of(send(ingest, *sent)) == [100, 200, 300, 400]
        assert [incident.count for incident in incidents_of(school)] == [4]
        report = verify(school.engine, config)
        assert (report.problems, report.events) == ([], 400)
    finally:
        ingest.close()
        school.engine.dispose()


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_full_database_is_told_in_words(school: School, ingest: Ingest, device: Device) -> None:
    """The database's own limit is the same to an operator as the disk's."""

    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes that the present size.

    school.engine.dispose()
    event.listen(school.engine, "connect", limit)
    with pytest.raises(StoreError, match="the disk of the database is full"):
        send(ingest, device.say(*[ORDINARY] * 1000))
    assert counts_of(school) == [0, 0, 0, 0, 0]


# The commit


def test_answer_comes_only_after_the_commit(school: School, ingest: Ingest, device: Device) -> None:
    """While the commit has not ended, nobody has been told anything."""
    told: list[bool] = []
    waiting: list[Future[Answer]] = []
    event.listen(school.engine, "commit", lambda _: told.extend(each.done() for each in waiting))
    waiting.append(submit(ingest, device.say(TOR_STARTED)))
    assert numbers_of([waiting[0].result(60)]) == [1]
    assert told
    assert not any(told)


def test_commit_that_fails_acknowledges_nothing(
    school: School, ingest: Ingest, device: Device, authority: Authority, clock: StoppingClock
) -> None:
    """All who wait for one commit get its error, nothing of it is there, and the next attempt takes all of it."""
    other = enrol_device(school, authority, "library-02")
    spoilt = spoil(other.clone().say(ORDINARY), signature=bytes(64))
    sent = [device.say(TOR_STARTED), device.say(ORDINARY), other.say(STARTED, TOR_STARTED)]
    with failing_commits(school.engine):
        with clock.held(ingest):
            waiting = [submit(ingest, envelope) for envelope in [*sent, spoilt]]
        for answer in waiting:
            with pytest.raises(StoreError, match="disk I/O error"):
                answer.result(60)
    assert counts_of(school) == [0, 0, 0, 0, 0]
    assert ledger.find_head(school.engine, device.id).is_stored is False
    assert numbers_of(send(ingest, *sent)) == [1, 2, 2]
    assert sorted(incident.count for incident in incidents_of(school)) == [1, 1]
    assert verify(school.engine, school.config).problems == []


def test_heads_are_right_after_a_failure(school: School, ingest: Ingest, device: Device) -> None:
    """What is remembered of a chain's end is what is stored, whenever the failure came."""
    send(ingest, device.say(ORDINARY))
    with failing_commits(school.engine), pytest.raises(StoreError):
        send(ingest, device.clone().say(ORDINARY))
    assert ingest.find_head(device.id).seq == 1
    assert numbers_of(send(ingest, device.say(ORDINARY))) == [2]


def test_commit_that_only_says_that_it_failed_is_found_out(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks after the commit leaves events that nobody was told of; they are not stored twice."""

    @contextmanager
    def break_after_commit(engine: Engine) -> Iterator[Connection]:
        with writing(engine) as connection:
            yield connection
        raise StoreError("the connection broke")

    envelope = device.say(TOR_STARTED, ORDINARY)
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "writing", break_after_commit)
        with pytest.raises(StoreError, match="the connection broke"):
            send(ingest, envelope)
    assert numbers_of(send(ingest, envelope, device.say(TOR_STARTED))) == [2, 3]
    assert counts_of(school) == [2, 3, 3, 1, 0]
    assert [incident.count for incident in incidents_of(school)] == [2]
    assert verify(school.engine, school.config).problems == []


def test_second_writer_of_the_same_chain_is_noticed(school: School, ingest: Ingest, device: Device) -> None:
    """Two collectors on one database cannot both append for a device: one of them stops and says why."""
    send(ingest, device.say(ORDINARY))
    second = Ingest(school.engine, school.id, make_evaluator())
    envelope = device.say(ORDINARY)
    send(second, envelope)
    second.close()
    with pytest.raises(StoreError, match="somebody else wrote"):
        send(ingest, envelope)
    assert numbers_of(send(ingest, envelope)) == [2]
    assert counts_of(school) == [2, 2, 2, 0, 0]


# What is not the database's fault


class CrashingEvaluator(Evaluator):
    """A policy whose every rule ends with an error."""

    def match(self, kind: str, event: object, moment: Moment | None = None) -> tuple[Match, ...]:
        raise RecursionError("a rule of ours")


def test_rule_that_crashes_stops_no_evidence(school: School, ingest: Ingest, device: Device) -> None:
    """The event is kept, that nobody judged it is an incident, and the next event is taken."""
    ingest.evaluator = CrashingEvaluator(parse_files(POLICY_FILES))
    assert numbers_of(send(ingest, device.say(TOR_STARTED, ORDINARY), device.say(TOR_STARTED))) == [2, 3]
    (incident,) = incidents_of(school)
    assert (incident.rule, incident.count) == ("collector-rule-failed", 2)
    assert "RecursionError" in incident.summary


def test_bug_hurts_only_the_envelope_that_meets_it(
    school: School,
    ingest: Ingest,
    device: Device,
    authority: Authority,
    clock: StoppingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that nobody foresaw keeps one envelope out; what came in the same batch is stored."""
    others = [enrol_device(school, authority, f"library-{number}") for number in range(2, 5)]

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(NOTES, STARTED.kind, fail)
    with clock.held(ingest):
        before = [submit(ingest, other.say(TOR_STARTED)) for other in others[:2]]
        unlucky = submit(ingest, device.say(STARTED))
        after = submit(ingest, others[2].say(TOR_STARTED))
    with pytest.raises(StoreError, match="the collector failed: ZeroDivisionError"):
        unlucky.result(60)
    assert numbers_of(answer.result(60) for answer in [*before, after]) == [1, 1, 1]
    assert (school.count(events), len(incidents_of(school))) == (3, 3)


def test_close_finishes_what_has_queued(school: School, device: Device) -> None:
    """Whoever was promised an answer gets one before ingest ends."""
    ingest = Ingest(school.engine, school.id, make_evaluator())
    waiting = [submit(ingest, device.say(ORDINARY)) for _ in range(50)]
    ingest.close()
    assert all(answer.done() for answer in waiting)
    assert numbers_of(answer.result(0) for answer in waiting) == list(range(1, 51))
