# SPDX-License-Identifier: Apache-2.0
"""Evidence to tamper with."""

import pytest

from collector import audit
from collector.authority import Authority
from collector.checkpoints import make_checkpoint
from collector.ingest import Ingest
from collector.store.engine import writing
from proto.keys import load_signer
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, enrol_device, send
from tests.collector.school import School


@pytest.fixture
def evidence(school: School, ingest: Ingest, device: Device, authority: Authority) -> School:
    """Two devices with three envelopes of three events each, two checkpoints, two policies and some audit entries."""
    other = enrol_device(school, authority, "library-02")
    signer = load_signer(school.config.signing_key)
    school.publish()
    for turn in range(3):
        for each in (device, other):
            send(ingest, each.say(TOR_STARTED, ORDINARY, ORDINARY))
        if turn:
            make_checkpoint(school.engine, school.id, signer, school.now_ns + turn)
    with writing(school.engine) as connection:
        for action in ("a.done", "b.done", "c.done"):
            audit.record(connection, school.id, actor="anna", action=action, subject="x", now_ns=school.now_ns)
    return school
