# SPDX-License-Identifier: Apache-2.0
"""Tests of the page where the safeguarding lead says whether parents are told, and of who never learns why not."""

import pytest

from collector.console.response_wording import GROUNDS
from collector.parents import Ground, ask, decide
from collector.roles import ROLES, Permission, Role
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import SECURITY
from tests.collector.school import School


@pytest.fixture
def incident(school: School) -> str:
    """An incident about which it was asked whether parents are told."""
    incident_id = school.add_incident(school.add_device("library-01"))
    ask(school.engine, school.id, incident_id, audiences=SECURITY, actor="anna", now_ns=school.now_ns)
    return incident_id


def test_question_names_what_where_and_when_and_never_a_person(lead: Visitor, incident: str) -> None:
    """The DSL sees no incidents: what she needs to decide stands here."""
    page = lead.get("/parents")
    assert "Tor or another anonymous network" in page.words
    assert "Tor Browser was started: /opt/tor-browser/tor" in page.words
    assert "Device library-01" in page.words
    assert "Asked by anna, 21 Nov 2026, 20:46" in page.words
    assert all(text in page.words for text in GROUNDS.values())
    assert lead.get(f"/incidents/{incident}").status == 403


def test_agreement_lets_it_be_recorded(lead: Visitor, technician: Visitor, incident: str) -> None:
    """Asked, agreed, told: only then can the technician record it."""
    page = f"/incidents/{incident}"
    assert "The DSL was asked and has not answered yet" in technician.get(page).words
    assert "unknown/parents" not in technician.get(page).text
    lead.get("/parents")
    assert lead.post(f"/parents/{incident}/agree").location == "/parents?done=parents-agreed"
    assert "The DSL agreed" in technician.get(page).words
    fields = {"deed": "unknown/parents", "outcome": "Spoke with them"}
    assert technician.post(f"{page}/respond", fields).status == 303
    told = lead.get("/parents")
    assert "Told dsl" in told.words
    assert f"/parents/{incident}/veto" not in told.text
    refused = lead.post(f"/parents/{incident}/veto", {"ground": "harm"})
    assert refused.status == 400
    assert "Parents were told already" in refused.words


def test_after_a_veto_the_incident_says_that_and_no_more(
    lead: Visitor, technician: Visitor, enter: Enter, incident: str
) -> None:
    """The ground is on the DSL's page alone: not on the incident's, not in its log or file, not in the audit log."""
    # A word that stands nowhere else on these pages.
    ground = Ground.ELSEWHERE
    lead.get("/parents")
    assert lead.post(f"/parents/{incident}/veto", {"ground": ground}).status == 303
    assert GROUNDS[ground] + "." in lead.get("/parents").words
    page = technician.get(f"/incidents/{incident}")
    assert "Decided by the DSL: not to be told." in page.words
    for shown in (
        page,
        technician.get("/incidents"),
        technician.get("/incidents/log"),
        technician.get("/incidents/log.csv"),
        enter(Role.AUDITOR).get("/audit"),
    ):
        assert shown.status == 200
        assert GROUNDS[ground] not in shown.words
        assert ground.value not in shown.text


def test_deputy_sees_and_changes_the_decision(enter: Enter, school: School, incident: str) -> None:
    """Whoever decides it alone is more than one person: leads and deputies."""
    decide(school.engine, school.id, incident, ground=Ground.CONTACT, actor="dana", now_ns=school.now_ns)
    deputy = enter(Role.DEPUTY_DSL)
    page = deputy.get("/parents")
    assert f"Not to be told {GROUNDS[Ground.CONTACT]}." in page.words
    assert deputy.post(f"/parents/{incident}/agree").status == 303
    assert "May be told Nobody recorded yet that they were" in deputy.get("/parents").words


def test_who_asked_does_not_decide_beside_another(enter: Enter, school: School) -> None:
    """His page has no form then, and what is sent without it is refused; alone he decides, and reads that he asked."""
    both = enter({Role.TECHNICIAN, Role.DEPUTY_DSL}, "bo")
    incident_id = school.add_incident(school.add_device("pc-7"))
    ask(school.engine, school.id, incident_id, audiences=SECURITY, actor="bo", now_ns=school.now_ns)
    page = both.get("/parents")
    assert "You asked this yourself. You may decide it all the same, since nobody else here may" in page.words
    assert f"/parents/{incident_id}/veto" in page.text
    lead = enter(Role.DSL)
    page = both.get("/parents")
    assert "You asked this yourself: somebody else decides it." in page.words
    assert f"/parents/{incident_id}/veto" not in page.text
    for act, fields in (("agree", {}), ("veto", {"ground": "harm"})):
        answer = both.post(f"/parents/{incident_id}/{act}", fields)
        assert (answer.status, "You asked this yourself: somebody else decides it" in answer.words) == (400, True)
    lead.get("/parents")
    assert lead.post(f"/parents/{incident_id}/agree").status == 303


def test_veto_needs_one_of_the_grounds(lead: Visitor, incident: str) -> None:
    """No text, so that no child's story lands where it does not belong."""
    lead.get("/parents")
    for ground in ("", "her father drinks"):
        answer = lead.post(f"/parents/{incident}/veto", {"ground": ground})
        assert answer.status == 400
        assert "Choose why they are not told" in answer.words
        assert "her father" not in answer.text
        assert f'href="#ground-{incident}-harm"' in answer.text


def test_what_nobody_asked_cannot_be_decided(lead: Visitor, school: School) -> None:
    """Also not by calling the address."""
    other = school.add_incident(school.add_device("pc-2"))
    lead.get("/account")
    for address in (f"/parents/{other}/agree", "/parents/nonsense/agree"):
        answer = lead.post(address)
        assert answer.status == 400
        assert "Nobody asked" in answer.words


def test_nobody_else_opens_the_page_or_decides(enter: Enter, incident: str) -> None:
    """Not the technician who asked, not the head, not the administrator."""
    assert {role for role in Role if Permission.DECIDE_PARENTS in ROLES[role].permissions} == {
        Role.DSL,
        Role.DEPUTY_DSL,
    }
    for role in (Role.TECHNICIAN, Role.HEADTEACHER, Role.ADMINISTRATOR):
        visitor = enter(role)
        assert 'href="/parents"' not in visitor.get("/account").text
        assert visitor.get("/parents").status == 403
        assert visitor.post(f"/parents/{incident}/agree").status == 403
        assert visitor.post(f"/parents/{incident}/veto", {"ground": "harm"}).status == 403


def test_empty_page_says_what_would_stand_there(lead: Visitor) -> None:
    """And the page is in the menu of those who decide."""
    page = lead.get("/parents")
    assert "No question waits" in page.words
    assert 'href="/parents"' in page.text


def test_long_list_says_that_it_is_cut(
    lead: Visitor, school: School, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what waits longest is not what is left out before what is decided."""
    assert "What is older is not shown" not in lead.get("/parents").words
    monkeypatch.setattr("collector.console.pages.parents.SHOWN_AT_MOST", 1)
    other = school.add_incident(school.add_device("pc-2"))
    ask(school.engine, school.id, other, audiences=SECURITY, actor="anna", now_ns=school.now_ns + 1)
    decide(school.engine, school.id, other, ground=None, actor="dana", now_ns=school.now_ns + 2)
    page = lead.get("/parents")
    assert "What is older is not shown" in page.words
    assert f"/parents/{incident}/agree" in page.text
    assert f"/parents/{other}/agree" not in page.text


def test_hostile_names_are_shown_as_text(lead: Visitor, school: School) -> None:
    """A device calls itself what it likes."""
    evil = school.add_incident(school.add_device("<img src=x>\u202e"), summary="<b>hello</b>")
    ask(school.engine, school.id, evil, audiences=SECURITY, actor="anna", now_ns=school.now_ns)
    page = lead.get("/parents")
    assert "<img" not in page.text
    assert "<b>hello" not in page.text
    assert "[U+202E]" in page.text
