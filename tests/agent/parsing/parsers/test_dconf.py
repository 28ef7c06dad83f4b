# SPDX-License-Identifier: Apache-2.0
"""Tests of reading databases of dconf: two that dconf itself wrote, and what becomes of them when they are damaged.

`user-changed` was written by gsettings and `dconf write`, `system-locked` by `dconf compile`.
"""

import io
import random
import struct
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing.parsers import dconf

FOLDER = Path(__file__).parent / "dconf"
GNOME = "/org/gnome/desktop"


def parse(content: bytes) -> dict:
    return dconf.parse(io.BytesIO(content))


def test_what_a_user_has_changed_is_read_and_nothing_else():
    """His font and his keyboards stand in the same database."""
    assert parse((FOLDER / "user-changed").read_bytes()) == {
        "values": {
            f"{GNOME}/session/idle-delay": 420,
            f"{GNOME}/screensaver/lock-delay": 17,
            f"{GNOME}/screensaver/lock-enabled": False,
            f"{GNOME}/lockdown/disable-lock-screen": True,
            "/org/cinnamon/desktop/session/idle-delay": 1800,
            "/org/mate/session/idle-delay": 20,
        },
        "locked": [],
    }


def test_an_administrator_locks_keys():
    """A key that he locks and that is not about locking is not told."""
    found = parse((FOLDER / "system-locked").read_bytes())
    assert found["values"][f"{GNOME}/session/idle-delay"] == 600
    assert found["locked"] == [
        f"{GNOME}/lockdown/disable-lock-screen",
        f"{GNOME}/screensaver/lock-delay",
        f"{GNOME}/screensaver/lock-enabled",
        f"{GNOME}/session/idle-delay",
    ]


@pytest.mark.parametrize("name", ["user-changed", "system-locked"])
def test_damage_is_an_error_or_another_answer_and_never_a_crash(name: str):
    """Cut anywhere, or with any bytes changed."""
    content = (FOLDER / name).read_bytes()
    chance = random.Random(4)
    damaged = [content[:length] for length in range(0, len(content), 7)]
    for _ in range(500):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0xFF))
        damaged.append(bytes(changed))
    refused = 0
    for each in damaged:
        try:
            found = parse(each)
        except ParseError:
            refused += 1
            continue
        assert found["values"].keys() <= dconf.WANTED
        assert set(found["locked"]) <= dconf.WANTED
    assert 0 < refused < len(damaged)


def test_a_key_below_itself_ends():
    """Whoever makes a database by hand can have it bite its own tail."""
    item = struct.pack("<IIIHBxII", 0, 0, 24, 0, ord("v"), 0, 0)
    table = struct.pack("<II", 0, 0) + item
    content = struct.pack("<8sIIII", b"GVariant", 0, 0, 24, 24 + len(table)) + table
    assert parse(content) == {"values": {}, "locked": []}


def test_something_else_is_refused():
    """Another file, one for another byte order, or one that is too large."""
    for content in (b"[org/gnome]\nidle-delay=1\n" * 4, b"raVGtnai" + bytes(16), bytes(dconf.MAX_FILE_BYTES + 1)):
        with pytest.raises(ParseError):
            parse(content)
    assert parse(b"") == {"values": {}, "locked": []}
