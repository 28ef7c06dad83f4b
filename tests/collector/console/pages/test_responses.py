# SPDX-License-Identifier: Apache-2.0
"""Tests of what an incident's page offers of the school's policy, and of what is recorded there."""

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import update

from collector.config import Config
from collector.parents import Ground, decide
from collector.policies import choose_pack
from collector.roles import Role
from collector.store.engine import open_engine, writing
from collector.store.schema import incident_responses, incidents, parent_decisions
from proto.events import Audience
from proto.keys import load_signer
from tests.collector.conftest import SCHOOL_ID, SCHOOL_NAME
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import START_NS, School

EVIL = '<script>alert(1)</script>\n=HYPERLINK("http://evil.example")\u202e'


@pytest.fixture(scope="module")
def bexton_collector(empty_collector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector whose school works under Bexton's policy."""
    folder = tmp_path_factory.mktemp("bexton") / "collector"
    shutil.copytree(empty_collector, folder)
    config = collector_at(folder)
    engine = open_engine(config)
    choose_pack(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        pack="bexton",
        actor="anna",
        reason="test",
        now_ns=START_NS,
        seconded_by="headteacher",
    )
    engine.dispose()
    return folder


@pytest.fixture
def config(bexton_collector: Path, tmp_path: Path) -> Config:
    """The settings of a copy of it; all other fixtures follow from it."""
    shutil.copytree(bexton_collector, tmp_path / "collector")
    return collector_at(tmp_path / "collector")


def collector_at(folder: Path) -> Config:
    """Return the settings of a collector's folder."""
    return Config(folder=folder, school_id=SCHOOL_ID, school_name=SCHOOL_NAME, database="")


@pytest.fixture
def incident(school: School) -> str:
    """An open incident of severity 4, of a rule that names no row."""
    return school.add_incident(school.add_device("pc-1"), rule="collector-own")


@pytest.fixture
def bexton(school: School, incident: str) -> str:
    """The same, named to be about a way around the filter."""
    name_row(school, incident, "filter-bypass")
    return incident


def name_row(school: School, incident: str, row: str, **columns: object) -> None:
    """Let an incident be one whose rule names a row of the policy."""
    with writing(school.engine) as connection:
        values = {"response": row, **columns}
        connection.execute(update(incidents).where(incidents.c.incident_id == incident).values(**values))


def steps(page: str) -> dict[str, list[tuple[str, str]]]:
    """Return for each side of a page its steps, each with the word that stands beside it."""
    found = {}
    for side in ("pupil", "staff"):
        part = re.search(rf'aria-labelledby="side-{side}">(.*?)</ul>\s*</div>', page, re.DOTALL)
        if part:
            found[side] = re.findall(
                r'sw-steps__name">([^<]+)</span>\s*<strong[^>]*>(\w+)</strong>', part.group(1), re.DOTALL
            )
    return found


def choices(page: str) -> list[str]:
    """Return what the form lets record."""
    part = re.search(r'<select[^>]*id="deed".*?</select>', page, re.DOTALL)
    assert part
    return [value for value in re.findall(r'<option value="([^"]*)"', part.group(0)) if value]


def test_incident_offers_what_the_policys_row_names(technician: Visitor, bexton: str) -> None:
    """For a pupil beside for staff, in the policy's order: high, and the first time."""
    page = technician.get(f"/incidents/{bexton}")
    assert "Using proxy sites or other means to subvert the school’s filtering system" in page.words
    assert "(BX-02, BX-03, BX-07)" in page.words
    assert steps(page.text) == {
        "pupil": [
            ("Class teacher", "Due"),
            ("E-safety co-ordinator or senior leadership", "Due"),
            ("Headteacher", "Due"),
            ("Technical support", "Due"),
            ("Parents or carers told", "Due"),
            ("Access taken away", "Due"),
            ("Warning", "Due"),
            ("Further sanction", "Due"),
        ],
        "staff": [
            ("Line manager", "Due"),
            ("Headteacher", "Due"),
            ("Local authority or HR", "Due"),
            ("Technical support", "Due"),
            ("Warning", "Due"),
            ("Suspension", "Later"),
        ],
    }
    assert "when the severity is “Act now”, or from the third time on" in page.words


def test_what_comes_again_makes_more_of_it_due(technician: Visitor, school: School, bexton: str) -> None:
    """Persistence counts what was opened again and what got worse; little and once is for few."""
    due = {}
    for reopened, escalated in ((0, 0), (1, 0), (1, 1)):
        name_row(school, bexton, "filter-bypass", severity=2, reopened=reopened, escalated=escalated)
        found = steps(technician.get(f"/incidents/{bexton}").text)
        due[reopened + escalated] = [name for side in found.values() for name, word in side if word == "Due"]
    assert "Headteacher" not in due[0]
    assert due[1].count("Headteacher") == 2
    assert "Further sanction" not in due[1]
    assert {"Further sanction", "Suspension", "Access taken away"} <= set(due[2])


def test_person_chooses_another_row(technician: Visitor, bexton: str) -> None:
    """An accident is another row than intent, and no machine knows; what is chosen stays chosen when recorded."""
    page = technician.get(f"/incidents/{bexton}?row=offensive-by-accident")
    assert "failing to report the incident (BX-02" in page.words
    answer = technician.post(
        f"/incidents/{bexton}/respond", {"row": "offensive-by-accident", "deed": "pupil/warning", "outcome": "talked"}
    )
    assert answer.location == f"/incidents/{bexton}?row=offensive-by-accident&done=responded"
    page = technician.get(answer.location)
    assert ("Warning", "Done") in steps(page.text)["pupil"]
    assert "It is recorded" in page.words
    assert "to subvert the school’s filtering system (" in technician.get(f"/incidents/{bexton}?row=nonsense").words


def test_what_is_done_is_shown_where_it_belongs(technician: Visitor, bexton: str) -> None:
    """Beside its step, for pupil or staff; what the row does not name stands by itself."""
    page = f"/incidents/{bexton}"
    technician.get(page)
    for deed, outcome in (("staff/warning", "by the head"), ("unknown/other", "cabled anew")):
        assert technician.post(f"{page}/respond", {"deed": deed, "outcome": outcome}).status == 303
    shown = technician.get(page)
    found = steps(shown.text)
    assert ("Warning", "Done") in found["staff"]
    assert ("Warning", "Due") in found["pupil"]
    assert "Done besides Something else. cabled anew technician" in shown.words
    assert "Response recorded by technician" in shown.words


def test_parents_are_not_due_after_a_veto(technician: Visitor, school: School, bexton: str) -> None:
    """The matrix says parents, the DSL says no: the page says no (BX-24)."""
    page = f"/incidents/{bexton}"
    assert ("Parents or carers told", "Due") in steps(technician.get(page).text)["pupil"]
    assert technician.post(f"{page}/ask-parents").location == f"{page}?row=&done=parents-asked"
    decide(school.engine, school.id, bexton, ground=Ground.HARM, actor="dana", now_ns=school.now_ns)
    assert ("Parents or carers told", "No") in steps(technician.get(page).text)["pupil"]
    assert "Decided by the DSL: not to be told." in technician.get(page).words


def test_policy_that_names_nothing_lets_it_be_recorded_all_the_same(technician: Visitor, incident: str) -> None:
    """No row fits what the collector found itself: the page says so, offers every step, and a row to choose."""
    page = technician.get(f"/incidents/{incident}")
    assert "The policy in force names nothing for this" in page.words
    assert {"unknown/headteacher", "unknown/police", "unknown/other"} <= set(choices(page.text))
    assert "unknown/parents" not in choices(page.text)
    assert "Ask the DSL whether parents are told" in page.words
    assert "A row of the policy fits" in page.words
    technician.post(f"/incidents/{incident}/respond", {"deed": "unknown/technical_support", "outcome": "looked"})
    assert "Technical support. looked" in technician.get(f"/incidents/{incident}").words


def test_wrong_form_comes_back_with_what_was_written(technician: Visitor, school: School, bexton: str) -> None:
    """And nothing is kept of it."""
    technician.get(f"/incidents/{bexton}")
    for fields, reason, field in (
        ({"outcome": "kept"}, "Choose what was done", "deed"),
        ({"deed": "pupil/flogging", "outcome": "kept"}, "Choose what was done", "deed"),
        ({"deed": "nobody/warning", "outcome": "kept"}, "Choose what was done", "deed"),
        ({"deed": "pupil/warning"}, "Say what came of it", "outcome"),
        ({"deed": "pupil/parents", "outcome": "kept"}, "The DSL did not agree", "outcome"),
    ):
        answer = technician.post(f"/incidents/{bexton}/respond", fields)
        assert answer.status == 400
        assert reason in answer.words
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}-error"' in answer.text
        assert (fields.get("outcome", "") + "</textarea>") in answer.text
    assert school.count(incident_responses) == 0


def test_only_who_decides_an_incident_records_and_asks(enter: Enter, school: School, bexton: str) -> None:
    """A safeguarding lead answers and asks nothing, a line manager does not even see an incident of security."""
    fields = {"deed": "pupil/warning", "outcome": "talked"}
    for role, status in ((Role.DSL, 403), (Role.LINE_MANAGER, 404), (Role.ADMINISTRATOR, 403), (Role.TECHNICIAN, 303)):
        visitor = enter(role)
        visitor.get("/account")
        assert visitor.post(f"/incidents/{bexton}/respond", fields).status == status
        assert visitor.post(f"/incidents/{bexton}/ask-parents").status == status
        kept = int(status == 303)
        assert (school.count(incident_responses), school.count(parent_decisions)) == (kept, kept)


def test_administrator_reads_what_the_policy_names_and_is_offered_no_form(administrator: Visitor, bexton: str) -> None:
    """Who gives out the accounts does not decide incidents as well."""
    page = administrator.get(f"/incidents/{bexton}")
    assert "Class teacher" in page.words
    assert "Nobody asked the DSL yet" in page.words
    assert "/respond" not in page.text
    assert "/ask-parents" not in page.text


def test_line_manager_records_what_was_done_about_staff(enter: Enter, school: School) -> None:
    """Incidents of the conduct of staff are theirs (WI-06), and no technician's."""
    incident = school.add_incident(school.add_device("pc-1"), audience=Audience.STAFF_CONDUCT)
    manager, technician = enter(Role.LINE_MANAGER), enter(Role.TECHNICIAN)
    manager.get(f"/incidents/{incident}")
    fields = {"deed": "unknown/disciplinary", "outcome": "a meeting"}
    assert manager.post(f"/incidents/{incident}/respond", fields).status == 303
    technician.get("/incidents")
    assert technician.post(f"/incidents/{incident}/respond", fields).status == 404


def test_what_people_write_cannot_write_the_page(technician: Visitor, incident: str) -> None:
    """Tags are shown as text, and what turns the reader's eye is shown by its number."""
    technician.get(f"/incidents/{incident}")
    technician.post(f"/incidents/{incident}/respond", {"deed": "unknown/other", "outcome": EVIL})
    page = technician.get(f"/incidents/{incident}")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "\u202e" not in page.text


def test_illegal_shows_what_nobody_does_and_waits_for_a_word_about_the_police(
    technician: Visitor, school: School, bexton: str
) -> None:
    """Do not investigate, do not copy, call; no way to resolve it before, and never one that deletes."""
    name_row(school, bexton, "security-breach", action_class="illegal")
    page = technician.get(f"/incidents/{bexton}")
    for words in ("This may be a crime: stop here", "Do not investigate", "Do not copy", "101, or 999", "LADO"):
        assert words in page.words
    assert not re.search(r">\s*(Delete|Remove|Erase)", page.text)
    assert ">Resolve</button>" not in page.text
    # The row of the policy names no police for it, and it can be recorded all the same.
    assert "unknown/police" in choices(page.text)
    refused = technician.post(f"/incidents/{bexton}/resolve", {"note": "wiped it"})
    assert refused.status == 400
    assert "Nobody recorded what was decided about the police" in refused.words
    fields = {"deed": "unknown/police", "outcome": "The head decided that it is not reported"}
    assert technician.post(f"/incidents/{bexton}/respond", fields).status == 303
    assert ">Resolve</button>" in technician.get(f"/incidents/{bexton}").text
    assert technician.post(f"/incidents/{bexton}/resolve", {"note": "done"}).status == 303


def test_other_incidents_show_no_card_about_the_police(technician: Visitor, bexton: str) -> None:
    """A card that stands everywhere is read nowhere."""
    assert "This may be a crime" not in technician.get(f"/incidents/{bexton}").words


def test_exception_is_asked_for_from_a_rule_and_never_from_a_crime(technician: Visitor, school: School) -> None:
    """The link takes rule and device with it; what no rule of the policy raised has no exception."""
    device = school.add_device("pc-1")
    asked = f"/exceptions/ask?rule=bypass-tor&amp;device={device}"
    incident = school.add_incident(device)
    assert asked in technician.get(f"/incidents/{incident}").text
    name_row(school, incident, "", action_class="illegal")
    assert "/exceptions/ask" not in technician.get(f"/incidents/{incident}").text
    own = school.add_incident(device, rule="collector-own", group_key="own")
    assert "/exceptions/ask" not in technician.get(f"/incidents/{own}").text
