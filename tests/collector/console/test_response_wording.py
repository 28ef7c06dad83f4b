# SPDX-License-Identifier: Apache-2.0
"""Tests of the words for what is done about incidents."""

import pytest

from collector.console.response_wording import ABOUT, GROUNDS, PARENTS, SIDES, tell_when
from collector.console.wording import HISTORY
from collector.incidents import Action
from collector.parents import Ground, ParentState
from collector.responses import About, Offered
from rules.responses import Step


def test_everything_has_words() -> None:
    """No page says parents_decided, agency or unknown."""
    assert set(SIDES) == set(ABOUT) == set(About)
    assert set(PARENTS) == set(ParentState)
    assert set(GROUNDS) == set(Ground)
    assert set(HISTORY) == set(Action)


def test_answer_to_those_who_asked_says_nothing_of_a_ground() -> None:
    """A veto is told in the same words, whatever is behind it."""
    assert PARENTS[ParentState.VETOED] == "Decided by the DSL: not to be told."


@pytest.mark.parametrize(
    ("severity", "time", "words"),
    [
        (1, 1, ""),
        (3, 1, "when the severity is “Medium” or higher"),
        (5, 1, "when the severity is “Act now”"),
        (1, 2, "from the second time on"),
        (4, 12, "when the severity is “High” or higher, or from the 12th time on"),
    ],
)
def test_when_something_is_due_is_said_in_words(severity: int, time: int, words: str) -> None:
    """Either is enough."""
    offered = Offered(step=Step.WARNING, is_due=False, from_severity=severity, from_time=time)
    assert tell_when(offered) == words
