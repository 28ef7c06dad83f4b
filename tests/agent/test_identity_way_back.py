# SPDX-License-Identifier: Apache-2.0
"""Tests of the way back from a statement of trust that named a wrong address."""

from pathlib import Path

import pytest

from agent.identity import IdentityFolder
from tests.agent.collector import FakeCollector
from tests.agent.test_identity import summary_of
from tests.agent.test_identity_successor import COLLECTOR, Machine, make_trust


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that is a device."""
    return Machine(tmp_path / "state")


def test_device_can_go_back_to_where_the_collector_was(machine: Machine) -> None:
    """A statement with a wrong address: the former one is known, after a restart too, and then the two in turns."""
    before = machine.identity
    assert machine.folder.go_back(before) is None
    told = machine.folder.apply_trust(before, make_trust(2, COLLECTOR.ca_certificate))
    back = machine.folder.go_back(told)
    assert back is not None
    assert summary_of(back) == summary_of(IdentityFolder(machine.state).load())
    assert (back.events_address, back.enrol_address) == (before.events_address, before.enrol_address)
    assert back.trust_version == 2
    again = machine.folder.go_back(back)
    assert again is not None
    assert summary_of(again) == summary_of(told)


def test_statement_that_mends_the_address_is_taken_after_going_back(machine: Machine) -> None:
    """The version stayed: the wrong statement is not taken again, and a later one is."""
    wrong = make_trust(2, COLLECTOR.ca_certificate)
    back = machine.folder.go_back(machine.folder.apply_trust(machine.identity, wrong))
    assert back is not None
    assert machine.folder.apply_trust(back, wrong) is back
    mended = machine.folder.apply_trust(back, make_trust(3, COLLECTOR.ca_certificate, address="192.0.2.30"))
    assert mended.events_address == "192.0.2.30:7442"
    assert mended.former_events_address == machine.identity.events_address


def test_going_back_brings_no_former_ca(machine: Machine) -> None:
    """A CA that a statement leaves out may have been stolen: whoever holds it could stand where the collector was."""
    told = machine.folder.apply_trust(machine.identity, make_trust(2, FakeCollector().ca_certificate))
    back = machine.folder.go_back(told)
    assert back is not None
    assert back.ca_certificate_pem == told.ca_certificate_pem != machine.identity.ca_certificate_pem


def test_successor_keeps_the_way_back(machine: Machine) -> None:
    """Also when its own answer brings the statement."""
    before = machine.identity
    prepared = machine.prepare(trust=make_trust(2, COLLECTOR.ca_certificate))
    assert (prepared.former_events_address, prepared.former_enrol_address) == (
        before.events_address,
        before.enrol_address,
    )
    machine.identity = machine.folder.commit_successor()
    assert machine.prepare(device_id="next").former_events_address == before.events_address
