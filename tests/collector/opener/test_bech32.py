# SPDX-License-Identifier: Apache-2.0
"""Tests of writing 32 bytes as an age identity, held against the age library itself."""

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.opener.bech32 import to_identity
from proto.sealed import open_sealed, seal


@pytest.mark.parametrize("length", [0, 31, 33])
def test_secret_of_another_length_is_a_mistake(length: int) -> None:
    """An X25519 secret has 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        to_identity(bytes(length))


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_an_identity_that_opens(secret: bytes) -> None:
    """The library reads it back, and writes it as we do."""
    identity = pyrage.x25519.Identity.from_str(to_identity(secret))
    assert str(identity) == to_identity(secret)
    assert open_sealed(seal(b"text", [str(identity.to_public())]), to_identity(secret)) == b"text"
