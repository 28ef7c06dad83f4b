# SPDX-License-Identifier: Apache-2.0
"""Tests of the flags' pages as the server makes them: who may see what, and that no page holds what a flag says."""

import json

import pytest
from starlette.applications import Starlette

from collector.drills import list_pending, order_drill
from tests.collector.console.pages.conftest import come_in
from tests.collector.console.pages.test_sealed import SECRETS, actions_of
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device
from tests.collector.safeguarding import CATEGORY, PASSWORD, Safeguarding
from tests.collector.school import MINUTE_NS, School


def test_list_shows_where_and_when_and_never_what(dana: Visitor, flag: str) -> None:
    """A row has urgency, device, age, readers and state; the page's source holds nothing of the content."""
    page = dana.get("/flags")
    assert "Look today 1" in page.words
    assert "Open: library-01 less than a minute ago 21 Nov 2026, 20:46 Safeguarding leads Not read" in page.words
    for source in (page.text, dana.get("/flags/rows").text, dana.get(f"/flags/{flag}").text):
        assert not [secret for secret in SECRETS if secret in source]


def test_most_urgent_stand_first_and_drills_apart(dana: Visitor, safeguarding: Safeguarding, device: Device) -> None:
    """A call comes before what came later, and flags of one account are told apart from the others."""
    safeguarding.raise_flag(device, tier="call")
    safeguarding.raise_flag(device, tier="review")
    safeguarding.raise_flag(device, tier="alert", account="directory:other")
    words = dana.get("/flags").words
    assert words.index("Act now 1") < words.index("Look today 1") < words.index("Look this week 1")
    assert words.count("same account: 2 flags") == 2
    page = dana.get(f"/flags?account={safeguarding.ref().hex()}")
    assert page.words.count("Open: library-01") == 2
    assert "Only flags from one account" in page.words


@pytest.mark.parametrize("query", ["state=x&tier=y&account=zz&before=-1", "before=call-%C2%B2", "tier=call"])
def test_filters_that_fit_nothing_or_mean_nothing(dana: Visitor, flag: str, query: str) -> None:
    """An address that somebody made up shows the list, and an empty one says how to see all."""
    page = dana.get(f"/flags?{query}")
    assert page.status == 200
    assert ("No flag fits this filter" in page.words) == (query == "tier=call")


def test_old_call_is_found_behind_newer_small_flags(
    dana: Visitor, safeguarding: Safeguarding, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is full has the most urgent first, its filters look at every flag, and the list goes on."""
    monkeypatch.setattr("collector.console.pages.flags.SHOWN_AT_MOST", 2)
    call = safeguarding.raise_flag(device, tier="call")
    small = [safeguarding.raise_flag(device, tier="count", account="directory:other") for _ in range(4)]
    page = dana.get("/flags")
    assert "Act now 1 flag" in page.words
    assert "Only 2 flags are shown here, the most urgent first" in page.words
    assert "same account: 4 flags" in page.words
    for query in ("tier=call", f"account={safeguarding.ref().hex()}"):
        found = dana.get(f"/flags?{query}")
        assert call in found.text
        assert "No flag fits this filter" not in found.words
    older = page.text.split('">Go on with the list')[0].rsplit('href="', 1)[1].replace("&amp;", "&")
    rest = dana.get(older)
    assert [flag_id for flag_id in (call, *small) if flag_id in rest.text] == small[1:3]


def test_page_without_scripts_folds_what_to_do_about_an_image(dana: Visitor, flag: str) -> None:
    """It is at hand on every flag, and cries on none."""
    source = dana.get(f"/flags/{flag}").text
    before, _, after = source.partition("Stop: do not look for the image")
    assert before.rfind('<details class="govuk-details">') > before.rfind("</details>")
    assert "</details>" in after


def test_empty_list_says_that_silence_is_no_proof(dana: Visitor) -> None:
    """Nobody takes an empty page for a clean bill."""
    words = dana.get("/flags").words
    assert "No flag waits for you" in words
    assert "Silence is not proof" in words


def test_list_asks_again_and_is_told_only_what_is_new(
    dana: Visitor, school: School, safeguarding: Safeguarding, device: Device
) -> None:
    """The rows are sent when something came or a minute passed, and asking keeps no session alive."""
    first = dana.get("/flags/rows")
    address = first.text.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert dana.get(address).status == 204
    safeguarding.raise_flag(device)
    assert "Open: library-01" in dana.get(address).words
    for _ in range(4):
        school.pass_time(10 * MINUTE_NS)
        answer = dana.get("/flags/rows", hx_request="true")
    assert answer.status == 401


def test_technician_sees_no_way_there_and_is_refused(technician: Visitor, administrator: Visitor, flag: str) -> None:
    """Neither who runs the computers nor who gives out the accounts gets anything of a flag."""
    for visitor in (technician, administrator):
        assert "/flags" not in visitor.get("/devices").text
        for path in ("/flags", "/flags/rows", f"/flags/{flag}", "/flags/people", "/identity", "/identity/key"):
            assert visitor.get(path).status == 403
        for path in ("open", "file", "decide", "notes", "copy"):
            assert visitor.post(f"/flags/{flag}/{path}").status == 403
    assert technician.get("/readers").status == 403
    assert administrator.get("/readers").status == 200
    assert administrator.post("/readers/drill").status == 403
    assert administrator.post("/readers").status == 403


def test_password_alone_opens_no_flag(app: Starlette, school: School, safeguarding: Safeguarding, flag: str) -> None:
    """Before the second factor there is nothing, for scripts neither."""
    visitor = Visitor(app)
    visitor.sign_in("dana", PASSWORD)
    assert visitor.get("/flags").location.startswith("/account/second-factor")
    assert visitor.post(f"/flags/{flag}/open").status == 303
    assert actions_of(school) == []


def test_reader_of_another_route_finds_nothing(
    dana: Visitor, app: Starlette, school: School, safeguarding: Safeguarding, device: Device
) -> None:
    """A flag that may be about the lead is for the head only: for the lead it does not exist."""
    above = safeguarding.raise_flag(device, route="head", sentence="Ms Dale hit me")
    assert "No flag waits for you" in dana.get("/flags").words
    assert dana.get(f"/flags/{above}").status == 404
    for path in ("open", "file", "decide"):
        assert dana.post(f"/flags/{above}/{path}").status == 404
    assert dana.post(f"/flags/{above}/notes", {"sealed": ""}).status == 400
    assert "Open: library-01" in come_in(app, school, safeguarding.head).get("/flags").words


def test_ordered_drill_stands_apart_and_a_claimed_one_counts(
    dana: Visitor, school: School, safeguarding: Safeguarding, device: Device
) -> None:
    """What answers an order is no concern and cannot be decided; what only says so is a flag like any other."""
    order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=school.now_ns)
    nonce = list_pending(school.engine, school.id, school.now_ns)[0].nonce.hex()
    drill = safeguarding.raise_flag(device, drill_nonce=nonce, account_kind="drill")
    words = dana.get("/flags").words
    assert "No flag waits for you" in words
    assert "Drills 1 flag" in words
    assert "Save decision" not in dana.get(f"/flags/{drill}").words
    assert json.loads(dana.post(f"/flags/{drill}/open").text)["drill"] is True
    claimed = safeguarding.raise_flag(device, drill_nonce="ab" * 16)
    assert "Look today 1 flag" in dana.get("/flags").words
    assert json.loads(dana.post(f"/flags/{claimed}/open").text)["drill"] is False


def test_flag_for_nobody_shows_its_day_and_where_to_go(
    dana: Visitor, safeguarding: Safeguarding, device: Device
) -> None:
    """When nobody may read it, the readers learn the day and that the LADO is to be told, and nothing more."""
    before = dana.get("/flags").text
    assert '<details class="govuk-details sw-outside">' in before
    hidden = safeguarding.raise_flag(device, route="outside")
    page = dana.get("/flags")
    assert "A flag came that nobody at this school may read" in page.words
    assert "21 Nov 2026: 1 flag" in page.words
    assert "LADO" in page.words
    assert hidden not in page.text
    assert dana.get(f"/flags/{hidden}").status == 404


def test_decision_by_script_and_by_form(dana: Visitor, school: School, flag: str) -> None:
    """What was decided is kept and shown; a mistake is told in a sentence, to a script as JSON."""
    asks = {"origin": "null", "sec-fetch-site": "same-origin", "accept": "application/json"}
    wrong = dana.post(f"/flags/{flag}/decide", {"verdict": "", "category": "", "action": ""}, headers=asks)
    assert (wrong.status, json.loads(wrong.text)) == (400, {"error": "Choose what it is."})
    fields = {"verdict": "concern", "category": CATEGORY, "action": "talked_to_child"}
    right = dana.post(f"/flags/{flag}/decide", fields, headers=asks)
    assert json.loads(right.text)["decision"]["by"] == "dana"
    assert "No flag waits for you" in dana.get("/flags").words
    assert "Decided Concern, dana" in dana.get("/flags?state=decided").words
    plain = dana.post(f"/flags/{flag}/decide", {**fields, "action": ""})
    assert "Say what was done" in plain.words
    answer = dana.post(f"/flags/{flag}/decide", {**fields, "verdict": "no_concern"})
    assert answer.location == f"/flags/{flag}?done=decided"
    assert actions_of(school).count("flag.decided") == 2
