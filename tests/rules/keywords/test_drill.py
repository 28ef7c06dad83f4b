# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.drill."""

from rules.keywords.drill import DRILL_CATEGORY, DRILL_PHRASE, DRILL_RULE, add_drill
from rules.keywords.lexicon import Lexicon, load_lexicon
from rules.keywords.match import Matcher


def test_the_drill_is_found_by_the_real_matcher():
    """Its phrase is one hit of its own category, among all phrases of the lexicon."""
    hits = Matcher(add_drill(load_lexicon(["en"]))).find(f"so: {DRILL_PHRASE.upper()}!")
    assert [(hit.rule, hit.category, hit.start, hit.end) for hit in hits] == [
        (DRILL_RULE, DRILL_CATEGORY, 4, 4 + len(DRILL_PHRASE))
    ]


def test_part_of_the_drill_is_nothing():
    """Only the whole phrase is a drill."""
    assert Matcher(add_drill(Lexicon(()))).find(DRILL_PHRASE.rpartition(" ")[0]) == []
