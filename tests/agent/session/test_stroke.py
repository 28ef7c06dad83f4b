# SPDX-License-Identifier: Apache-2.0
"""Tests of what a key does to the text."""

import pytest

from agent.session.stroke import Stroke, is_chord, read_stroke

CONTROL, ALT, ALTGR, SUPER, CAPS, NUMLOCK = 0x04, 0x08, 0x80, 0x40, 0x02, 0x10


@pytest.mark.parametrize(
    ("symbol", "text", "state", "stroke"),
    [
        (ord("a"), "a", 0, Stroke.TEXT),
        (ord("a"), "A", CAPS | NUMLOCK, Stroke.TEXT),
        (ord("@"), "@", ALTGR, Stroke.TEXT),
        (0x100043F, "п", 0x2000, Stroke.TEXT),
        (ord(" "), " ", 0, Stroke.TEXT),
        (0xFF08, "", 0, Stroke.ERASE),
        (0xFF08, "", CONTROL, Stroke.ERASE_WORD),
        (0xFF08, "", ALT, Stroke.LEAVE),
        (0xFF0D, "", 0, Stroke.END_LINE),
        (0xFF8D, "", 0, Stroke.END_LINE),
        (0xFF09, "", 0, Stroke.END_LINE),
        (0xFE20, "", 1, Stroke.END_LINE),
        (0xFF51, "", 0, Stroke.LEAVE),
        (0xFF57, "", 0, Stroke.LEAVE),
        (0xFF96, "", 0, Stroke.LEAVE),
        (0xFF1B, "", 0, Stroke.LEAVE),
        (0xFF63, "", 1, Stroke.LEAVE),
        (ord("v"), "", CONTROL, Stroke.LEAVE),
        (ord("z"), "", CONTROL, Stroke.LEAVE),
        (0x10006BA, "", CONTROL, Stroke.LEAVE),
        (ord("l"), "", SUPER, Stroke.LEAVE),
        (0xFF09, "", ALT, Stroke.LEAVE),
        (ord("b"), "", CONTROL, Stroke.NOTHING),
        (0xFFE1, "", CONTROL, Stroke.NOTHING),
        (0xFE03, "", 0, Stroke.NOTHING),
        (0xFFBE, "", 0, Stroke.NOTHING),
        (0, "", 0, Stroke.NOTHING),
    ],
)
def test_strokes(symbol: int, text: str, state: int, stroke: Stroke) -> None:
    """Letters add, BackSpace takes, Enter ends, moving leaves, and keys that only modify do nothing."""
    assert read_stroke(symbol, text, state) is stroke


def test_altgr_makes_text_and_control_does_not() -> None:
    """AltGr is how half of Europe types, and no chord."""
    assert not is_chord(ALTGR | CAPS | NUMLOCK)
    assert all(is_chord(state) for state in (CONTROL, ALT, SUPER))
