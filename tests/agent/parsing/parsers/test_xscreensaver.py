# SPDX-License-Identifier: Apache-2.0
"""Tests of reading .xscreensaver."""

import io
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing.parsers import xscreensaver

FOLDER = Path(__file__).parent / "xscreensaver"


def test_times_and_the_lock_are_read():
    """And none of the other preferences."""
    with (FOLDER / "changed").open("rb") as stream:
        found = xscreensaver.parse(stream)
    assert found == {"values": {"timeout": "0:30:00", "lock": "True", "lockTimeout": "0:05:00", "mode": "random"}}


def test_nonsense_says_nothing():
    """Nor does a file without end."""
    assert xscreensaver.parse(io.BytesIO(b"lock\ntimeout: \nlock: True False\n\xff\xfe: x")) == {"values": {}}
    with pytest.raises(ParseError):
        xscreensaver.parse(io.BytesIO(b" " * (xscreensaver.MAX_FILE_BYTES + 1)))
