# SPDX-License-Identifier: Apache-2.0
"""Tests of the hashes that hold events together."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.chain import DOMAIN, GENESIS, SALT_BYTES, commit, link, make_salt, verify_commitment
from proto.errors import ChainError

HASHES = st.binary(min_size=32, max_size=32)


def test_a_link_is_what_the_contract_says() -> None:
    """The hash of an event is SHA-256 over domain, header and the hash before."""
    assert link(b"header", GENESIS) == hashlib.sha256(DOMAIN + b"header" + bytes(32)).digest()


@settings(deadline=None)
@given(st.binary(), HASHES, st.binary(), HASHES)
def test_other_events_have_other_links(header: bytes, before: bytes, other: bytes, other_before: bytes) -> None:
    """Header and hash before are told apart, wherever one ends and the other begins."""
    is_same = (header, before) == (other, other_before)
    assert (link(header, before) == link(other, other_before)) is is_same


def test_salts_are_long_and_never_the_same() -> None:
    """Each payload gets 32 bytes of its own."""
    salts = {make_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {SALT_BYTES}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_content_fits_its_commitment(body: bytes) -> None:
    """The content that was committed to is taken."""
    salt = make_salt()
    verify_commitment(commit(salt, body), salt, body)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_other_content_does_not_fit(body: bytes, data: st.DataObject) -> None:
    """Any other byte of content or salt is refused."""
    salt = make_salt()
    whole = bytearray(salt + body)
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ChainError, match="not what its header commits to"):
        verify_commitment(commit(salt, body), bytes(whole[:SALT_BYTES]), bytes(whole[SALT_BYTES:]))


@settings(deadline=None)
@given(st.binary(min_size=40, max_size=80), st.integers(0, 40))
def test_salt_and_content_cannot_be_cut_elsewhere(whole: bytes, length: int) -> None:
    """A salt of another length is refused although the bytes together are the same."""
    commitment = commit(whole[:SALT_BYTES], whole[SALT_BYTES:])
    if length == SALT_BYTES:
        verify_commitment(commitment, whole[:length], whole[length:])
    else:
        with pytest.raises(ChainError, match=f"a salt has {length} bytes"):
            verify_commitment(commitment, whole[:length], whole[length:])


def test_short_text_cannot_be_guessed() -> None:
    """The same content has another commitment each time."""
    assert len({commit(make_salt(), b"tor") for _ in range(50)}) == 50
