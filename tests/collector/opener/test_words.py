# SPDX-License-Identifier: Apache-2.0
"""Tests of the six words."""

from mnemonic import Mnemonic

from collector.opener.words import COUNT, make_passphrase, tidy_passphrase


def test_passphrase_is_six_words_of_the_list_drawn_each_time() -> None:
    """Words of the English BIP-39 list, and never the same twice."""
    drawn = {make_passphrase() for _ in range(50)}
    assert len(drawn) == 50
    assert all(
        len(words.split()) == COUNT and set(words.split()) <= set(Mnemonic("english").wordlist) for words in drawn
    )


def test_passphrase_is_taken_however_it_was_typed() -> None:
    """Case, numbers and commas do not matter."""
    assert tidy_passphrase(" 1. Able  2. BABY,cabin\n") == "able baby cabin"
