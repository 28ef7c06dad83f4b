# SPDX-License-Identifier: Apache-2.0
"""Tests of the limit on guessing passwords."""

import re

import pytest
from starlette.exceptions import HTTPException

from collector.console.attempts import ALLOWED, ALLOWED_FROM_ALL, LONGEST_NAME, Attempts
from collector.roles import Role
from tests.collector.console.conftest import PASSWORD
from tests.collector.console.visitor import Visitor
from tests.collector.school import School


def test_eleventh_attempt_at_a_name_from_one_address_is_refused(visitor: Visitor, school: School) -> None:
    """After ten wrong passwords even the right one waits, and the page says for how long; elsewhere it is taken."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    for _ in range(ALLOWED):
        assert visitor.post("/sign-in", {"name": "anna", "password": "wrong"}).status == 403
    answer = visitor.post("/sign-in", {"name": " Anna ", "password": PASSWORD})
    assert answer.status == 429
    assert "Too many attempts" in answer.words
    assert re.search(r"Try again in [45] minutes", answer.words)
    assert 0 < int(answer.header("retry-after")) <= 301
    assert visitor.get("/sign-in").status == 200
    visitor.address = "198.51.100.1"
    assert visitor.post("/sign-in", {"name": "anna", "password": PASSWORD}).status == 303


def test_name_is_closed_to_many_addresses_together() -> None:
    """Guessing from a hundred machines is stopped, too, and counts a long name by its beginning."""
    attempts = Attempts()
    for number in range(ALLOWED_FROM_ALL):
        attempts.count("a" * (LONGEST_NAME + number), f"192.0.2.{number}")
    with pytest.raises(HTTPException):
        attempts.count("a" * LONGEST_NAME, "198.51.100.1")
    attempts.count("b" * LONGEST_NAME, "198.51.100.1")


def test_address_that_tries_many_names_is_refused(visitor: Visitor, school: School) -> None:
    """One password tried on every name is stopped too, for that address only."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    for number in range(ALLOWED):
        assert visitor.post("/sign-in", {"name": f"name-{number}", "password": "wrong"}).status == 403
    assert visitor.post("/sign-in", {"name": "anna", "password": PASSWORD}).status == 429
    visitor.address = "198.51.100.1"
    assert visitor.post("/sign-in", {"name": "anna", "password": PASSWORD}).status == 303


def test_present_password_is_not_guessed_on_the_account_page(technician: Visitor) -> None:
    """Whoever finds a session open cannot try passwords there either."""
    form = {"old": "wrong", "new": "another long secret", "again": "another long secret"}
    for _ in range(ALLOWED):
        assert technician.post("/account/password", form).status == 403
    assert technician.post("/account/password", form | {"old": PASSWORD}).status == 429


def test_success_forgets_the_attempts_at_a_name() -> None:
    """Somebody who mistypes now and then is never locked out."""
    attempts = Attempts()
    for _ in range(3 * ALLOWED):
        attempts.count("anna", "192.0.2.7")
        attempts.note_success("anna", "192.0.2.7")


def test_whole_school_can_sign_in_from_one_address() -> None:
    """Only failures count against an address."""
    attempts = Attempts()
    for number in range(5 * ALLOWED):
        attempts.count(f"user-{number}", "192.0.2.7")
    for _ in range(ALLOWED):
        attempts.note_failure("192.0.2.7")
    with pytest.raises(HTTPException):
        attempts.count("one-more", "192.0.2.7")
