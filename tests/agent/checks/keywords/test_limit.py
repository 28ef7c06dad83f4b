# SPDX-License-Identifier: Apache-2.0
"""Tests of how many sentences of one account go on to the seal."""

from collections import Counter

from agent.checks.keywords.limit import FOUND_AT_MOST, FOUND_WITHIN_S, Limit
from proto.events import EventsDropped, Tier
from tests.fakes import FakeClock


def test_each_tier_has_room_of_its_own() -> None:
    """Whoever floods what is only counted takes no room from a call for help."""
    limit = Limit(FakeClock())
    counts = [limit.admit(7, Tier.COUNT) for _ in range(FOUND_AT_MOST + 1)]

    assert counts == [True] * FOUND_AT_MOST + [False]
    assert all(limit.admit(7, tier) for tier in (Tier.REVIEW, Tier.ALERT, Tier.CALL))
    assert limit.admit(8, Tier.COUNT)


def test_room_comes_back() -> None:
    """After a while, for as much as is past."""
    clock = FakeClock()
    limit = Limit(clock)
    for _ in range(FOUND_AT_MOST):
        limit.admit(7, Tier.CALL)
    clock.advance(FOUND_WITHIN_S - 1)
    assert not limit.admit(7, Tier.CALL)
    clock.advance(1)
    assert limit.admit(7, Tier.CALL)


def test_what_is_dropped_is_told_by_its_tier_and_once() -> None:
    """A call that was dropped is not one of many counts."""
    limit = Limit(FakeClock())
    for tier, surplus in ((Tier.CALL, 1), (Tier.COUNT, 3)):
        for _ in range(FOUND_AT_MOST + surplus):
            limit.admit(7, tier)
    limit.count(Counter({"before_notice": 2, "flood_count": 1}))

    assert list(limit.take_dropped()) == [
        EventsDropped("flag.raised", "before_notice", 2),
        EventsDropped("flag.raised", "flood_call", 1),
        EventsDropped("flag.raised", "flood_count", 4),
    ]
    assert list(limit.take_dropped()) == []
