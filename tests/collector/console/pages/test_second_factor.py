# SPDX-License-Identifier: Apache-2.0
"""Tests of the page that asks for the second factor."""

import re

import pytest
from pyotp import TOTP
from starlette.applications import Starlette

from collector.console.attempts import ALLOWED
from collector.roles import Role
from tests.collector.console.conftest import PASSWORD, Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import SECOND_NS, STEP_NS, School


@pytest.fixture
def dora(school: School, app: Starlette) -> Visitor:
    """A safeguarding lead who has given the password and never registered an app."""
    school.add_user("dora", Role.DSL, PASSWORD)
    visitor = Visitor(app)
    visitor.sign_in("dora", PASSWORD)
    return visitor


def read_secret(visitor: Visitor) -> str:
    """Return the secret that the page shows."""
    found = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", visitor.get("/account/second-factor").words)
    assert found
    return found.group(1).replace(" ", "")


def test_first_sign_in_leads_to_setting_up(school: School, dora: Visitor, app: Starlette) -> None:
    """The page shows the same secret until a code of it is given; then the session is open and the page is gone."""
    assert dora.get("/account").location == "/account/second-factor?next=%2Faccount"
    page = dora.get("/account/second-factor")
    assert "<svg" in page.text
    assert "style=" not in page.text
    secret = read_secret(dora)
    assert read_secret(dora) == secret
    answer = dora.give_code(TOTP(secret).at(school.now_ns // SECOND_NS))
    assert answer.location == "/account?done=second-factor"
    assert dora.get("/account").status == 200
    assert dora.get("/account/second-factor").location == "/account"


def test_one_time_password_comes_first(enter: Enter, school: School) -> None:
    """A newcomer chooses a password, then sets the second factor up, then is in."""
    newcomer = enter(Role.DSL, "nora", has_own_password=False)
    assert newcomer.get("/account/second-factor").location == "/account/password"


def test_each_sign_in_asks_for_a_code_and_goes_where_it_was_going(
    lead: Visitor, school: School, app: Starlette
) -> None:
    """The secret is not shown again, and the page that was asked for comes after the code."""
    again = Visitor(app)
    again.sign_in("dsl", PASSWORD)
    asked = again.get("/account?x=1")
    assert asked.location == "/account/second-factor?next=%2Faccount%3Fx%3D1"
    page = again.get(asked.location)
    assert "Key:" not in page.words
    assert "<svg" not in page.text
    school.pass_time(STEP_NS)
    answer = again.post("/account/second-factor", {"code": school.make_code("dsl"), "next": "/account?x=1"})
    assert answer.location == "/account?x=1"
    assert again.get("/account").status == 200


@pytest.mark.parametrize("next_page", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_code_leads_nowhere_else(lead: Visitor, school: School, app: Starlette, next_page: str) -> None:
    """A link from elsewhere cannot say where to go after the code."""
    again = Visitor(app)
    again.sign_in("dsl", PASSWORD)
    school.pass_time(STEP_NS)
    again.get("/account/second-factor")
    answer = again.post("/account/second-factor", {"code": school.make_code("dsl"), "next": next_page})
    assert answer.location == "/"


def test_wrong_code_opens_nothing(lead: Visitor, app: Starlette, school: School) -> None:
    """The page says so and asks again; the code of the session before works no more."""
    again = Visitor(app)
    again.sign_in("dsl", PASSWORD)
    for code in ("000000", school.make_code("dsl")):
        answer = again.give_code(code)
        assert answer.status == 403
        assert "the code is not right" in answer.words.lower()
    assert again.get("/account").location.startswith("/account/second-factor")


def test_code_in_one_browser_opens_no_other(lead: Visitor, app: Starlette) -> None:
    """The second factor belongs to the session in which it was given."""
    again = Visitor(app)
    again.sign_in("dsl", PASSWORD)
    assert again.get("/account").location.startswith("/account/second-factor")
    assert lead.get("/account").status == 200


def test_guessing_ends_soon_whatever_the_address(lead: Visitor, app: Starlette, school: School) -> None:
    """After some wrong codes even the right one has to wait, from every address, and a new sign-in resets nothing."""
    guesser = Visitor(app)
    guesser.sign_in("dsl", PASSWORD)
    for number in range(ALLOWED):
        guesser.address = f"198.51.100.{number}"
        assert guesser.give_code("000000").status == 403
    school.pass_time(STEP_NS)
    guesser.address = "203.0.113.9"
    guesser.sign_in("dsl", PASSWORD)
    answer = guesser.give_code(school.make_code("dsl"))
    assert answer.status == 429
    assert int(answer.header("retry-after")) > 600


def test_own_new_password_keeps_the_second_factor(lead: Visitor, app: Starlette) -> None:
    """Changing the password ends other sessions and asks for no code in this one."""
    new = "another long secret"
    lead.get("/account/password")
    answer = lead.post("/account/password", {"old": PASSWORD, "new": new, "again": new})
    assert answer.location == "/account?done=password"
    assert lead.get("/account").status == 200


def test_technician_is_not_asked(technician: Visitor) -> None:
    """Only roles that read safeguarding need a second factor."""
    assert technician.get("/incidents").status == 200
    assert technician.get("/account/second-factor").location == "/account"
    assert technician.post("/account/second-factor", {"code": "000000"}).location == "/account"


def test_every_role_of_a_reader_waits_for_the_code(school: School, app: Starlette) -> None:
    """A technician who is a safeguarding lead as well has nothing open before the code, and all of it after."""
    school.add_user("tess", {Role.TECHNICIAN, Role.DSL}, PASSWORD)
    school.add_second_factor("tess")
    tess = Visitor(app)
    tess.sign_in("tess", PASSWORD)
    assert tess.get("/incidents").location.startswith("/account/second-factor")
    assert tess.give_code(school.make_code("tess")).status == 303
    assert tess.get("/incidents").status == 200


def test_administrator_resets_it_and_the_user_sets_up_a_new_one(
    lead: Visitor, administrator: Visitor, app: Starlette
) -> None:
    """Every session of the user ends, and the next sign-in shows a new secret; of a user without one it is refused."""
    assert administrator.post("/users/dsl/reset-second-factor").location == "/users?done=second-factor-reset"
    assert lead.get("/account").location.startswith("/sign-in")
    lead.sign_in("dsl", PASSWORD)
    assert read_secret(lead)
    answer = administrator.post("/users/dsl/reset-second-factor")
    assert answer.status == 400
    assert "Dsl has no second factor" in answer.words
    assert administrator.post("/users/administrator/reset-second-factor").status == 400
