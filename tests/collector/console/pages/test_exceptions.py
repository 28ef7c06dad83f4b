# SPDX-License-Identifier: Apache-2.0
"""Tests of the pages about exceptions."""

import pytest
from sqlalchemy import delete

from collector import rollouts
from collector.audit import list_entries
from collector.exceptions import Status, list_exceptions
from collector.policies import PACK, load_policy, open_own_bundle
from collector.publications import find_distribution
from collector.roles import Permission, Role, list_permissions
from collector.store.engine import writing
from collector.store.schema import bundles
from rules.load import load_pack
from tests.collector.console.conftest import PASSWORD, Enter
from tests.collector.console.visitor import Visitor
from tests.collector.people.lists import take
from tests.collector.school import MINUTE_NS, School

FILES = ("pack.toml", "agent-health.toml", "bypass.toml")
FORM = {"rule": "bypass-tor", "reason": "Year 9 learn how it works", "last": "2026-12-18"}
STICK = {"stick": "0951:1666", "serial": "60A44C", "reason": "reports for governors", "last": "2026-12-18"}


@pytest.fixture(autouse=True)
def few_rules(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The school works under three files of the baseline: every page and every decision reads the whole policy."""
    pack = {name: text for name, text in load_pack(PACK).items() if name in FILES}
    monkeypatch.setattr("collector.composition.load_pack", lambda name: pack)
    with writing(school.engine) as connection:
        connection.execute(delete(bundles))
    school.publish()


@pytest.fixture
def manager(enter: Enter) -> Visitor:
    """An ICT manager named ict_manager, who asks and decides."""
    return enter(Role.ICT_MANAGER)


def ask(visitor: Visitor, **fields: str) -> str:
    """Ask by the form and return the address of the request."""
    visitor.get("/exceptions/ask")
    answer = visitor.post("/exceptions/ask", FORM | fields)
    assert answer.status == 303, answer.words
    return answer.location.partition("?")[0]


def test_nothing_asked_and_nothing_excepted_are_said(technician: Visitor) -> None:
    """With what is never excepted."""
    words = technician.get("/exceptions").words
    assert "Nothing waits for a decision" in words
    assert "Nothing is excepted" in words
    assert "None is made from a rule of safeguarding" in words


def test_one_asks_another_grants_and_it_is_in_force(technician: Visitor, manager: Visitor, school: School) -> None:
    """From the form over the decision to the policy, and out of it again; the register has all of it."""
    device = school.add_device("library-01")
    address = ask(technician, programs="tor\n", devices="library-01")
    page = technician.get(address)
    assert "To be decided" in page.words
    assert "/grant" not in page.text
    listed = manager.get("/exceptions").words
    assert "Tor or another anonymous network Program: tor. Devices: library-01." in listed
    assert "Tor or another anonymous network" in manager.get(address).words
    assert manager.post(f"{address}/grant", {"note": "for the lesson"}).location.endswith("done=exception-granted")
    (excepted,) = load_policy(school.engine, school.config).arrangements.exceptions
    assert (excepted.rules, excepted.programs, excepted.devices) == (("bypass-tor",), ("tor",), (device,))
    words = technician.get(address).words
    assert "In force" in words
    assert "Granted by ict_manager" in words
    assert "for the lesson" in words
    assert technician.post(f"{address}/withdraw").location.endswith("done=exception-withdrawn")
    assert not load_policy(school.engine, school.config).arrangements.exceptions
    assert "Withdrawn" in technician.get("/exceptions").words


def test_asker_never_decides_not_even_in_another_session(manager: Visitor, enter: Enter, school: School) -> None:
    """Of all his browsers none has the form, and what is sent without it changes nothing."""
    address = ask(manager)
    other = Visitor(manager.app, address="192.0.2.99")
    assert other.sign_in("ict_manager", PASSWORD).status == 303
    for visitor in (manager, other):
        page = visitor.get(address)
        assert "whoever asked for an exception does not decide it" in page.words
        assert "/grant" not in page.text
        for act in ("grant", "refuse"):
            answer = visitor.post(f"{address}/{act}", {"note": "x"})
            assert (answer.status, "does not decide it" in answer.words) == (400, True)
    (request,) = list_exceptions(school.engine, school.id)
    assert request.find_status(school.now_ns) is Status.WAITING
    assert load_policy(school.engine, school.config).version == 1
    second = enter(Role.HEADTEACHER)
    second.get(address)
    assert second.post(f"{address}/grant").status == 303


def test_whoever_it_is_for_does_not_decide(technician: Visitor, manager: Visitor, school: School) -> None:
    """The register of people knows which user he is; whoever decides sees the name, whoever asks the id."""
    take(school, {"person_id": "s1", "kind": "staff", "user_name": "ict_manager", "accounts": "directory:m"})
    address = ask(technician, people="s1")
    assert "nobody decides an exception that is for himself" in manager.get(address).words
    assert manager.post(f"{address}/grant").status == 400
    assert "S1 s1" in manager.get(address).words
    assert "S1" not in technician.get(address).words


WRONG = (
    ({"rule": ""}, "rules", "That names no rule"),
    ({"rule": "agent-paused"}, "rules", "about the agent itself"),
    ({"programs": "Thor"}, "programs", "Did you mean Tor?"),
    ({"people": "Ada Byron"}, "people", "Nobody in the register has the id"),
    ({"devices": "pc-9"}, "devices", "No device of the school is called"),
    ({"during": "lesson"}, "during", "The policy has no timetable"),
    ({"first": "2026-11-01"}, "first", "The first day is over already"),
    ({"last": "", "last_time": "10:00"}, "last", "The last day is not a day"),
    ({"last": "2028-01-01"}, "last", "lasts at most 366 days"),
    ({"review": "2027-01-01"}, "review", "The day of review is not within the exception"),
    ({"reason": " "}, "reason", "Say why"),
)


def test_what_is_not_right_stands_beside_its_field(technician: Visitor) -> None:
    """And what was typed is still there."""
    technician.get("/exceptions/ask")
    for fields, field, words in WRONG:
        answer = technician.post("/exceptions/ask", FORM | {"devices": ""} | fields)
        assert (answer.status, words in answer.words) == (400, True), fields
        assert f'href="#{field}"' in answer.text
        assert fields.get("reason", FORM["reason"]).strip() in answer.text


def test_form_begins_with_what_an_incident_names(technician: Visitor) -> None:
    """A link there carries rule and device; rules that nothing is excepted from are not in the form."""
    text = technician.get("/exceptions/ask?rule=bypass-tor&device=library-01").text
    assert 'value="bypass-tor" aria-describedby="rule-bypass-tor-hint" checked' in text
    assert ">library-01</textarea>" in text
    assert 'value="agent-paused"' not in text


def test_usb_device_is_asked_for_and_approved(technician: Visitor, manager: Visitor, school: School) -> None:
    """By its own form; granted, it is in the register of approved devices until its last day."""
    form = technician.get("/exceptions/ask-stick").words
    assert "It is approved for everybody, on every device of the school, whoever carries it." in form
    for fields, field in (({"stick": "x"}, "stick"), ({"serial": ""}, "serial"), ({"last": ""}, "last")):
        answer = technician.post("/exceptions/ask-stick", STICK | fields)
        assert (answer.status, f'href="#{field}"' in answer.text) == (400, True)
    address = technician.post("/exceptions/ask-stick", STICK).location.partition("?")[0]
    page = manager.get(address).words
    assert "USB device 0951:1666 60a44c" in page
    assert "approved for everybody, on every device of the school" in page
    assert manager.post(f"{address}/grant").status == 303
    (medium,) = load_policy(school.engine, school.config).settings.media
    assert (medium.serial, medium.until) == ("60a44c", "2026-12-18")


def test_refusal_needs_a_reason_and_ends_it(technician: Visitor, manager: Visitor) -> None:
    """Whoever asked reads it, and nobody decides it again."""
    address = ask(technician)
    manager.get(address)
    assert "Say why it is refused" in manager.post(f"{address}/refuse", {"note": ""}).words
    assert manager.post(f"{address}/refuse", {"note": "ask for one room"}).status == 303
    assert "ask for one room" in technician.get(address).words
    manager.get("/exceptions/ask")
    answer = manager.post(f"{address}/grant")
    assert (answer.status, "It was decided by ict_manager" in answer.words) == (400, True)


def test_review_is_kept_and_moves_the_next_one(technician: Visitor, manager: Visitor, school: School) -> None:
    """By another person than whoever asked. That it comes due is the register's business."""
    address = ask(technician, last="2027-06-30", review="2026-12-01")
    manager.get(address)
    assert manager.post(f"{address}/grant").status == 303
    assert "Due for review" not in technician.get("/exceptions").words
    (request,) = list_exceptions(school.engine, school.id)
    assert request.review_on == "2026-12-01"
    assert manager.post(f"{address}/review", {"review": "2027-01-15"}).status == 303
    assert "on 15 Jan 2027 at the latest last by ict_manager" in manager.get(address).words
    assert "not within the exception" in manager.post(f"{address}/review", {"review": "2027-07-01"}).words


def test_only_the_asker_takes_a_request_back(technician: Visitor, administrator: Visitor, manager: Visitor) -> None:
    """Whoever decides refuses it; others see it and leave it."""
    address = ask(technician)
    assert "/withdraw" not in manager.get(address).text
    page = administrator.get(address)
    assert "/withdraw" not in page.text
    administrator.get("/exceptions/ask")
    assert administrator.post(f"{address}/withdraw").status == 403
    technician.get(address)
    assert technician.post(f"{address}/withdraw").status == 303


def test_withdrawn_exception_is_over_on_every_device(technician: Visitor, manager: Visitor, school: School) -> None:
    """Whatever share of the devices a roll-out is for, and whatever is staged there."""
    address = ask(technician)
    manager.get(address)
    manager.post(f"{address}/grant", {"note": ""})
    rollouts.stage(school.engine, school.id, 1, actor="technician", now_ns=school.now_ns)
    school.publish()
    technician.get(address)
    assert technician.post(f"{address}/withdraw").status == 303
    found = find_distribution(school.engine, school.id)
    assert found is not None
    assert found.rollout is not None
    assert not open_own_bundle(found.common, school.config).arrangements.exceptions


def test_register_is_a_file_without_formulas(technician: Visitor, school: School) -> None:
    """For the governors' papers and for audits; who took it is in the audit log, as with the incident log."""
    ask(technician, reason="=1+1")
    answer = technician.get("/exceptions/register.csv")
    assert answer.header("content-disposition") == 'attachment; filename="exceptions.csv"'
    assert "'=1+1" in answer.text
    # By this mark a spreadsheet knows UTF-8.
    assert answer.body.startswith(b"\xef\xbb\xbfid,")
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.action, newest.actor, newest.detail) == ("exceptions.taken", "technician", "1 of them")


def test_ended_ones_need_nobody(technician: Visitor, manager: Visitor, school: School) -> None:
    """Their page has no form, and what is sent all the same is refused."""
    address = ask(technician, last="2026-11-21", last_time="21:00")
    manager.get(address)
    school.pass_time(15 * MINUTE_NS)
    page = manager.get(address)
    assert "It does nothing any more, and nobody has to do anything" in page.words
    assert f"{address}/" not in page.text
    manager.get("/exceptions/ask")
    for act in ("grant", "refuse", "review"):
        answer = manager.post(f"{address}/{act}", {"note": "x"})
        assert (answer.status, "over" in answer.words or "stands" in answer.words) == (400, True)
    assert "exception.granted" not in [each.action for each in list_entries(school.engine, school.id)]


def test_who_may_ask_and_who_may_decide(enter: Enter) -> None:
    """By the table of roles; the menu shows it to whoever may ask."""
    for role in (Role.GOVERNOR, Role.BUSINESS_MANAGER, Role.DSL):
        visitor = enter(role)
        asks = Permission.ASK_EXCEPTIONS in list_permissions({role})
        assert visitor.get("/exceptions").status == (200 if asks else 403)
        assert (">Exceptions<" in visitor.get("/account").text.replace("\n", "").replace("  ", "")) is asks
        assert visitor.post("/exceptions/0000000000000000/grant").status == 403


def test_hostile_text_stays_text(technician: Visitor, manager: Visitor) -> None:
    """A reason is somebody's words on every page that shows it."""
    address = ask(technician, reason="<script>alert(1)</script>")
    for page in (manager.get(address), manager.get("/exceptions")):
        assert "alert(1)" in page.text
        assert "<script>alert" not in page.text
    assert manager.get("/exceptions/unknown").status == 404
