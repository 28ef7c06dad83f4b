# SPDX-License-Identifier: Apache-2.0
"""Tests of making hostile text readable."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.console.text import LONGEST_SHOWN, MARKS_IN_A_ROW, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("firefox-esr", "firefox-esr"),
        ("Pupil’s café – 日本語 العربية", "Pupil’s café – 日本語 العربية"),
        ("exe.tor\u202e", "exe.tor[U+202E]"),
        ("a\x00b\x1b[31mc\nd\te", "a[U+0000]b[U+001B][31mc[U+000A]d[U+0009]e"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("no\u00a0break", "no[U+00A0]break"),
        ("\u2028line\u2029", "[U+2028]line[U+2029]"),
        ("blank\u3164letter\u2800", "blank[U+3164]letter[U+2800]"),
        ("tag\U000e0041", "tag[U+E0041]"),
        ("half\ud800", "half[U+D800]"),
        ("<b>&amp;", "<b>&amp;"),
        ("", ""),
    ],
)
def test_every_character_can_be_seen(text: str, shown: str) -> None:
    """What hides or reverses is shown by its number; the world's scripts stay as they are."""
    assert show(text) == shown


def test_towers_of_marks_are_taken_down() -> None:
    """Marks heaped on one letter cannot cover the lines around it; what languages use stays."""
    assert show("e\u0301\u0323") == "e\u0301\u0323"
    tower = show("e" + "\u0301" * 50)
    assert tower.startswith("e" + "\u0301" * MARKS_IN_A_ROW + "[U+0301]")


def test_endless_text_is_cut_and_says_so() -> None:
    """Nobody fills a page with one name."""
    assert show("x" * (LONGEST_SHOWN + 5)) == "x" * LONGEST_SHOWN + "… (5 more characters)"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    """Whatever goes in, no control, format or separator character comes out."""
    assert not [
        each
        for each in show(text)
        if unicodedata.category(each)[0] == "C" or unicodedata.category(each) in ("Zl", "Zp")
    ]
