# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.normalise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.keywords.normalise import find_joined, find_words, normalise

KNOWN = frozenset({"kill", "suicide", "die", "dont", "myself"})


def forms_of(text: str) -> set[str]:
    """Return every word that a text may mean."""
    folded = normalise(text).text
    words = find_words(folded)
    joined = (each.word for each in find_joined(folded, words, KNOWN))
    return {form for word in (*words, *joined) for form in word.forms}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("don’t", "dont"),
        ("DON'T", "dont"),
        ("k1ll", "kill"),
        ("k!ll", "kill"),
        ("ki11", "kill"),
        ("$uicide", "suicide"),
        ("su1c1de", "suicide"),
        ("k i l l", "kill"),
        ("k-i-l-l", "kill"),
        ("k.i.l.l", "kill"),
        ("s u 1 c 1 d e", "suicide"),
        ("kiiiillll", "kill"),
        ("dieeeee", "die"),
        ("ｋｉｌｌ", "kill"),
        ("𝓴𝓲𝓵𝓵", "kill"),
        ("kíll", "kill"),
        ("k\u200bi\u2060l\u00adl", "kill"),
        ("\u202ekill\u202c", "kill"),
        ("kіll", "kill"),
        ("mуself", "myself"),
    ],
)
def test_a_disguised_word_is_read(typed, meant):
    """Case, style, digits for letters, spelling out, drawing out, unseen marks and look-alikes hide no word."""
    assert meant in forms_of(typed)


@pytest.mark.parametrize(
    ("typed", "not_meant"), [("1 2 3", "il"), ("сосо", "coco"), ("k. i. l. l.", "kill"), ("100", "ioo")]
)
def test_what_is_no_disguise_stays_as_it_is(typed, not_meant):
    """Numbers, whole words of another alphabet and initials are not read as something else."""
    assert not_meant not in forms_of(typed)


@given(st.text())
def test_any_text_is_folded_and_mapped(text):
    """Nothing raises, and every word of the folded text has a place in the original that is not empty and in order."""
    normalised = normalise(text)
    words = find_words(normalised.text)
    list(find_joined(normalised.text, words, KNOWN))
    places = [normalised.to_original(word.start, word.end) for word in words]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
