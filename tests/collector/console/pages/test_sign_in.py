# SPDX-License-Identifier: Apache-2.0
"""Tests of signing in."""

import pytest

from collector.roles import Role
from collector.users import disable
from tests.collector.conftest import SCHOOL_ID
from tests.collector.console.conftest import PASSWORD
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

COOKIE = f"__Host-schoolwarden-{SCHOOL_ID[:8]}"


@pytest.fixture
def anna(visitor: Visitor, school: School) -> Visitor:
    """A visitor at a school where anna is a technician with a password."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    return visitor


def test_right_password_leads_to_the_start_page(anna: Visitor) -> None:
    """Signing in leads to the incidents, and the page shows who is signed in."""
    answer = anna.post("/sign-in", {"name": "anna", "password": PASSWORD})
    assert (answer.status, answer.location) == (303, "/")
    assert anna.get("/").location == "/incidents"
    assert "anna, Technician" in anna.get("/incidents").words


def test_name_is_taken_in_capitals_and_with_spaces(anna: Visitor) -> None:
    """What a telephone's keyboard adds to a name does not matter."""
    assert anna.post("/sign-in", {"name": " Anna ", "password": PASSWORD}).status == 303


@pytest.mark.parametrize("name", ["anna", "nobody", ""])
def test_wrong_password_says_so_and_keeps_the_name(anna: Visitor, name: str) -> None:
    """The form comes back with the name, without the password, and does not tell which names exist."""
    answer = anna.post("/sign-in", {"name": name, "password": "wrong-one"})
    assert answer.status == 403
    assert "The name or the password is not right" in answer.words
    assert f'value="{name}"' in answer.text
    assert "wrong-one" not in answer.text
    assert "Error: Sign in" in answer.text
    assert not answer.cookies


def test_disabled_user_gets_the_same_answer(anna: Visitor, school: School) -> None:
    """A disabled user's right password is not right."""
    school.add_user("root", Role.ADMINISTRATOR)
    disable(school.engine, school.id, "anna", school.now_ns, actor="root")
    assert (
        "The name or the password is not right" in anna.post("/sign-in", {"name": "anna", "password": PASSWORD}).words
    )


def test_session_id_of_before_is_never_taken_over(anna: Visitor) -> None:
    """A cookie that somebody planted before the sign-in is worth nothing after it."""
    planted = "planted-planted-planted-planted-planted-plan"
    anna.cookies[COOKIE] = planted
    anna.post("/sign-in", {"name": "anna", "password": PASSWORD})
    assert anna.cookies[COOKIE] != planted
    assert Visitor(anna.app, cookies={COOKIE: planted}).get("/incidents").status == 303


def test_each_sign_in_is_a_session_of_its_own(anna: Visitor) -> None:
    """Signing in again gives another id."""
    anna.post("/sign-in", {"name": "anna", "password": PASSWORD})
    first = anna.cookies[COOKIE]
    anna.post("/sign-in", {"name": "anna", "password": PASSWORD})
    assert anna.cookies[COOKIE] != first


def test_sign_in_leads_back_to_the_page_that_was_asked_for(anna: Visitor) -> None:
    """A link to an incident survives signing in."""
    page = anna.get(anna.get("/incidents?state=all").location)
    assert 'name="next" value="/incidents?state=all"' in page.text
    form = {"name": "anna", "password": PASSWORD, "next": "/incidents?state=all"}
    assert anna.post("/sign-in", form).location == "/incidents?state=all"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\tx",
        "/a\r\nSet-Cookie: x",
    ],
)
def test_sign_in_never_leads_elsewhere(anna: Visitor, elsewhere: str) -> None:
    """A link to our sign-in page cannot send anybody to another site."""
    form = {"name": "anna", "password": PASSWORD, "next": elsewhere}
    assert anna.post("/sign-in", form).location == "/"


def test_every_role_has_a_start_page(technician: Visitor, administrator: Visitor) -> None:
    """The start page leads each role to a page that it may see."""
    for somebody in (technician, administrator):
        assert somebody.get(somebody.get("/").location).status == 200


def test_notice_is_one_of_ours_only(visitor: Visitor) -> None:
    """The address of a page chooses among our sentences and cannot bring its own."""
    assert "Please note Your session has ended" in visitor.get("/sign-in?done=session-ended").words
    assert "Done You are signed out." in visitor.get("/sign-in?done=signed-out").words
    page = visitor.get("/sign-in?done=Call+0900+1234")
    assert "0900" not in page.text
    assert "notification-banner" not in page.text


def test_reader_lands_on_the_flags(lead: Visitor) -> None:
    """Who reads safeguarding only has no incidents to see."""
    assert lead.get("/").location == "/flags"
    assert lead.get("/incidents").status == 403
    assert "Incidents" not in lead.get("/account").words
