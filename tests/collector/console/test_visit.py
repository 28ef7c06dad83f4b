# SPDX-License-Identifier: Apache-2.0
"""Tests of what a page is given of a request."""

import pytest

from tests.collector.console.visitor import Visitor


@pytest.mark.parametrize("path", ["/devices/a\x00b", "/incidents/a\x00b", "/proposals/a\x00b"])
def test_character_that_no_text_holds_is_refused_in_an_address(technician: Visitor, path: str) -> None:
    """A NUL never reaches the database, which may not take it."""
    answer = technician.get(path)
    assert answer.status == 400
    assert "a character that no text holds" in answer.words


@pytest.mark.parametrize("field", ["name", "password", "next"])
def test_character_that_no_text_holds_is_refused_in_a_form(visitor: Visitor, field: str) -> None:
    """Nor does one that comes in a form."""
    form = {"name": "anna", "password": "a password", "next": "/"}
    assert visitor.post("/sign-in", form | {field: "a\x00b"}).status == 400
