# SPDX-License-Identifier: Apache-2.0
"""One file of evidence of a real school with two devices and some checkpoints, made once for all tests."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.authority import load_authority, make_authority
from collector.checkpoints import Checkpoint, find_newest, make_checkpoint
from collector.config import Config
from collector.evidence.case import load_incident
from collector.evidence.dossier import export_evidence
from collector.ingest import Ingest
from collector.store.engine import open_engine, reading
from proto.keys import Ed25519Signer, load_signer
from tests.collector.conftest import SCHOOL_ID
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, enrol_device, incidents_of, make_evaluator, send
from tests.collector.school import MINUTE_NS, School


@dataclass
class Exported:
    """A file of evidence, and what stands beside it in the school."""

    school: School
    device: Device
    incident_id: str
    data: bytes
    key: Ed25519Signer
    """The collector's."""

    @property
    def printed(self) -> Checkpoint:
        """The checkpoint that was printed last."""
        with reading(self.school.engine) as connection:
            newest = find_newest(connection, self.school.id)
        assert newest is not None
        return newest

    def export(self) -> bytes:
        """Make the file anew, of what the school holds now."""
        school = self.school
        case = load_incident(school.engine, school.id, self.incident_id, is_operator=True)
        return export_evidence(school.engine, school.config, case, actor="anna", now_ns=school.now_ns)


def make_exported(folder: Path, empty_collector: Path) -> Exported:
    """Make evidence of an incident that rests on two events; around them the device and another say other things."""
    shutil.copytree(empty_collector, folder / "collector")
    config = Config(
        folder=folder / "collector", school_id=SCHOOL_ID, school_name="St Example’s Primary School", database=""
    )
    school = School(config, open_engine(config))
    make_authority(config.authority_folder)
    authority = load_authority(config.authority_folder)
    device, other = enrol_device(school, authority), enrol_device(school, authority, "library-02")
    key = load_signer(config.signing_key)
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    for turn in range(3):
        send(ingest, other.say(ORDINARY), device.say(*((ORDINARY, TOR_STARTED) if turn else (ORDINARY,))))
        make_checkpoint(school.engine, school.id, key, school.now_ns)
        school.pass_time(MINUTE_NS)
    send(ingest, device.say(ORDINARY))
    ingest.close()
    make_checkpoint(school.engine, school.id, key, school.now_ns)
    (incident,) = incidents_of(school)
    made = Exported(school, device, incident.id, b"", key)
    made.data = made.export()
    return made


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, empty_collector: Path) -> Iterator[Exported]:
    """Evidence that no test changes the school of."""
    made = make_exported(tmp_path_factory.mktemp("exported"), empty_collector)
    yield made
    made.school.engine.dispose()


@pytest.fixture
def own(tmp_path: Path, empty_collector: Path) -> Iterator[Exported]:
    """Evidence of this test's own."""
    made = make_exported(tmp_path, empty_collector)
    yield made
    made.school.engine.dispose()
