# SPDX-License-Identifier: Apache-2.0
"""Tests of drafts in the engine: found as written, beside everything else."""

from rules.keywords.draft import DRAFT_CATEGORY, add_drafts
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Matcher


def test_a_draft_is_found_and_hides_nothing() -> None:
    """A sentence with a phrase of the lexicon is told as before, whatever draft fits it too."""
    matcher = Matcher(add_drafts(load_lexicon(["en"]), {"own": ["going country", "want to kill myself today"]}))
    found = {hit.category: hit.rule for hit in matcher.find("I want to kill myself today.")}
    assert found[DRAFT_CATEGORY] == "own"
    assert found["suicide"].startswith("en.suicide.")
    assert [hit.rule for hit in matcher.find("we are GOING  country tomorrow")] == ["own"]
