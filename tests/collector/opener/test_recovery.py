# SPDX-License-Identifier: Apache-2.0
"""Tests of splitting and joining a recovery key, and of who may hold a share."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.opener.errors import UsageError
from collector.opener.recovery import join, make_recovery, read_share, recover, split, verify_holders
from proto.sealed import open_sealed, seal

OUTSIDE = ("trust safeguarding lead", "trust chief executive", "local authority")


@pytest.mark.parametrize(
    ("route", "refused"),
    [
        ("dsl", "dsl"),
        ("dsl", "Designated  Safeguarding Lead"),
        ("dsl", "deputy_dsl"),
        ("head", "dsl"),
        ("head", "deputy_dsl"),
        ("head", "headteacher"),
        ("head", "Principal"),
        ("chair", "dsl"),
        ("chair", "head"),
        ("chair", "chair_of_governors"),
        ("chair", "Chair of Governors"),
        ("outside", "dsl"),
        ("outside", "head"),
        ("outside", "chair"),
    ],
)
def test_nobody_on_or_below_the_rung_holds_a_share(route: str, refused: str) -> None:
    """A flag of this route may be about him."""
    with pytest.raises(UsageError, match="may not hold a share"):
        verify_holders(route, (refused, *OUTSIDE[:2]))


@pytest.mark.parametrize(
    "holders", [(), OUTSIDE[:2], (*OUTSIDE, "governor"), ("a", "b", "A"), ("chair", "chair ", "b"), ("a", "b", " ")]
)
def test_holders_are_three_different_ones(holders: tuple[str, ...]) -> None:
    """Not two, not four, not one twice under two spellings."""
    with pytest.raises(UsageError, match="3 different holders"):
        verify_holders("dsl", holders)


@pytest.mark.parametrize(
    ("route", "holders"),
    [
        ("dsl", ("headteacher", "chair", OUTSIDE[0])),
        ("head", ("chair", *OUTSIDE[:2])),
        ("chair", OUTSIDE),
        ("outside", OUTSIDE),
    ],
)
def test_those_above_may_hold_shares(route: str, holders: tuple[str, ...]) -> None:
    """The head for the safeguarding leads' route, the chair for the head's, outsiders for all."""
    verify_holders(route, holders)


def change_word(sheet: str, place: int, word: str) -> str:
    """Return a sheet with another word at a place, counted from 1."""
    words = sheet.split()
    return " ".join([*words[: place - 1], word, *words[place:]])


SHARES, OTHERS = split(bytes(range(32))), split(bytes(range(32)))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (("", SHARES[1]), "sheet 1 has 33 words; 0 were given"),
        ((SHARES[0], " ".join(SHARES[1].split()[:-1])), "sheet 2 has 33 words; 32 were given"),
        ((SHARES[0], SHARES[1] + " academic"), "sheet 2 has 33 words; 34 were given"),
        ((change_word(SHARES[0], 5, "zzz"), SHARES[1]), "sheet 1: word 5 is not a word"),
        ((" ".join(reversed(SHARES[0].split())), SHARES[1]), "sheet 1: a word is wrong"),
        ((SHARES[0], SHARES[0]), "one sheet twice"),
        ((SHARES[0], OTHERS[1]), "different sets"),
    ],
)
def test_wrong_words_are_told_apart(shares: tuple[str, str], message: str) -> None:
    """Too few, too many, none of the list, in disorder, one sheet twice, sheets of two sets."""
    with pytest.raises(UsageError, match=message):
        join(shares)


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=10, deadline=None)
def test_any_two_of_three_shares_join_to_what_was_split(secret: bytes) -> None:
    """In either order, whatever the 32 bytes."""
    shares = split(secret)
    assert [join(pair) for pair in itertools.permutations(shares, 2)] == [secret] * 6


def test_words_are_taken_as_they_stand_on_the_sheet() -> None:
    """With their numbers, in capitals, with more blanks."""
    numbered = "  ".join(f"{number}. {word.upper()}" for number, word in enumerate(SHARES[2].split(), 1))
    assert read_share(numbered).mnemonic() == SHARES[2]


def test_recovery_key_opens_what_is_sealed_to_its_public_part() -> None:
    """Which is all that is kept of it."""
    recovery, shares = make_recovery("head", ("chair", *OUTSIDE[:2]))
    assert open_sealed(seal(b"text", [recovery.age_key]), recover(shares[1:])) == b"text"
