# SPDX-License-Identifier: Apache-2.0
"""Tests of reading hostile JSON."""

import io

import pytest

from agent.errors import ParseError
from agent.parsing.parsers.json_object import load_object, to_text


def test_an_object_is_read():
    """With a mark for the order of bytes or without."""
    assert load_object(io.BytesIO(b'\xef\xbb\xbf{"a": 1}'), 100) == {"a": 1}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b"{", b"\xff{}", b"[" * 99, b'{"a":' * 19, b'{"a": ' + b"9" * 5000 + b"}", b" " * 101]
)
def test_anything_else_is_refused(content: bytes):
    """Also what is too large, nested too deeply or a number that takes too long."""
    with pytest.raises(ParseError):
        load_object(io.BytesIO(content), 100 if len(content) < 1000 else 10_000)


def test_deep_nesting_is_refused():
    """And does not end the process."""
    with pytest.raises(ParseError):
        load_object(io.BytesIO(b'{"a":' + b"[" * 500_000), 1_000_000)


@pytest.mark.parametrize(("value", "text"), [("abc", "ab"), (7, ""), (None, ""), ("\ud800x", "�x"), (["a"], "")])
def test_text_is_cut_and_can_be_encoded(value: object, text: str):
    """What is no text is none."""
    assert to_text(value, 2) == text
    assert to_text(value, 2).encode() is not None
