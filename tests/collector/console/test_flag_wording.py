# SPDX-License-Identifier: Apache-2.0
"""Tests of the words for flags: there are some for everything that can come."""

from collector.console.flag_wording import (
    CATEGORIES,
    POSITIONS,
    ROUTE_REASONS,
    ROUTES,
    STATE_COLOURS,
    STATES,
    TIER_COLOURS,
    TIER_HINTS,
    TIERS,
    VERDICTS,
    VERDICTS_SHORT,
    name_choice,
)
from collector.flags import CATEGORIES as KEPT
from collector.flags import FlagState, Verdict
from proto.events import Tier
from rules.route import Position, Route


def test_everything_has_words() -> None:
    """No tier, state, route, position, verdict or category is shown by its code."""
    tiers = set(Tier) - {Tier.UNSPECIFIED}
    assert tiers == set(TIERS) == set(TIER_HINTS) == set(TIER_COLOURS)
    assert set(FlagState) == set(STATES) == set(STATE_COLOURS)
    assert {each.value for each in Route} == set(ROUTES) == set(ROUTE_REASONS)
    assert {each.value for each in Position} == set(POSITIONS)
    assert set(Verdict) == set(VERDICTS) == set(VERDICTS_SHORT)
    assert set(KEPT) < set(CATEGORIES)


def test_code_without_words_is_readable_all_the_same() -> None:
    """A newer code is shown as it is, without its underscores."""
    assert name_choice(CATEGORIES, "something_new") == "Something new"


def test_most_urgent_tier_stands_first() -> None:
    """Pages keep the order of the table."""
    assert list(TIERS) == sorted(TIERS, reverse=True)
