# SPDX-License-Identifier: Apache-2.0
"""Tests of a database server that is killed while envelopes come in. The embedded database dies with its process."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from collector.authority import load_authority, make_authority
from collector.config import Config
from collector.errors import StoreError
from collector.ingest import Ingest
from collector.store.engine import migrate, open_engine, writing
from collector.store.schema import events, schools
from collector.verify import verify
from proto.wire import Envelope
from tests.collector.evidence import ORDINARY, TOR_STARTED, enrol_device, incidents_of, make_evaluator, send
from tests.collector.school import START_NS, School
from tests.postgres import Cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that this test may kill."""
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.mark.postgres
def test_killed_server_loses_nothing_that_was_acknowledged(
    own_cluster: Cluster, embedded: Config, tmp_path: Path
) -> None:
    """While it is down everybody is told, and nothing is half done; when it is back, ingest goes on by itself."""
    config = replace(embedded, database=own_cluster.create_database("school"))
    engine = open_engine(config)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(schools).values(school_id=config.school_id, name="A school", created_at_ns=START_NS))
    school = School(config, engine)
    school.publish()
    make_authority(config.authority_folder)
    device = enrol_device(school, load_authority(config.authority_folder))
    ingest = Ingest(engine, school.id, make_evaluator())
    try:
        acknowledged = 0
        unsent: list[Envelope] = []
        for turn in range(3):
            for _ in range(20):
                send(ingest, device.say(TOR_STARTED, ORDINARY))
                acknowledged += 2
            own_cluster.kill()
            unsent = [device.say(TOR_STARTED) for _ in range(3)]
            with pytest.raises(StoreError, match="the database does not answer"):
                send(ingest, unsent[0])
            own_cluster.start()
            assert school.count(events) == acknowledged
            send(ingest, *unsent)
            acknowledged += 3
            assert [incident.count for incident in incidents_of(school)] == [23 * (turn + 1)]
        report = verify(engine, config)
        assert (report.problems, report.events) == ([], acknowledged)
    finally:
        ingest.close()
        engine.dispose()
