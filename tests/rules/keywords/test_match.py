# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.events import Tier
from rules.keywords.lexicon import Lexicon, Phrase, fold_words, load_lexicon
from rules.keywords.match import Matcher

ENGLISH = Matcher(load_lexicon(["en"]))


def make_phrase(id: str, text: str, *, category: str = "suicide", tier: Tier = Tier.ALERT) -> Phrase:
    """Return a phrase of one text."""
    return Phrase(id, category, tier, 3, (((fold_words(text),),),), "why")


def found(matcher: Matcher, text: str) -> list[tuple[str, str]]:
    """Return the rule of each hit, and what was typed for it."""
    return [(hit.rule, text[hit.start : hit.end]) for hit in matcher.find(text)]


SMALL = Matcher(
    Lexicon(
        (
            make_phrase("die", "want to die"),
            make_phrase("laugh", "want to die laughing", tier=Tier.COUNT),
            make_phrase("other", "to die", category="violence"),
            make_phrase("kill", "kill myself"),
        )
    )
)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("I want to die.", [("die", "want to die"), ("other", "to die")]),
        ("i WANT  to-die laughing", [("laugh", "WANT  to-die laughing"), ("other", "to-die")]),
        ("wanting to diet", []),
        ("want to. Die", []),
        ("want\nto die", [("other", "to die")]),
        ("want to... die", [("die", "want to... die"), ("other", "to... die")]),
        ("k1ll mys3lf k i l l  m y s e l f", [("kill", "k1ll mys3lf"), ("kill", "k i l l  m y s e l f")]),
        ("kíll\u200b my\u200bself\u0301!", [("kill", "kíll\u200b my\u200bself\u0301")]),
        ("ki\u0301ll kill myself", [("kill", "kill myself")]),
        ("", []),
    ],
)
def test_hits_and_what_was_typed_for_them(text, hits):
    """Whole words, within a sentence, outermost of a category, each with exactly what was typed."""
    assert found(SMALL, text) == hits


@pytest.mark.parametrize(
    "text",
    [
        "i don't want to live anymore",
        "I DONT WANNA LIVE",
        "i do not want to be alive",
        "i d o n t want to l i v e anymore",
    ],
)
def test_a_negation_is_no_excuse(text):
    """Not wanting to live is found, however it is written."""
    assert any(hit.category == "suicide" and hit.tier >= Tier.ALERT for hit in ENGLISH.find(text))


@given(
    st.lists(
        st.sampled_from(
            ["i", "want", "to", "die", "k1ll", "k i l l", "MYSELF", "mys\u00e9lf", "\u200b", " ", ". ", "\n", "ﬁ", "…"]
        )
        | st.text(max_size=4)
    ).map(lambda parts: "".join(part + " " if part.isalnum() else part for part in parts))
)
def test_a_hit_is_what_was_typed(text):
    """Searched again alone, what was typed for a hit is the same hit, all of it."""
    for hit in SMALL.find(text):
        typed = text[hit.start : hit.end]
        assert (hit.rule, 0, len(typed)) in {(again.rule, again.start, again.end) for again in SMALL.find(typed)}


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text):
    """Nothing raises, and places are inside the text."""
    assert all(0 <= hit.start < hit.end <= len(text) for hit in ENGLISH.find(text))
