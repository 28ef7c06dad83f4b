# SPDX-License-Identifier: Apache-2.0
"""Every engine, one after the other, behind the same fixtures."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from collector.config import Config
from collector.store.engine import migrate, open_engine, writing
from collector.store.schema import audit, schools
from tests.collector.conftest import SCHOOL_ID, SCHOOL_NAME
from tests.collector.school import START_NS, School
from tests.postgres import Cluster

TEMPLATE = "school"
_numbers = count(1)


@pytest.fixture(scope="session")
def cluster(empty_collector: Path) -> Iterator[Cluster]:
    """A PostgreSQL cluster with one database like the one in `empty_collector`, to be copied for each test."""
    cluster = Cluster()
    cluster.start()
    config = _at(empty_collector, cluster.create_database(TEMPLATE))
    engine = open_engine(config)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(schools).values(school_id=SCHOOL_ID, name=SCHOOL_NAME, created_at_ns=START_NS))
    School(config, engine).publish()
    with writing(engine) as connection:
        # The log begins with what a test does.
        connection.execute(delete(audit))
    engine.dispose()
    yield cluster
    cluster.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_config(request: pytest.FixtureRequest, empty_collector: Path, tmp_path: Path) -> Iterator[Config]:
    """A collector whose database has nothing in it, not even tables."""
    shutil.copytree(empty_collector, tmp_path / "empty")
    if request.param == "sqlite":
        (tmp_path / "empty" / "store" / "ledger.db").unlink()
        yield _at(tmp_path / "empty", "")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = f"empty_{next(_numbers)}"
    yield _at(tmp_path / "empty", cluster.create_database(name))
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def config(request: pytest.FixtureRequest, empty_collector: Path, tmp_path: Path) -> Iterator[Config]:
    """The settings of a collector of this test's own; all other fixtures of the collector follow from it."""
    shutil.copytree(empty_collector, tmp_path / "collector")
    if request.param == "sqlite":
        yield _at(tmp_path / "collector", "")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = f"school_{next(_numbers)}"
    yield _at(tmp_path / "collector", cluster.create_database(name, template=TEMPLATE))
    cluster.drop_database(name)


@pytest.fixture
def embedded(empty_collector: Path, tmp_path: Path) -> Config:
    """A collector with the embedded database, for what is true of it alone."""
    shutil.copytree(empty_collector, tmp_path / "embedded")
    return _at(tmp_path / "embedded", "")


def _at(folder: Path, database: str) -> Config:
    return replace(Config(folder, SCHOOL_ID, SCHOOL_NAME, ""), database=database)
