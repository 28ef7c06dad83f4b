# SPDX-License-Identifier: Apache-2.0
"""Tests of a user's own account."""

import pytest

from collector.roles import Role
from tests.collector.console.conftest import PASSWORD, Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

NEW = "another long secret"


def change(visitor: Visitor, old: str, new: str, again: str = ""):
    """Send the form for a new password."""
    return visitor.post("/account/password", {"old": old, "new": new, "again": again or new})


def test_newcomer_chooses_a_password_and_goes_on(visitor: Visitor, school: School) -> None:
    """With a one-time password there is one page only; after it everything is open."""
    one_time = school.add_user("anna", Role.TECHNICIAN)
    visitor.sign_in("anna", one_time)
    assert visitor.get("/").location == "/account/password"
    page = visitor.get("/account/password")
    assert "Choose a password" in page.words
    assert "Incidents" not in page.words
    answer = change(visitor, one_time, NEW)
    assert (answer.status, answer.location) == (303, "/?done=password")
    assert visitor.get("/incidents").status == 200


def test_password_is_changed_and_others_are_signed_out(technician: Visitor, app) -> None:
    """This browser stays signed in with a new session; another one does not."""
    other = Visitor(app)
    other.sign_in("technician", PASSWORD)
    before = dict(technician.cookies)
    assert change(technician, PASSWORD, NEW).location == "/account?done=password"
    assert technician.cookies != before
    assert "The password is changed" in technician.get("/account?done=password").words
    assert other.get("/incidents").status == 303
    assert other.sign_in("technician", PASSWORD).status == 403
    assert other.sign_in("technician", NEW).status == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "status", "reason"),
    [
        ("wrong", NEW, NEW, 403, "The present password is not right"),
        (PASSWORD, "short", "short", 400, "shorter than 12 characters"),
        (PASSWORD, NEW, NEW + "x", 400, "not the same"),
        (PASSWORD, PASSWORD, PASSWORD, 400, "is the present one"),
        ("", "", "", 403, "The present password is not right"),
    ],
)
def test_bad_form_says_why_and_shows_no_password(
    technician: Visitor, old: str, new: str, again: str, status: int, reason: str
) -> None:
    """What is wrong is said in words, linked to its field, and nothing typed comes back."""
    answer = change(technician, old, new, again)
    assert answer.status == status
    assert reason in answer.words
    assert 'href="#new"' in answer.text or 'href="#old"' in answer.text
    assert NEW not in answer.text
    assert PASSWORD not in answer.text
    assert technician.get("/incidents").status == 200


def test_page_says_who_and_what(technician: Visitor) -> None:
    """The account page shows name, role and what the role is for."""
    words = technician.get("/account").words
    assert "technician" in words
    assert "Sees and decides devices and security incidents" in words


def test_signing_out_ends_the_session_and_takes_the_cookie(technician: Visitor) -> None:
    """After signing out the old cookie is worth nothing."""
    kept = dict(technician.cookies)
    answer = technician.post("/account/sign-out")
    assert answer.location == "/sign-in?done=signed-out"
    assert not technician.cookies
    assert "You are signed out" in technician.get(answer.location).words
    technician.cookies.update(kept)
    assert technician.get("/incidents").status == 303


def test_signing_out_everywhere_ends_every_session(technician: Visitor, app) -> None:
    """A telephone left on the bus is signed out too."""
    other = Visitor(app)
    other.sign_in("technician", PASSWORD)
    technician.post("/account/sign-out-everywhere")
    assert technician.get("/incidents").status == 303
    assert other.get("/incidents").status == 303


def test_newcomer_can_leave_without_choosing(enter: Enter) -> None:
    """Signing out is open with a one-time password."""
    newcomer = enter(Role.TECHNICIAN, has_own_password=False)
    assert newcomer.post("/account/sign-out").location == "/sign-in?done=signed-out"


def test_reader_notes_that_he_is_away_and_back(lead: Visitor, school: School) -> None:
    """Days are whole days of the school; who is back early says so."""
    assert lead.post("/account/absence", {"from": "2026-11-21", "until": "2026-11-22"}).location == "/account?done=away"
    page = lead.get("/account").words
    assert "Away from 21 Nov 2026, 00:00 until 22 Nov 2026, 23:59 , noted by dsl" in page
    assert "I am back" in page
    assert lead.post("/account/absence/end").location == "/account?done=back"
    assert "Away from" not in lead.get("/account").words
    assert lead.post("/account/absence/end").status == 400


def test_bad_days_are_said(lead: Visitor) -> None:
    """And stay in the form."""
    answer = lead.post("/account/absence", {"from": "2026-11-25", "until": "2026-11-21"})
    assert answer.status == 400
    assert "The last day is before the first" in answer.words
    assert 'value="2026-11-25"' in answer.text


def test_technician_is_not_asked_whether_he_is_away(technician: Visitor) -> None:
    """Only the absence of somebody who reads flags changes anything."""
    assert "When you are away" not in technician.get("/account").words
