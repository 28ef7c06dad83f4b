# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.keywords.sentence import MAX_SENTENCE_CHARACTERS, find_sentence


@pytest.mark.parametrize(
    ("text", "part", "sentence"),
    [
        ("One. Two is here! Three?", "is", "Two is here!"),
        ("first line\nsecond line\nthird", "second", "second line"),
        ("no end at all", "end", "no end at all"),
        ("Hello. I saw Mrs. Smith today. Bye.", "today", "I saw Mrs. Smith today."),
        ("He said k.i.l.l and went. Yes.", "k.i.l.l", "He said k.i.l.l and went."),
        ("Well... I do", "do", "I do"),
    ],
)
def test_the_sentence_around_a_part(text, part, sentence):
    """It ends at a mark before a blank or with the line, and a title does not cut off the name behind it."""
    start = text.index(part)
    first, last = find_sentence(text, start, start + len(part))
    assert text[first:last] == sentence


def test_a_long_sentence_is_cut_around_the_part():
    """What is far from the hit stays out."""
    text = "a " * 1000 + "HERE" + " b" * 1000
    first, last = find_sentence(text, 2000, 2004)
    assert last - first <= MAX_SENTENCE_CHARACTERS
    assert 150 < 2000 - first < 350


@given(st.text(alphabet="ab .!?\n\"'", max_size=1200), st.data())
def test_the_part_is_always_inside(text, data):
    """Wherever the part is, the sentence holds it and is not longer than allowed."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + MAX_SENTENCE_CHARACTERS)))
    first, last = find_sentence(text, start, end)
    assert 0 <= first <= start <= end <= last <= len(text)
    assert last - first <= MAX_SENTENCE_CHARACTERS
