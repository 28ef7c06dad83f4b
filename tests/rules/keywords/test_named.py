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
        ("m r s smith", {"dsl"}),
        ("m r s s m i t h", {"dsl"}),
        ("m.r.s. s-m-i-t-h", {"dsl"}),
        ("mrs s m 1 t h hit me", {"dsl"}),
        ("she is called mrssmith", {"dsl"}),
        ("MrsSmith's room", {"dsl"}),
        ("mr$ $mith", {"dsl"}),
        ("thehead and mroneill", {"head"}),
        ("i misss my thea d", set()),
        ("mrs\nbrown smith", set()),
    ],
)
def test_aliases_are_found_as_whole_words(text, named):
    """However they are written, in the possessive, letter by letter, in one word; and never inside another word."""
    assert FINDER.find(text) == named
