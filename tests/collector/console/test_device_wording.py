# SPDX-License-Identifier: Apache-2.0
"""Tests of the words for a device."""

import pytest

from collector.console.device_wording import METHODS, show_clock, show_key
from collector.disposals import Method

SECOND_NS = 10**9


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [
        (0, ""),
        (-59, ""),
        (60, "1 min ahead"),
        (-260, "4 min 20 s behind"),
        (192 * 60, "3 h 12 min ahead"),
        (86_400 + 120, "1 day ahead"),
        (-(10 * 365 + 3) * 86_400, "10 years 3 days behind"),
        ((2**63 - 1) // SECOND_NS, "292 years 171 days ahead"),
    ],
)
def test_clock_is_told_in_its_two_largest_units(offset_s: int, words: str) -> None:
    """And not at all when it is not worth a word."""
    assert show_clock(offset_s * SECOND_NS) == words


def test_key_says_only_what_is_known() -> None:
    """Nobody can see from here whether a chip holds a key; an unknown algorithm is named."""
    assert "software" in show_key("ed25519")
    assert "may be held in a chip" in show_key("ecdsa-p256-sha256")
    assert show_key("another") == "another"


def test_every_method_has_words() -> None:
    """The form offers all of them."""
    assert set(METHODS) == set(Method)
