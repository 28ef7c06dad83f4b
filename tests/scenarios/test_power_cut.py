# SPDX-License-Identifier: Apache-2.0
"""The power goes, on either side, again and again: `make soak` does it a thousand times, and between all writes."""

from tests.soak import kills
from tests.soak.outcome import to_text

TIMES = 6


def test_power_cuts_lose_nothing_and_double_nothing() -> None:
    """Every event that the machine had on its disk is in the ledger once, counted once, and everything verifies."""
    outcome = kills.run(TIMES, seed=20)
    assert outcome.is_good(), to_text([outcome])
    assert outcome.tried == TIMES
    assert outcome.acknowledged == outcome.produced > 0
