# SPDX-License-Identifier: Apache-2.0
"""A school where nothing has happened yet but that the shipped rules are in force: made once, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert

from collector.authority import Authority, load_authority, make_authority
from collector.cli import main
from collector.config import Config, load_config
from collector.ingest import Ingest
from collector.store.engine import make_ledger_key, migrate, open_engine, writing
from collector.store.schema import audit, schools
from proto.files import write_private
from proto.keys import Ed25519Signer
from tests.collector.command import Run
from tests.collector.evidence import Device, StoppingClock, enrol_device, make_evaluator
from tests.collector.school import START_NS, School

SCHOOL_ID = "5c4001000000a11e"
SCHOOL_NAME = "St Example’s Primary School"


def _at(folder: Path) -> Config:
    return Config(folder=folder, school_id=SCHOOL_ID, school_name=SCHOOL_NAME, database="")


@pytest.fixture(scope="session")
def empty_collector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector's folder with its keys, a migrated database, the row of its school and the shipped rules in force."""
    config = _at(tmp_path_factory.mktemp("collector"))
    make_ledger_key(config.ledger_key)
    write_private(config.signing_key, Ed25519Signer.generate().to_pem())
    engine = open_engine(config)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(schools).values(school_id=SCHOOL_ID, name=SCHOOL_NAME, created_at_ns=START_NS))
    School(config, engine).publish()
    with writing(engine) as connection:
        # The log begins with what a test does.
        connection.execute(delete(audit))
    engine.dispose()
    return config.folder


@pytest.fixture
def config(empty_collector: Path, tmp_path: Path) -> Config:
    """The settings of a collector of this test's own."""
    shutil.copytree(empty_collector, tmp_path / "collector")
    return _at(tmp_path / "collector")


@pytest.fixture
def engine(config: Config) -> Iterator[Engine]:
    """An engine on its database."""
    engine = open_engine(config)
    yield engine
    engine.dispose()


@pytest.fixture
def school(config: Config, engine: Engine) -> School:
    """The school behind it."""
    return School(config, engine)


@pytest.fixture
def authority(config: Config) -> Authority:
    """The CA of its collector."""
    make_authority(config.authority_folder)
    return load_authority(config.authority_folder)


@pytest.fixture
def device(school: School, authority: Authority) -> Device:
    """A device that has enrolled."""
    return enrol_device(school, authority)


@pytest.fixture
def clock(school: School) -> StoppingClock:
    """The clock of its ingest."""
    return StoppingClock(school)


@pytest.fixture
def ingest(school: School, clock: StoppingClock) -> Iterator[Ingest]:
    """Ingest at work under the small policy."""
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=clock)
    yield ingest
    ingest.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command."""
    return Run(capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector as `init` leaves it; copy it to change it."""
    folder = tmp_path_factory.mktemp("made") / "collector"
    assert main(["init", "--dir", str(folder), "--school", "St Example"]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A collector of this test's own."""
    shutil.copytree(made, tmp_path / "collector")
    return tmp_path / "collector"


@pytest.fixture
def school_at(folder: Path) -> School:
    """The school behind it."""
    config = load_config(folder)
    return School(config, open_engine(config))
