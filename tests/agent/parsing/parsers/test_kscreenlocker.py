# SPDX-License-Identifier: Apache-2.0
"""Tests of reading kscreenlockerrc."""

import io
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing.parsers import kscreenlocker

FOLDER = Path(__file__).parent / "kscreenlocker"


def parse(content: bytes) -> dict:
    return kscreenlocker.parse(io.BytesIO(content))


def test_keys_of_the_daemon_are_read_with_what_locks_them():
    """A key of the same name in another group is another."""
    assert parse((FOLDER / "machine").read_bytes()) == {
        "values": {"Autolock": "true", "Timeout": "10"},
        "locked": ["Autolock", "Timeout"],
    }


@pytest.mark.parametrize("content", [b"[$i]\n[Daemon]\nTimeout=3\n", b"[Daemon][$i]\nTimeout=3\n"])
def test_a_whole_file_or_group_can_be_locked(content: bytes):
    """Then the keys that do not stand in it are too."""
    assert parse(content) == {"values": {"Timeout": "3"}, "locked": sorted(kscreenlocker.WANTED)}


def test_nonsense_is_text_within_limits():
    """What a value means is judged by who asks."""
    assert parse((FOLDER / "hostile").read_bytes()) == {
        "values": {"LockGrace": "-5", "Autolock": "\N{REPLACEMENT CHARACTER}" * 2},
        "locked": ["LockGrace"],
    }
    with pytest.raises(ParseError):
        parse(b"\n" * (kscreenlocker.MAX_FILE_BYTES + 1))
