# SPDX-License-Identifier: Apache-2.0
"""Tests of Debian's order of versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.system.linux.posture.versions import MAX_CHARACTERS, compare, is_newer

VERSIONS = st.text("0129.~+-:aZ", max_size=12)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0", "1.1"),
        ("1.9", "1.10"),
        ("1.0~rc1", "1.0"),
        ("1.0~~", "1.0~"),
        ("1.0~~a", "1.0~"),
        ("1.0", "1.0a"),
        ("1.0a", "1.0+"),
        ("1.0a", "1.0.1"),
        ("9.9-9", "1:0.1-1"),
        ("2:1", "10:1"),
        ("1.0-1", "1.0-1+deb12u1"),
        ("1.0-1~bpo12+1", "1.0-1"),
        ("1.0-1+b1", "1.0-1+deb12u1"),
        ("1.0-1", "1.0-1-1"),
        ("1.0-1ubuntu1", "1.0-1ubuntu1.10"),
        ("20250419~deb12u2", "20250419"),
        ("7.88.1-10+deb12u9", "7.88.1-10+deb12u15"),
        ("3.0.19-1~deb12u2", "3.0.22-1~deb12u2"),
    ],
)
def test_versions_are_ordered_as_dpkg_orders_them(older: str, newer: str):
    """The cases that a plain comparison of texts or numbers gets wrong."""
    assert is_newer(newer, older)
    assert not is_newer(older, newer)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("1.0-", "1.0"), ("", "0")]
)
def test_what_says_the_same_is_equal(one: str, other: str):
    """Zeros in front, and what is left out."""
    assert compare(one, other) == compare(other, one) == 0


@given(VERSIONS, VERSIONS, VERSIONS)
def test_any_three_texts_are_in_one_order(one: str, two: str, three: str):
    """Also such as are no versions."""
    assert (compare(one, two) > 0) == (compare(two, one) < 0)
    if compare(one, two) >= 0 and compare(two, three) >= 0:
        assert compare(one, three) >= 0


@pytest.mark.parametrize("text", ["9" * 100_000, "~" * 100_000, "1:" * 50_000, "é☃\0" * 50_000])
def test_long_texts_cost_no_more_than_their_beginning(text: str):
    """And raise nothing."""
    assert not is_newer(text, text)
    assert is_newer(text, "~~~") == (compare(text[:MAX_CHARACTERS], "~~~") > 0)
