# SPDX-License-Identifier: Apache-2.0
"""Tests of enrolment tokens. The fixed cases are in `test_vectors`."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.errors import TokenError
from proto.token import PREFIX, SECRET_BYTES, Token, decode_token, encode_token
from tests.proto.token_cases import TOKEN

TOKENS = st.builds(
    Token,
    enrol_address=st.text(min_size=1, max_size=40),
    events_address=st.text(min_size=1, max_size=40),
    school_id=st.text(min_size=1, max_size=40),
    expires_at_ns=st.integers(-(2**63), 2**63 - 1),
    secret=st.binary(min_size=1, max_size=32),
    ca_certificate=st.binary(min_size=1, max_size=400),
    safeguarding_root_fingerprint=st.binary(max_size=32),
)


@settings(deadline=None)
@given(TOKENS)
def test_a_token_comes_back_as_it_was(token: Token) -> None:
    """A token, with any values, is the same after encoding and decoding, and is one line."""
    text = encode_token(token)
    assert decode_token(text) == token
    assert text.startswith(PREFIX)
    assert text.isascii()
    assert not set(text) & set(" \n\t\"'\\$`!&|;<>(){}*?"), "a shell must take it as it is"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["\n", "\r\n", " ", "\t", "\u00a0", "\u2028"]), max_size=8), st.data())
def test_white_space_anywhere_does_no_harm(spaces: list[str], data: st.DataObject) -> None:
    """A token that a mail program broke into lines is read all the same."""
    text = encode_token(TOKEN)
    for space in spaces:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + space + text[at:]
    assert decode_token(text) == TOKEN


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_change_makes_another_token(data: st.DataObject) -> None:
    """With any character changed, left out or added, a token is refused, or says what it said."""
    text = encode_token(TOKEN)
    at = data.draw(st.integers(0, len(text) - 1))
    left_out = data.draw(st.integers(0, 2))
    added = data.draw(st.text(max_size=2))
    changed = text[:at] + added + text[at + left_out :]
    try:
        assert decode_token(changed) == TOKEN
    except TokenError as error:
        assert error.hint


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text().map(PREFIX.__add__), st.text(alphabet="ABCabc012-_=+/").map(PREFIX.__add__)))
def test_garbage_is_a_token_error_and_nothing_else(text: str) -> None:
    """Random text is refused, with a hint, and never a crash."""
    with pytest.raises(TokenError) as caught:
        decode_token(text)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["\udcff", PREFIX + "\udcff", "sw1", "sw1.", "sw.", "sw1.=", "sw1.====", PREFIX + "A" * 10**6]
)
def test_odd_text_is_refused(text: str) -> None:
    """Bytes that are no text, half a prefix, nothing after it, and far too much are refused."""
    with pytest.raises(TokenError):
        decode_token(text)


@pytest.mark.parametrize("field", ["enrol_address", "events_address", "school_id", "secret", "ca_certificate"])
def test_a_token_without_a_field_is_damaged(field: str) -> None:
    """A whole token in which something needed is empty is refused before it is used."""
    empty = type(getattr(TOKEN, field))()
    with pytest.raises(TokenError, match="damaged"):
        decode_token(encode_token(replace(TOKEN, **{field: empty})))


def test_a_token_can_do_without_the_safeguarding_root() -> None:
    """A school that has no root key yet still enrols devices; they are not watched."""
    assert (
        decode_token(encode_token(replace(TOKEN, safeguarding_root_fingerprint=b""))).safeguarding_root_fingerprint
        == b""
    )


def test_errors_never_show_the_secret() -> None:
    """What is said about a damaged token holds nothing of it, for it ends up in logs."""
    text = encode_token(TOKEN)[:-5]
    with pytest.raises(TokenError) as caught:
        decode_token(text)
    assert not any(
        text[at : at + 8] in caught.value.message + caught.value.hint for at in range(len(PREFIX), len(text) - 8)
    )


def test_secrets_cannot_be_guessed() -> None:
    """A token's secret has 128 bits."""
    assert SECRET_BYTES * 8 >= 128
