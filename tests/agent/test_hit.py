# SPDX-License-Identifier: Apache-2.0
"""Tests of a sentence on its way to the seal."""

import traceback

import pytest

from tests.agent.safeguarding import make_hit


def test_a_hit_shows_nothing_of_what_was_typed() -> None:
    """Neither by itself nor inside of anything that is printed; who typed it is as secret."""
    hit = make_hit("i want to die")

    assert {repr(hit), str(hit), f"{hit}"} == {"Hit(...)"}
    for shown in (repr([hit]), repr({"hit": hit}), f"{(hit,)!r}"):
        assert "die" not in shown
        assert "pupil7" not in shown


def test_an_error_about_a_hit_shows_nothing_of_it() -> None:
    """What Python says of a change that is not allowed holds no field's value."""
    hit = make_hit("i want to die")
    with pytest.raises(AttributeError) as raised:
        hit.account = "directory:other"  # type: ignore[misc]

    assert "die" not in "".join(traceback.format_exception(raised.value))


def test_a_hit_is_no_drill_unless_it_says_so() -> None:
    """Only an order that was verified makes one."""
    assert make_hit().drill_nonce == b""
