# SPDX-License-Identifier: Apache-2.0
"""Tests of reading the metadata of a flatpak."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.parsing.parsers.flatpak_metadata import MAX_BYTES, parse

LISTS = Path(__file__).parents[2] / "system/linux/lists"
GOOD = (LISTS / "flatpak-good").read_bytes()


def test_a_flatpak_is_known_by_its_application_id():
    """The id stands in the group of the application."""
    assert parse(io.BytesIO(GOOD)) == {"application": "com.valvesoftware.Steam"}


@pytest.mark.parametrize("name", ["flatpak-runtime", "flatpak-hostile", "dpkg-random", "dpkg-zeros"])
def test_metadata_without_an_application_is_refused(name: str):
    """A runtime, an id that is a path, and noise are no application."""
    with pytest.raises(ParseError):
        parse(io.BytesIO((LISTS / name).read_bytes()))


def test_metadata_that_is_too_large_is_refused():
    """Whatever it begins with."""
    with pytest.raises(ParseError):
        parse(io.BytesIO(GOOD + b"\n" * MAX_BYTES))


@given(content=st.binary() | st.text("[Aplication]me=.\n\0", max_size=200).map(str.encode))
def test_no_content_raises_anything_else(content: bytes):
    """Whatever a file holds, the only error is the one that says that it makes no sense."""
    try:
        assert parse(io.BytesIO(content))["application"]
    except ParseError as error:
        assert error.message
