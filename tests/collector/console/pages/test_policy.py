# SPDX-License-Identifier: Apache-2.0
"""Tests of the page about the policy: second words, pauses, roll-outs, and who may do what of it."""

import pytest

from collector import changes, rollouts
from collector.audit import record
from collector.changes import Change, FileAdded, PauseBegun
from collector.policies import list_publications
from collector.roles import Role
from collector.store.engine import writing
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import SEVERE, SILENT, TERM, ask, in_force, use_small_packs


@pytest.fixture(autouse=True)
def small_packs(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packs of these tests."""
    use_small_packs(school, monkeypatch)


@pytest.fixture
def head(enter: Enter) -> Visitor:
    """A headteacher, who gives the second word."""
    return enter(Role.HEADTEACHER, "harriet")


@pytest.fixture
def quiet(school: School) -> Change:
    """A change that the technician asked for, and that takes a safeguard away."""
    return ask(school, FileAdded("quiet.toml", SILENT), author="technician", reason="it is noisy")


def find(school: School, change: Change) -> Change:
    """Return what became of a change."""
    found = changes.find_change(school.engine, school.id, change.id)
    assert found is not None
    return found


def test_empty_page_says_what_would_be_here(technician: Visitor) -> None:
    """What is in force, and that nothing waits, is paused or is staged."""
    words = technician.get("/policy").words
    assert "version 1, by command line" in words
    for text in ("Nothing waits", "Nothing is paused", "Every device has the newest version"):
        assert text in words


def test_end_of_the_last_term_is_foretold(school: School, technician: Visitor) -> None:
    """In one line, since rules count at any time from then on."""
    assert "named term" not in technician.get("/policy").words
    ask(school, FileAdded("year.toml", TERM.format(last="2026-12-18")))
    assert "Terms the last named term ends on 18 December 2026" in technician.get("/policy").words


def test_second_person_sees_what_is_taken_away_and_agrees(school: School, head: Visitor, quiet: Change) -> None:
    """Every line of it, and in words; then it is in force."""
    assert "rule file quiet.toml technician" in head.get("/policy").words
    address = f"/policy/changes/{quiet.id}"
    page = head.get(address)
    assert "Rule agent-paused: it is not in force any more" in page.words
    assert '+rule = "agent-paused"' in page.words
    answer = head.post(f"{address}/agree", {"note": "for this week"})
    assert answer.location == f"{address}?done=change-agreed"
    assert in_force(school).rules == ()
    assert "Published as version 2" in head.get(address).words
    assert "harriet, 21 Nov 2026, 20:46 : for this week" in head.get(address).words


def test_refusal_says_why(school: School, head: Visitor, quiet: Change) -> None:
    """Without a reason it is not refused; with one nothing is published."""
    address = f"/policy/changes/{quiet.id}"
    head.get(address)
    assert "No reason is given" in head.post(f"{address}/refuse", {"note": ""}).words
    assert head.post(f"{address}/refuse", {"note": "it guards us"}).location.endswith("done=change-refused")
    assert "Refused" in head.get("/policy").words
    assert len(list_publications(school.engine, school.id)) == 1
    assert "refused already" in head.post(f"{address}/agree", {"note": ""}).words


def test_author_is_told_that_somebody_else_decides(school: School, enter: Enter) -> None:
    """A headteacher who changes rules as well does not agree to his own: neither the page nor the form lets him."""
    both = enter({Role.HEADTEACHER, Role.TECHNICIAN}, "harriet")
    change = ask(school, FileAdded("quiet.toml", SILENT), author="harriet")
    address = f"/policy/changes/{change.id}"
    page = both.get(address)
    assert "You asked for this" in page.words
    assert "/agree" not in page.text
    answer = both.post(f"{address}/agree", {"note": ""})
    assert (answer.status, "his own change" in answer.words) == (400, True)
    assert find(school, change).version is None


def test_user_whom_the_author_made_sees_no_form(school: School, enter: Enter, quiet: Change) -> None:
    """An administrator who asks makes himself no second person: neither the page nor the form lets that one agree."""
    made = enter(Role.HEADTEACHER, "second")
    with writing(school.engine) as connection:
        record(connection, school.id, actor="technician", action="password.reset", subject="user/second", now_ns=1)
    address = f"/policy/changes/{quiet.id}"
    page = made.get(address)
    assert "Whoever asked for this change made your user" in page.words
    assert "/agree" not in page.text
    answer = made.post(f"{address}/agree", {"note": ""})
    assert (answer.status, "made your user" in answer.words) == (400, True)
    assert find(school, quiet).version is None


def test_technician_asks_and_does_not_agree(school: School, technician: Visitor, quiet: Change) -> None:
    """The second word is another role's; what was asked for can be withdrawn."""
    address = f"/policy/changes/{quiet.id}"
    assert "You asked for this. Somebody else" in technician.get(address).words
    assert technician.post(f"{address}/agree", {"note": ""}).status == 403
    assert technician.post(f"{address}/withdraw", {}).location == "/policy?done=change-withdrawn"
    assert find(school, quiet).state == "withdrawn"


def test_pause_is_asked_for_agreed_to_and_ended(school: School, technician: Visitor, lead: Visitor) -> None:
    """The technician asks, the safeguarding lead agrees and ends it; each step is on the page."""
    technician.get("/policy/pause")
    fields = {"what": "check:usb_storage", "length": "2 hours", "reason": "a fair"}
    address = technician.post("/policy/pause", fields).location.partition("?")[0]
    assert "Pause: check:usb_storage from" in lead.get(address).words
    assert lead.post(f"{address}/agree", {"note": ""}).status == 303
    assert "Check: USB storage , off until 21 Nov 2026, 22:46 : a fair" in lead.get("/policy").words
    assert lead.post("/policy/resume", {"what": "check:usb_storage"}).location == "/policy?done=pause-ended"
    assert "Nothing is paused" in lead.get("/policy").words
    assert "Pauses that are over" in lead.get("/policy").words
    assert "is not paused" in lead.post("/policy/resume", {"what": "check:usb_storage"}).words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"what": "", "length": "2 hours", "reason": "x"}, "Choose what is to be paused"),
        ({"what": "everything", "length": "2 hours", "reason": "x"}, "cannot be paused"),
        ({"what": "rule:nothing", "length": "2 hours", "reason": "x"}, "There is no rule"),
        ({"what": "keywords", "length": "9 days", "reason": "x"}, "Choose for how long"),
        ({"what": "keywords", "length": "2 hours", "reason": " "}, "No reason is given"),
    ],
)
def test_pause_that_is_not_right_is_told(technician: Visitor, fields: dict[str, str], words: str) -> None:
    """On the page, with what was typed still in it."""
    technician.get("/policy/pause")
    answer = technician.post("/policy/pause", fields)
    assert (answer.status, words in answer.words) == (400, True)


def test_roll_out_goes_from_some_devices_to_all(school: School, technician: Visitor) -> None:
    """Staged, widened, and given to every device."""
    technician.get("/policy")
    assert technician.post("/policy/stage", {"share": "10"}).location == "/policy?done=rollout-staged"
    ask(school, FileAdded("games.toml", OWN_RULE))
    assert "Version 2 is on 10 % of the devices" in technician.get("/policy").words
    assert technician.post("/policy/stage", {"share": "50"}).status == 303
    assert "Version 2 is on 50 % of the devices" in technician.get("/policy").words
    assert technician.post("/policy/everywhere", {}).location == "/policy?done=rollout-everywhere"
    assert rollouts.load_rollout(school.engine, school.id) is None
    assert "No roll-out is under way" in technician.post("/policy/everywhere", {}).words


def test_roll_out_that_has_not_begun_is_ended(school: School, technician: Visitor) -> None:
    """By the same form as any way back; and while one is under way no pause is offered."""
    technician.get("/policy")
    technician.post("/policy/stage", {"share": "10"})
    page = technician.get("/policy")
    assert ("none begins while a roll-out" in page.words, "/policy/pause" in page.text) == (True, False)
    assert technician.post("/policy/back", {"reason": "not now"}).location == "/policy?done=rollout-ended"
    assert "over before it began" in technician.get("/policy?done=rollout-ended").words
    assert len(list_publications(school.engine, school.id)) == 1


@pytest.mark.parametrize("share", ["", "0", "100", "ten", "-1", "²"])
def test_share_that_is_none_is_told(technician: Visitor, share: str) -> None:
    """Whatever a form that is not ours sends."""
    technician.get("/policy")
    assert technician.post("/policy/stage", {"share": share}).status == 400


def test_way_back_is_one_form(school: School, technician: Visitor) -> None:
    """With a reason; and to what guards less it waits like any other change."""
    ask(school, FileAdded("games.toml", OWN_RULE))
    technician.get("/policy")
    assert "No reason is given" in technician.post("/policy/back", {"reason": ""}).words
    assert technician.post("/policy/back", {"reason": "too many"}).location.endswith("done=policy-back")
    ask(school, FileAdded("severe.toml", SEVERE))
    assert technician.post("/policy/back", {"reason": "too loud"}).location.endswith("done=change-proposed")


def test_governor_looks_and_changes_nothing(school: School, enter: Enter, quiet: Change) -> None:
    """The policy, its changes and their lines are there to read; every form is another's."""
    governor = enter(Role.GOVERNOR)
    ask(school, PauseBegun("keywords", 3600))
    for address in ("/policy", f"/policy/changes/{quiet.id}"):
        page = governor.get(address)
        assert page.status == 200
        assert 'action="/policy' not in page.text
    for address in ("pause", "stage", "everywhere", "back", "resume", f"changes/{quiet.id}/agree"):
        assert governor.post(f"/policy/{address}", {"what": "keywords"}).status == 403


def test_unknown_change_is_not_there(head: Visitor) -> None:
    """And says so."""
    assert head.get("/policy/changes/0000000000000000").status == 404


def test_text_of_a_rule_file_is_text_on_the_page(school: School, technician: Visitor) -> None:
    """Whoever writes a rule file writes nothing into the page."""
    text = OWN_RULE.replace("It is played in lessons.", "<script>alert(1)</script>")
    change = ask(school, FileAdded("games.toml", text), reason="<b>bold</b>")
    page = technician.get(f"/policy/changes/{change.id}")
    assert "<script>alert" not in page.text
    assert "<b>bold" not in page.text + technician.get("/policy").text
