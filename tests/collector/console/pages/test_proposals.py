# SPDX-License-Identifier: Apache-2.0
"""Tests of the allow list."""

import re

import pytest

from collector.audit import list_entries
from collector.policies import list_publications
from collector.proposals import load_approved
from proto.events import Program
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

PROGRAMS = [Program(name, source="dpkg", version="1.0") for name in ("gimp", "gcompris", "odd\r\nname", "ŪŦ & <b>")]


def find_boxes(visitor: Visitor, proposal: str) -> dict[str, str]:
    """Return the value of each box that can be ticked, by the program's name as it is shown."""
    text = visitor.get(f"/proposals/{proposal}").text
    boxes = re.findall(r'id="(program-\d+)" name="program" type="checkbox" value="([0-9a-f]+)"', text)
    labels = dict(re.findall(r'for="(program-\d+)">(.*?) <span', text))
    return {labels[id_]: value for id_, value in boxes}


@pytest.fixture
def proposal(school: School) -> str:
    """A proposal of four programs."""
    return school.add_proposal(school.add_device("pc-1"), *PROGRAMS)


def test_empty_page_says_what_would_be_here(technician: Visitor) -> None:
    """Without proposals the page explains itself."""
    words = technician.get("/proposals").words
    assert "No proposal waits" in words
    assert "newly enrolled device" in words


def test_waiting_proposal_has_all_its_programs_ticked(technician: Visitor, proposal: str) -> None:
    """A proposal is one row; its page has a ticked box for each program."""
    assert "pc-1 4 21 Nov 2026, 20:46 Waits" in technician.get("/proposals").words
    page = technician.get(f"/proposals/{proposal}")
    assert page.text.count(" checked>") == 4
    assert "4 programs of pc-1" in page.words
    assert "odd[U+000D][U+000A]name" in page.words


def test_ticked_programs_go_on_the_list_and_the_policy_goes_out(
    technician: Visitor, school: School, proposal: str
) -> None:
    """What stays ticked is approved, whatever characters its name has, and a new policy is published."""
    boxes = find_boxes(technician, proposal)
    ticked = [("program", value) for name, value in boxes.items() if name != "gcompris"]
    answer = technician.post(f"/proposals/{proposal}", [*ticked, ("decision", "ticked")])
    assert answer.location == "/proposals?done=approved"
    assert load_approved(school.engine, school.id) == {"gimp", "odd\r\nname", "ūŧ & <b>"}
    newest = list_publications(school.engine, school.id)[0]
    assert (newest.version, newest.made_by) == (2, "technician")
    words = technician.get(answer.location).words
    assert "The allow list is changed" in words
    assert "3 approved by technician" in words
    entry = list_entries(school.engine, school.id)[1]
    assert (entry.action, entry.subject) == ("proposal.decided", f"proposal/{proposal}")
    assert entry.detail == "3 of 4 programs approved"


def test_none_approves_none_whatever_is_ticked(technician: Visitor, school: School, proposal: str) -> None:
    """The second button decides against all of them."""
    ticked = [("program", value) for value in find_boxes(technician, proposal).values()]
    technician.post(f"/proposals/{proposal}", [*ticked, ("decision", "none")])
    assert load_approved(school.engine, school.id) == set()
    assert "none approved by technician" in technician.get("/proposals").words


@pytest.mark.parametrize("decision", ["", "all", "TICKED"])
def test_form_without_a_button_approves_nothing(
    technician: Visitor, school: School, proposal: str, decision: str
) -> None:
    """Only the button that says so approves."""
    ticked = [("program", value) for value in find_boxes(technician, proposal).values()]
    technician.post(f"/proposals/{proposal}", [*ticked, ("decision", decision)])
    assert load_approved(school.engine, school.id) == set()


def test_program_that_was_not_proposed_is_not_approved(technician: Visitor, school: School, proposal: str) -> None:
    """A made-up value in the form adds nothing to the list."""
    form = [("program", "0" * 32), ("program", "tor"), ("decision", "ticked")]
    assert technician.post(f"/proposals/{proposal}", form).status == 303
    assert load_approved(school.engine, school.id) == set()


def test_decided_proposal_can_be_widened(technician: Visitor, school: School, proposal: str) -> None:
    """What was left out can be approved later; what is approved already cannot be ticked again."""
    boxes = find_boxes(technician, proposal)
    technician.post(f"/proposals/{proposal}", [("program", boxes["gimp"]), ("decision", "ticked")])
    page = technician.get(f"/proposals/{proposal}")
    assert page.text.count(" checked disabled>") == 1
    assert page.text.count(" checked>") == 0
    assert set(find_boxes(technician, proposal)) == set(boxes) - {"gimp"}
    technician.post(f"/proposals/{proposal}", [("program", boxes["gcompris"]), ("decision", "ticked")])
    assert load_approved(school.engine, school.id) == {"gimp", "gcompris"}


def test_thousands_of_programs_are_one_form(technician: Visitor, school: School) -> None:
    """A whole machine's software is decided in one go."""
    programs = [Program(f"package-{number}", source="dpkg") for number in range(1500)]
    proposal = school.add_proposal(school.add_device("pc-1"), *programs)
    ticked = [("program", value) for value in find_boxes(technician, proposal).values()]
    assert len(ticked) == 1500
    assert technician.post(f"/proposals/{proposal}", [*ticked, ("decision", "ticked")]).status == 303
    assert len(load_approved(school.engine, school.id)) == 1500


def test_unknown_proposal_is_not_there(technician: Visitor) -> None:
    """An id that leads nowhere is a page that says so, for reading and for deciding."""
    assert technician.get("/proposals/0000000000000000").status == 404
    technician.get("/incidents")
    assert technician.post("/proposals/0000000000000000", {"decision": "ticked"}).status == 404
