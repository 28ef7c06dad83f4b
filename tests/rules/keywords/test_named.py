# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.named."""

import pytest

from rules.keywords.named import NameFinder

FINDER = NameFinder({"dsl": ["Mrs Smith", "miss s"], "head": ["the head", "Mr O'Neill"], "nobody": ["", "!!"]})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("mrs smith hit me", {"dsl"}),
        ("I hate Mrs. Smith!", {"dsl"}),
        ("that is mrs sm1th's room", {"dsl"}),
        ("MISS S told the head", {"dsl", "head"}),
        ("mr oneill shouts", {"head"}),
        ("mrs smithson is nice", set()),
        ("I miss swimming ahead of the heading", set()),
        ("", set()),
    ],
)
def test_aliases_are_found_as_whole_words(text, named):
    """However they are written, in the possessive too, and never inside another word."""
    assert FINDER.find(text) == named
