# SPDX-License-Identifier: Apache-2.0
"""The power goes, on either side, again and again: `make soak` does the same two hundred times."""

from tests.soak import kills

TIMES = 6


def test_power_cuts_lose_nothing_and_double_nothing() -> None:
    """Every event that the machine had on its disk is in the ledger once, counted once, and everything verifies."""
    figures = kills.run(TIMES, seed=20)
    assert figures.is_good(), kills.to_text(figures)
    assert figures.kills_of_agent + figures.kills_of_collector == TIMES
    assert figures.produced > 0
