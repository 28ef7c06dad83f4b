# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.wildcard."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.wildcard import Wildcards, find_fault, is_wildcard, to_regex

patterns = st.text("ab/*?", max_size=8)
texts = st.text("ab/\n", max_size=12)


def fits_naively(pattern: str, text: str) -> bool:
    """Compare by trying everything, which is right and slow."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits_naively(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits_naively(pattern[1:], text[1:])


@given(patterns, texts)
def test_a_wildcard_fits_what_it_should(pattern, text):
    """The quick expression fits exactly what trying everything fits."""
    assert bool(re.compile(to_regex(pattern), re.DOTALL).match(text)) == fits_naively(pattern, text)


@given(st.lists(patterns, max_size=6), texts)
def test_many_wildcards_find_what_each_one_finds(patterns, text):
    """Asked together, wildcards answer as they do alone, and in their order."""
    expected = [place for place, pattern in enumerate(patterns) if fits_naively(pattern, text)]

    assert list(Wildcards([(each, place) for place, each in enumerate(patterns)]).find_all(text)) == expected


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*b", "*aaaaaaaaab*aaaaaaaaab*", "a?a?a?a?a?a?a?*b", "*a*b*c*d*e*f*g*"])
def test_no_text_makes_a_wildcard_slow(pattern):
    """A text that nearly fits everywhere ends at once; a backtracking expression would not end before the test does."""
    assert not Wildcards([(pattern, 1), ("*aaab", 2)]).find_all("a" * 4096)


def test_special_characters_of_expressions_are_ordinary():
    """Dots, pluses and brackets in names stand for themselves."""
    names = Wildcards([("libstdc++*", 1), ("a.b?", 2), ("(x)*y", 3)])

    assert list(names.find_all("libstdc++6")) == [1]
    assert list(names.find_all("axbc")) == []
    assert list(names.find_all("(x) y")) == [3]


@pytest.mark.parametrize(("text", "expected"), [("tor", False), ("tor*", True), ("to?", True)])
def test_stars_and_question_marks_make_a_wildcard(text, expected):
    """Everything else is an exact name."""
    assert is_wildcard(text) is expected


@pytest.mark.parametrize("text", ["tor", "tor*", "*tor*", "t?r?x", "/opt/x y/*", "libstdc++6"])
def test_sensible_names_have_no_fault(text):
    """What people write in rules is taken."""
    assert find_fault(text) is None


def test_how_narrow_a_wildcard_must_be_depends_on_its_use():
    """A version may be written in one character, a program may not."""
    assert find_fault("1*")
    assert find_fault("1*", min_literals=1) is None
    assert find_fault("*", min_literals=1)


@pytest.mark.parametrize("text", ["", " tor", "tor\n", "to\u200br", "*", "a*", "?????", "x**y", "[ab]cd", "x" * 201])
def test_senseless_names_have_a_fault(text):
    """What fits everything, or cannot be what somebody meant, is not taken."""
    assert find_fault(text)
