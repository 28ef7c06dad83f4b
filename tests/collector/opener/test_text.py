# SPDX-License-Identifier: Apache-2.0
"""Tests of making text from elsewhere harmless to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.opener.text import frame, in_groups, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 図", "plain é 図"),
        ("a\u202eb", "a[U+202E]b"),
        ("\x1b[2J", "[U+001B][2J"),
        ("a\nb\tc", "a[U+000A]b[U+0009]c"),
        ("a\u2028b\u00a0c", "a[U+2028]b[U+00A0]c"),
        ("\ud800", "[U+D800]"),
        ("a" + "\u0301" * 4, "a\u0301\u0301\u0301[U+0301]"),
        ("\u3164", "[U+3164]"),
    ],
)
def test_what_hides_is_shown_by_its_number(text: str, shown: str) -> None:
    """Controls, bidi marks, odd blanks, halves of pairs, piled-up marks; letters of the world stay."""
    assert show(text) == shown


@given(st.text())
def test_nothing_shown_moves_a_terminal(text: str) -> None:
    """Whatever comes in, what goes out is one line without controls."""
    assert all(character.isprintable() for character in show(text))


def test_keys_are_read_in_groups_and_secrets_stand_in_a_frame() -> None:
    """Four by four, and the frame is as wide as what is in it."""
    assert in_groups("age1abcdef") == "age1 abcd ef"
    assert frame("HEAD", ["a line"]) == "==========\n  HEAD\n==========\n  a line\n==========\n"
