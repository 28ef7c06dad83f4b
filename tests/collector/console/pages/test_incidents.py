# SPDX-License-Identifier: Apache-2.0
"""Tests of the pages about incidents."""

import re

import pytest
from sqlalchemy import delete, update

from collector.audit import list_entries
from collector.policies import load_policy
from collector.store.engine import writing
from collector.store.schema import bundles, incidents, payloads
from proto.events import Audience, EventsDropped, Missing, Program, ProgramStarted
from rules.evaluate import Evaluator
from tests.collector.console.visitor import Visitor
from tests.collector.school import MINUTE_NS, TOR, School


@pytest.fixture
def device(school: School) -> str:
    """A device that is heard."""
    return school.add_device("pc-1")


@pytest.fixture
def incident(school: School, device: str) -> str:
    """An open incident on it."""
    return school.add_incident(device)


def rows(visitor: Visitor, query: str = "") -> str:
    """Return the words of the list."""
    return visitor.get(f"/incidents{query}").words


def test_empty_list_says_what_would_be_here_and_that_silence_proves_nothing(
    technician: Visitor, school: School
) -> None:
    """Nobody takes an empty page for a clean bill."""
    words = rows(technician)
    assert "No device is enrolled yet, so nothing is watched" in words
    assert "No incident waits" in words
    assert "appears here about a second later" in words
    assert "Silence is not proof" in words
    school.add_device("pc-1")
    school.add_device("old", state="revoked")
    assert "1 of 1 device was heard in the last 15 minutes" in rows(technician)
    school.pass_time(20 * MINUTE_NS)
    school.add_device("pc-2")
    assert "1 of 2 devices were heard in the last 15 minutes. Nothing is known of the other" in rows(technician)


def test_incident_is_a_row(technician: Visitor, incident: str) -> None:
    """A row says how bad, what, where, how often, when and in which state."""
    assert (
        "High Tor or another anonymous network Tor Browser was started: /opt/tor-browser/tor "
        "pc-1 1 21 Nov 2026, 20:46 Open" in rows(technician)
    )


def test_newest_comes_first(technician: Visitor, school: School, device: str) -> None:
    """What was seen last stands on top, also when it is an old incident seen again."""
    school.add_incident(device, rule="one", rule_title="First thing", group_key="one")
    school.pass_time(MINUTE_NS)
    school.add_incident(device, rule="two", rule_title="Second thing", group_key="two")
    words = rows(technician)
    assert words.index("Second thing") < words.index("First thing")
    school.pass_time(MINUTE_NS)
    school.add_incident(device, rule="one", rule_title="First thing", group_key="one")
    words = rows(technician)
    assert words.index("First thing") < words.index("Second thing")


def test_same_thing_on_many_devices_is_one_row_that_opens(technician: Visitor, school: School) -> None:
    """Thirty machines with one program are one row; its link shows the members, and shows them no more."""
    for number in range(30):
        school.add_incident(school.add_device(f"pc-{number:02}"))
    page = technician.get("/incidents")
    assert "30 devices" in page.words
    assert "30 open" in page.words
    assert "pc-07" not in page.words
    (address,) = re.findall(r'href="(/incidents\?[^"]*open=[^"#]+)#', page.text)
    opened = technician.get(address.replace("&amp;", "&"))
    assert 'aria-expanded="true"' in opened.text
    assert all(f"pc-{number:02}" in opened.words for number in range(30))
    (address,) = re.findall(r'href="(/incidents\?[^"]*)#', opened.text)
    assert "open=" not in address


def test_filter_by_state(technician: Visitor, school: School, device: str) -> None:
    """Resolved incidents are out of the way, and can be asked for."""
    waiting = school.add_incident(device, rule="one", rule_title="First thing", group_key="one")
    done = school.add_incident(device, rule="two", rule_title="Second thing", group_key="two")
    technician.get(f"/incidents/{done}")
    technician.post(f"/incidents/{done}/resolve", {"note": "removed"})
    technician.post(f"/incidents/{waiting}/acknowledge")
    shown = {
        "": {"First thing"},
        "?state=open": set(),
        "?state=acknowledged": {"First thing"},
        "?state=resolved": {"Second thing"},
        "?state=all": {"First thing", "Second thing"},
        "?state=nonsense": {"First thing"},
    }
    for query, titles in shown.items():
        words = rows(technician, query)
        assert {title for title in ("First thing", "Second thing") if title in words} == titles, query
    assert "No incident fits this filter" in rows(technician, "?state=open")


def test_filter_by_severity(technician: Visitor, school: School, device: str) -> None:
    """The least bad ones can be left out; the choice stays in the form."""
    for severity in range(1, 6):
        school.add_incident(
            device, rule=f"r{severity}", rule_title=f"Thing {severity}", group_key=f"g{severity}", severity=severity
        )
    for least in range(1, 6):
        words = rows(technician, f"?severity={least}")
        assert [number for number in range(1, 6) if f"Thing {number}" in words] == list(range(least, 6))
    assert '<option value="3" selected>' in technician.get("/incidents?severity=3").text
    assert "Thing 1" in rows(technician, "?severity=99")


def test_page_polls_for_its_own_filter_and_gets_nothing_when_nothing_changed(
    technician: Visitor, school: School, incident: str
) -> None:
    """The live list asks again for what it shows; an answer comes only when something is new."""
    page = technician.get("/incidents?state=all&severity=2&open=abc")
    (address,) = re.findall(r'hx-get="([^"]+)" hx-trigger="every 2s"', page.text)
    address = address.replace("&amp;", "&")
    assert address.startswith("/incidents/rows?state=all&severity=2&open=abc&seen=")
    assert technician.get(address, hx_request="true").status == 204
    school.pass_time(MINUTE_NS)
    school.add_incident(school.add_device("pc-2"), rule="new", rule_title="A new thing", group_key="new")
    answer = technician.get(address, hx_request="true")
    assert answer.status == 200
    assert "A new thing" in answer.words
    assert "<html" not in answer.text
    assert "2 open" in answer.words


def test_one_incident_says_what_happened_why_and_on_what_evidence(
    technician: Visitor, school: School, device: str
) -> None:
    """The page has summary, facts, rule, clauses, place in the evidence and what a signature does not prove."""
    school.add_event(device, EventsDropped("program.started", "flood", 3))
    incident = school.add_incident(device)
    school.pass_time(5 * MINUTE_NS)
    school.add_incident(device)
    rule = next(rule for rule in load_policy(school.engine, school.config).rules if rule.id == "bypass-tor")
    words = technician.get(f"/incidents/{incident}").words
    for expected in (
        "Tor Browser was started: /opt/tor-browser/tor",
        "First seen 21 Nov 2026, 20:46",
        "Last seen 21 Nov 2026, 20:51",
        "Seen 2 times",
        "The policy calls it Unacceptable",
        "The newest event: a program was started",
        "The first event: a program was started",
        "Path /opt/tor-browser/tor",
        "SHA-256 of its content " + "ab" * 32,
        f"device {device}, epoch 1, number 2",
        f"device {device}, epoch 1, number 3",
        "A signature proves the device, never who typed",
        " ".join(rule.why.split()),
        " ".join(rule.advice.split()),
        "HZ-01, BX-07",
        "Opened by schoolwarden 21 Nov 2026, 20:46",
    ):
        assert expected in words


def test_incident_without_an_event_says_why(technician: Visitor, school: School, incident: str) -> None:
    """An incident about refused evidence has no event to show."""
    with writing(school.engine) as connection:
        connection.execute(update(incidents).values(first_event_id=0, last_event_id=0, rule="device-forked"))
    words = technician.get(f"/incidents/{incident}").words
    assert "it is about something that was refused" in words
    assert "No rule of the policy in force has this name" in words


def test_incident_whose_content_is_gone_says_so(technician: Visitor, school: School, device: str) -> None:
    """Evidence without content is shown as what it is."""
    incident = school.add_incident(device)
    event_id = school.add_event(device, TOR, missing=Missing.QUEUE_FULL)
    with writing(school.engine) as connection:
        connection.execute(delete(payloads).where(payloads.c.event_id < event_id))
        connection.execute(update(incidents).values(last_event_id=event_id))
    assert technician.get(f"/incidents/{incident}").words.count("There is no content to show") == 2


def test_tampered_policy_is_said_and_hides_nothing_else(technician: Visitor, school: School, incident: str) -> None:
    """A policy that does not verify is told to the reader; the incident is still there."""
    with writing(school.engine) as connection:
        connection.execute(update(bundles).values(signature=bytes(64)))
    answer = technician.get(f"/incidents/{incident}")
    assert answer.status == 200
    assert "The policy in force does not verify" in answer.words
    assert "Tor Browser was started" in answer.words


def test_life_of_an_incident(technician: Visitor, school: School, incident: str) -> None:
    """Acknowledged, noted, resolved with a note, opened again: each step is in the history and in the audit log."""
    page = f"/incidents/{incident}"
    technician.get(page)
    assert technician.post(f"{page}/acknowledge").location == f"{page}?done=acknowledged"
    assert technician.post(f"{page}/note", {"note": "asked the teacher"}).location == f"{page}?done=noted"
    assert technician.post(f"{page}/resolve", {"note": "removed\nand explained"}).location == f"{page}?done=resolved"
    after = technician.get(f"{page}?done=resolved")
    assert "The incident is resolved. Undo: open it again" in after.words
    assert technician.post(f"{page}/reopen").location == f"{page}?done=reopened"
    words = technician.get(page).words
    history = words[words.index("History") :]
    for step in (
        "Opened by schoolwarden",
        "Acknowledged by technician",
        "Note added by technician 21 Nov 2026, 20:46 asked the teacher",
        "Resolved by technician 21 Nov 2026, 20:46 removed and explained",
        "Reopened by technician",
    ):
        assert step in history
        history = history[history.index(step) :]
    actions = [each.action for each in list_entries(school.engine, school.id) if each.subject == f"incident/{incident}"]
    assert actions == ["incident.reopened", "incident.resolved", "incident.noted", "incident.acknowledged"]


@pytest.mark.parametrize(("action", "reason"), [("resolve", "Say what was done"), ("note", "The note is empty")])
def test_resolution_and_note_need_words(technician: Visitor, incident: str, action: str, reason: str) -> None:
    """Nothing is resolved without saying how."""
    technician.get(f"/incidents/{incident}")
    answer = technician.post(f"/incidents/{incident}/{action}", {"note": "  "})
    assert answer.status == 400
    assert reason in answer.words
    assert 'href="#note"' in answer.text
    assert "Opened by schoolwarden" in answer.words
    assert "Resolved by" not in answer.words


def test_page_offers_what_fits_the_state(technician: Visitor, incident: str) -> None:
    """An open incident can be acknowledged and resolved, a resolved one only opened again."""
    page = f"/incidents/{incident}"

    def offers() -> set[str]:
        found = set(re.findall(rf'action="{page}/(\w+)"', technician.get(page).text))
        # The download of its evidence, and a record of what was done, are offered in every state.
        return found ^ {"evidence", "respond"}

    assert offers() == {"acknowledge", "resolve", "note"}
    technician.post(f"{page}/acknowledge")
    assert offers() == {"resolve", "note", "reopen"}
    technician.post(f"{page}/resolve", {"note": "done"})
    assert offers() == {"note", "reopen"}


def test_administrator_reads_and_is_offered_nothing(administrator: Visitor, incident: str) -> None:
    """Who may only read sees no form that would be refused."""
    page = administrator.get(f"/incidents/{incident}")
    assert "Tor Browser was started" in page.words
    assert 'id="decide"' not in page.text
    assert "/acknowledge" not in page.text


def test_incident_for_another_audience_does_not_exist(
    technician: Visitor, administrator: Visitor, school: School, device: str
) -> None:
    """An incident that a role may not read is in no list, on no page, and cannot be decided."""
    incident = school.add_incident(device, audience=Audience.SAFEGUARDING, summary="about a child")
    for visitor in (technician, administrator):
        assert "about a child" not in rows(visitor, "?state=all")
        assert "about a child" not in visitor.get(f"/devices/{device}").words
        assert visitor.get(f"/incidents/{incident}").status == 404
        visitor.get("/incidents")
    assert technician.post(f"/incidents/{incident}/resolve", {"note": "x"}).status == 404


def test_unknown_incident_is_not_there(technician: Visitor) -> None:
    """An id that leads nowhere is a page that says so, for reading and for deciding."""
    assert technician.get("/incidents/0000000000000000").status == 404
    technician.get("/incidents")
    assert technician.post("/incidents/0000000000000000/acknowledge").status == 404


def test_program_that_may_be_allowed_goes_on_the_allow_list(technician: Visitor, school: School, device: str) -> None:
    """A VPN client that the school itself uses is allowed from its incident, for every device, and that is recorded."""
    started = ProgramStarted(Program("openvpn", "/usr/sbin/openvpn", source="process"))
    incident = school.add_incident(device, started, rule="bypass-vpn-client", group_key="program/openvpn")
    assert "Does the school use OpenVPN?" in technician.get(f"/incidents/{incident}").words
    answer = technician.post(f"/incidents/{incident}/allow")
    assert answer.location == f"/incidents/{incident}?done=allowed"
    words = technician.get(f"/incidents/{incident}").words
    assert "Resolved" in words
    assert "OpenVPN was put on the allow list." in words
    policy = load_policy(school.engine, school.config)
    assert "openvpn" in policy.approved
    assert Evaluator(policy).match(started.kind, started) == ()
    assert "program.approved" in [entry.action for entry in list_entries(school.engine, school.id)]


def test_forbidden_program_cannot_be_allowed(technician: Visitor, school: School, incident: str) -> None:
    """Tor stays forbidden: the page offers no way, and sending the form anyway changes nothing."""
    assert "Does the school use" not in technician.get(f"/incidents/{incident}").words
    assert "forbids this program" in technician.post(f"/incidents/{incident}/allow").words
    assert load_policy(school.engine, school.config).approved == frozenset()
