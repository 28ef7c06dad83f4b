# SPDX-License-Identifier: Apache-2.0
"""Tests of managing users."""

import re

import pytest

from collector.absences import list_absent
from collector.audit import list_entries
from collector.roles import Role
from collector.users import list_users
from tests.collector.console.conftest import PASSWORD
from tests.collector.console.visitor import Answer, Visitor
from tests.collector.school import School


def read_password(answer: Answer) -> str:
    """Return the one-time password that a page shows."""
    found = re.search(r"\b[a-z0-9]{4}(?:-[a-z0-9]{4}){4}\b", answer.words)
    assert found
    return found.group()


def test_new_user_gets_a_one_time_password_that_is_shown_once(administrator: Visitor, app, school: School) -> None:
    """The password stands on the page that answers, and on no other; the new user can sign in with it."""
    answer = administrator.post("/users", {"name": " Anna ", "role": "technician"})
    assert answer.status == 200
    password = read_password(answer)
    page = administrator.get("/users")
    assert password not in page.text
    assert "anna One-time password Technician never" in page.words
    assert Visitor(app).sign_in("anna", password).status == 303
    newest = list_entries(school.engine, school.id)
    assert ("administrator", "user.added", "technician") in {(each.actor, each.action, each.detail) for each in newest}
    assert password not in str(newest)


@pytest.mark.parametrize(
    ("name", "role", "reason"),
    [
        ("administrator", "technician", "there is a user administrator already"),
        ("a", "technician", "is not a user's name"),
        ("<b>x</b>", "technician", "is not a user's name"),
        ("", "technician", "is not a user's name"),
        ("anna", "", "Choose a role"),
        ("anna", "headmaster", "Choose a role"),
    ],
)
def test_bad_form_says_why_and_adds_nobody(
    administrator: Visitor, school: School, name: str, role: str, reason: str
) -> None:
    """What is wrong is said, and the form keeps what was right."""
    answer = administrator.post("/users", {"name": name, "role": role})
    assert answer.status == 400
    assert reason.lower() in answer.words.lower()
    assert "<b>" not in answer.text
    assert len(list_users(school.engine, school.id)) == 1


def test_reset_gives_a_new_one_time_password(administrator: Visitor, technician: Visitor, app) -> None:
    """The user is signed out, and the password on the page is the only one that works."""
    password = read_password(administrator.post("/users/technician/reset"))
    assert technician.get("/incidents").status == 303
    assert Visitor(app).sign_in("technician", PASSWORD).status == 403
    assert Visitor(app).sign_in("technician", password).status == 303


def test_user_is_disabled_and_enabled(administrator: Visitor, technician: Visitor, app) -> None:
    """A disabled user is out at once and marked; an enabled one can come back."""
    answer = administrator.post("/users/technician/disable")
    assert answer.location == "/users?done=disabled"
    page = administrator.get(answer.location).words
    assert "signed out everywhere" in page
    assert "technician Disabled" in page
    assert technician.get("/incidents").status == 303
    assert administrator.post("/users/technician/enable").location == "/users?done=enabled"
    assert Visitor(app).sign_in("technician", PASSWORD).status == 303


@pytest.mark.parametrize("action", ["disable", "reset"])
def test_nobody_does_it_to_himself(administrator: Visitor, action: str) -> None:
    """The page offers it not, and a form sent anyway is refused."""
    assert f"/users/administrator/{action}" not in administrator.get("/users").text
    answer = administrator.post(f"/users/administrator/{action}")
    assert answer.status == 400
    assert "himself" in answer.words or "his own" in answer.words


@pytest.mark.parametrize("action", ["disable", "enable", "reset"])
def test_unknown_user_is_an_error(administrator: Visitor, action: str) -> None:
    """A user who does not exist is said, not a crash."""
    answer = administrator.post(f"/users/ghost/{action}")
    assert answer.status == 400
    assert "There is no user ghost" in answer.words


def test_list_shows_everybody(administrator: Visitor, school: School) -> None:
    """Names, roles and the last sign-in are on the page."""
    school.add_user("zoe", Role.TECHNICIAN)
    words = administrator.get("/users").words
    assert "administrator (you) Administrator 21 Nov 2026, 20:46" in words
    assert "zoe One-time password Technician never" in words


def test_user_of_several_roles_is_added(administrator: Visitor, school: School) -> None:
    """Each box that is ticked is a role; the list names them all."""
    answer = administrator.post("/users", [("name", "tess"), ("role", "technician"), ("role", "deputy_dsl")])
    assert answer.status == 200
    tess = next(user for user in list_users(school.engine, school.id) if user.name == "tess")
    assert tess.roles == {Role.TECHNICIAN, Role.DEPUTY_DSL}
    assert "Deputy DSL, Technician" in administrator.get("/users").words


def test_administrator_who_reads_flags_is_refused(administrator: Visitor, school: School) -> None:
    """The page says why, and keeps what was ticked."""
    answer = administrator.post("/users", [("name", "tess"), ("role", "administrator"), ("role", "dsl")])
    assert answer.status == 400
    assert "These roles do not go together" in answer.words
    assert answer.text.count(" checked") == 2
    assert len(list_users(school.engine, school.id)) == 1


def test_absence_is_noted_and_ended(administrator: Visitor, school: School) -> None:
    """For a reader of flags, with who noted it; nobody else is offered."""
    assert "Who is away" not in administrator.get("/users").words
    school.add_user("dora", Role.DSL)
    days = {"from": "2026-11-21", "until": "2026-11-25"}
    assert administrator.post("/absences", {"away": "dora", **days}).location == "/users?done=away"
    page = administrator.get("/users").words
    assert "dora, from 21 Nov 2026, 00:00 until 25 Nov 2026, 23:59 , noted by administrator" in page
    assert list_absent(school.engine, school.id, school.now_ns) == {"dora"}
    assert administrator.post("/absences/dora/end").location == "/users?done=back"
    assert list_absent(school.engine, school.id, school.now_ns) == frozenset()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"away": "dora", "from": "2026-11-25", "until": "2026-11-21"}, "The last day is before the first"),
        ({"away": "dora", "from": "", "until": ""}, "is no day"),
        ({"away": "ghost", "from": "2026-11-21", "until": "2026-11-21"}, "There is no user ghost"),
        ({"away": "administrator", "from": "2026-11-21", "until": "2026-11-21"}, "reads no safeguarding flags"),
    ],
)
def test_bad_absence_is_said(administrator: Visitor, school: School, fields: dict[str, str], reason: str) -> None:
    """On the page with the form."""
    school.add_user("dora", Role.DSL)
    answer = administrator.post("/absences", fields)
    assert answer.status == 400
    assert reason in answer.words
    assert administrator.post("/absences/dora/end").status == 400
