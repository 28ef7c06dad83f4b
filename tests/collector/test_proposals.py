# SPDX-License-Identifier: Apache-2.0
"""Tests of the allow list and of how ordinary software gets on it."""

import pytest

from collector.audit import list_entries
from collector.errors import UsageError
from collector.ingest import Ingest
from collector.proposals import (
    AllowedProgram,
    decide_proposal,
    find_proposal,
    list_allowed,
    list_proposals,
    load_approved,
    withdraw_program,
)
from collector.store.engine import writing
from proto.events import Program, SoftwareListed
from tests.collector.evidence import Device, incidents_of, send
from tests.collector.school import MINUTE_NS, School

VIM = Program("vim", source="dpkg", version="9.0")
GIMP = Program("org.gimp.GIMP", source="flatpak", version="2.10")


def decide(school: School, proposal_id: str, *names: str) -> int:
    """Approve programs of a proposal; return how many are new on the list."""
    return decide_proposal(school.engine, school.id, proposal_id, approve=names, actor="anna", now_ns=school.now_ns)


def test_list_of_software_is_one_proposal(school: School) -> None:
    """Whatever a machine has is one decision, with each program once and by name."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM, GIMP, VIM)
    found = find_proposal(school.engine, school.id, proposal_id)
    assert found is not None
    proposal, programs = found
    assert (proposal.programs, proposal.state, proposal.hostname) == (2, "proposed", "library-01")
    assert [(program.name, program.source, program.is_approved) for program in programs] == [
        ("org.gimp.GIMP", "flatpak", False),
        ("vim", "dpkg", False),
    ]


def test_approved_programs_are_on_the_list(school: School) -> None:
    """What is approved is on the list in lower case; what is not stays off it; the proposal is decided."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM, GIMP)
    assert decide(school, proposal_id, "org.gimp.GIMP") == 1
    assert load_approved(school.engine, school.id) == {"org.gimp.gimp"}
    found = find_proposal(school.engine, school.id, proposal_id)
    assert found is not None
    assert (found[0].state, found[0].approved, found[0].decided_by) == ("decided", 1, "anna")
    assert [program.is_approved for program in found[1]] == [True, False]


def test_same_decision_twice_changes_nothing(school: School) -> None:
    """Two technicians who approve the same at the same moment do not stumble over each other."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM)
    assert [decide(school, proposal_id, "vim"), decide(school, proposal_id, "VIM")] == [1, 0]
    assert load_approved(school.engine, school.id) == {"vim"}


def test_refused_proposal_is_decided(school: School) -> None:
    """To approve nothing is a decision, too."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM)
    assert decide(school, proposal_id) == 0
    assert [each.state for each in list_proposals(school.engine, school.id)] == ["decided"]
    assert load_approved(school.engine, school.id) == set()


def test_program_of_no_proposal_cannot_be_approved(school: School) -> None:
    """A form that was tampered with puts nothing on the list."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM)
    with pytest.raises(UsageError, match="'tor' is not a program of this proposal"):
        decide(school, proposal_id, "vim", "tor")
    with pytest.raises(UsageError, match="no such proposal"):
        decide(school, "0" * 16, "vim")
    assert load_approved(school.engine, school.id) == set()


def test_known_software_makes_no_proposal(school: School, ingest: Ingest, device: Device) -> None:
    """The second machine with the same programs has nothing to decide; one with one more has one."""
    first = school.add_proposal(school.add_device("library-02"), VIM, GIMP)
    decide(school, first, "vim", "org.gimp.GIMP")
    send(ingest, device.say(SoftwareListed((VIM, GIMP))))
    assert len(list_proposals(school.engine, school.id)) == 1
    send(ingest, device.say(SoftwareListed((VIM, GIMP, Program("inkscape", source="dpkg")))))
    assert [(each.programs, each.state) for each in list_proposals(school.engine, school.id)] == [
        (1, "proposed"),
        (2, "decided"),
    ]


def test_first_scan_is_no_flood(school: School, ingest: Ingest, device: Device) -> None:
    """Two thousand ordinary programs are one proposal and no incident."""
    programs = tuple(Program(f"package-{number}", source="dpkg") for number in range(2000))
    send(ingest, device.say(SoftwareListed(programs)))
    assert [proposal.programs for proposal in list_proposals(school.engine, school.id)] == [2000]
    assert incidents_of(school) == []


def test_open_proposals_come_first_and_new_ones_before_old(school: School) -> None:
    """Whoever opens the page sees what waits."""
    device_id = school.add_device("library-01")
    ids = []
    for number in range(3):
        school.pass_time(MINUTE_NS)
        ids.append(school.add_proposal(device_id, Program(f"p{number}", source="dpkg")))
    decide(school, ids[2])
    assert [each.id for each in list_proposals(school.engine, school.id)] == [ids[1], ids[0], ids[2]]


@pytest.mark.parametrize("name", ["", "\x00", "x" * 257, "\u00df" * 200])
def test_name_that_no_program_has_is_not_offered(school: School, name: str) -> None:
    """A hostile name cannot get on the list, and does not keep the others from it."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM, Program(name, source="dpkg"))
    found = find_proposal(school.engine, school.id, proposal_id)
    assert found is not None
    assert [program.name for program in found[1]] == ["vim"]
    assert found[0].programs == 1
    assert decide(school, proposal_id, *(program.name for program in found[1])) == 1


def test_proposal_of_another_school_is_not_found(school: School) -> None:
    """Each school sees its own."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM)
    assert find_proposal(school.engine, "0" * 16, proposal_id) is None
    assert list_proposals(school.engine, "0" * 16) == []


def test_allow_list_says_who_allowed_what(school: School) -> None:
    """By name, with who put it there and when."""
    proposal_id = school.add_proposal(school.add_device("library-01"), VIM, GIMP)
    decide(school, proposal_id, "vim", "org.gimp.GIMP")
    assert list_allowed(school.engine, school.id) == [
        AllowedProgram("org.gimp.gimp", school.now_ns, "anna"),
        AllowedProgram("vim", school.now_ns, "anna"),
    ]


def test_program_that_is_not_allowed_cannot_be_withdrawn(school: School) -> None:
    """A mistyped name is told, and nothing is written."""
    with pytest.raises(UsageError, match="'vmi' is not on the allow list"), writing(school.engine) as connection:
        withdraw_program(connection, school.id, "vmi", actor="anna", now_ns=school.now_ns)
    assert "program.withdrawn" not in [entry.action for entry in list_entries(school.engine, school.id)]
