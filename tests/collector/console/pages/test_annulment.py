# SPDX-License-Identifier: Apache-2.0
"""Tests of the page that annuls a flag: it asks first, and for whoever does not read the flag it is not there."""

import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from collector.store.engine import reading
from collector.store.schema import tombstones
from tests.collector.console.pages.conftest import come_in
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device
from tests.collector.safeguarding import Safeguarding
from tests.collector.school import School


def test_page_says_what_goes_and_what_stays(dana: Visitor, flag: str) -> None:
    """Before anything is pressed; the way there is on the flag's own page, and in the list once it is decided."""
    assert "Annul this flag" in dana.get(f"/flags/{flag}").words
    assert f"/flags/{flag}/annul" not in dana.get("/flags").text
    words = dana.get(f"/flags/{flag}/annul").words
    for said in ("This cannot be undone", "What goes", "What stays", "in the audit log, that you annulled it, and why"):
        assert said in words
    fields = {"verdict": "no_concern", "action": "none_needed"}
    dana.post(f"/flags/{flag}/decide", fields)
    assert f"/flags/{flag}/annul" in dana.get("/flags?state=decided").text


def test_it_asks_why_and_whether_he_is_sure(dana: Visitor, school: School, flag: str) -> None:
    """What was chosen stays chosen, and nothing is gone."""
    dana.get(f"/flags/{flag}/annul")
    unsure = dana.post(f"/flags/{flag}/annul", {"why": "malicious"})
    assert unsure.status == 400
    assert "Say that you are sure" in unsure.words
    assert 'value="malicious" checked' in unsure.text
    for why in ({}, {"why": "because"}):
        answer = dana.post(f"/flags/{flag}/annul", {"sure": "yes", **why})
        assert (answer.status, "Choose why it is annulled" in answer.words) == (400, True)
    assert school.count(tombstones) == 0


def test_it_says_that_the_log_still_holds_it(
    dana: Visitor, school: School, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was reading while it went."""
    monkeypatch.setattr("collector.erasure.LOG_PAUSE_S", 0.0)
    dana.get(f"/flags/{flag}/annul")
    with reading(school.engine) as reader:
        reader.execute(select(tombstones)).all()
        answer = dana.post(f"/flags/{flag}/annul", {"why": "unfounded", "sure": "yes"})
    assert "log still holds what it said" in dana.get(answer.location).words


def test_annulled_flag_is_on_no_page(dana: Visitor, school: School, flag: str) -> None:
    """Nor can it be opened, decided or annulled again."""
    dana.get(f"/flags/{flag}/annul")
    answer = dana.post(f"/flags/{flag}/annul", {"why": "unfounded", "sure": "yes"})
    assert (answer.status, answer.location) == (303, "/flags?done=annulled")
    assert "The flag is annulled" in dana.get(answer.location).words
    for address in ("/flags", "/flags?state=all", "/flags?state=decided", "/readers"):
        assert flag not in dana.get(address).text
    assert dana.get(f"/flags/{flag}").status == dana.get(f"/flags/{flag}/annul").status == 404
    assert dana.post(f"/flags/{flag}/open").status in (400, 404)
    assert dana.post(f"/flags/{flag}/annul", {"why": "unfounded", "sure": "yes"}).status == 404
    assert school.count(tombstones) == 1


def test_who_does_not_read_it_finds_nothing(
    app: Starlette, school: School, safeguarding: Safeguarding, device: Device, dana: Visitor
) -> None:
    """Neither the person whom it is about nor a reader of another route; the same answer as for one that never was."""
    about_her = safeguarding.raise_flag(device, account="directory:dana")
    chair = come_in(app, school, safeguarding.chair)
    sure = {"why": "unfounded", "sure": "yes"}
    for visitor in (dana, chair):
        visitor.get("/flags")
        for flag_id in (about_her, "0" * 16):
            assert visitor.get(f"/flags/{flag_id}/annul").status == 404
            assert visitor.post(f"/flags/{flag_id}/annul", sure).status == 404
    assert school.count(tombstones) == 0
