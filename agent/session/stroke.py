# SPDX-License-Identifier: Apache-2.0
"""What a key does to the text that is being typed: adds to it, takes from it, ends its line, or goes elsewhere.

Pure. The key's symbol and text come from `layout`; what becomes of the text is `reading`'s part. A key that is held
down counts as often as it repeats, for so often the program gets it.
"""

from enum import Enum

_CONTROL, _ALT, _SUPER = 0x04, 0x08, 0x40  # the modifiers Control, Mod1 and Mod4 of an event's state; AltGr is Mod5
_CHORD = _CONTROL | _ALT | _SUPER

# X11/keysymdef.h
_BACKSPACE, _TAB, _LINEFEED, _RETURN, _ESCAPE = 0xFF08, 0xFF09, 0xFF0A, 0xFF0D, 0xFF1B
_KEYPAD_ENTER, _BACK_TAB, _INSERT, _KEYPAD_INSERT = 0xFF8D, 0xFE20, 0xFF63, 0xFF9E
_MOVES = frozenset((*range(0xFF50, 0xFF59), *range(0xFF95, 0xFF9D)))
"""Home, the arrows, Page Up and Down, End, Begin, and the same on the keypad."""
_FORMATS = frozenset("biuBIU")
"""ctrl with one of these makes text bold, italic or underlined: it stays where it is."""
_MODIFIERS = frozenset((*range(0xFFE1, 0xFFEF), *range(0xFE01, 0xFE14), 0xFF7E, 0xFF7F, 0xFF20))
"""Shift, Control, Lock, Alt, Super, AltGr, the switches of layouts, NumLock, Compose: nothing by themselves."""


class Stroke(Enum):
    """What a key does."""

    NOTHING = "nothing"
    TEXT = "adds its text"
    ERASE = "takes the last character"
    ERASE_WORD = "takes the last word"
    END_LINE = "ends the line"
    LEAVE = "goes elsewhere, so that nobody knows where the next key goes"


def read_stroke(symbol: int, text: str, state: int) -> Stroke:
    """Return what a key does whose event says these modifiers."""
    if symbol in _MODIFIERS:
        return Stroke.NOTHING
    if symbol == _BACKSPACE:
        if state & (_ALT | _SUPER):
            return Stroke.LEAVE
        return Stroke.ERASE_WORD if state & _CONTROL else Stroke.ERASE
    if state & _CHORD:
        return Stroke.NOTHING if is_format(symbol, state) else Stroke.LEAVE
    if symbol in (_RETURN, _KEYPAD_ENTER, _LINEFEED, _TAB, _BACK_TAB):
        return Stroke.END_LINE
    if symbol == _ESCAPE or symbol in _MOVES or symbol in (_INSERT, _KEYPAD_INSERT):
        return Stroke.LEAVE
    return Stroke.TEXT if text else Stroke.NOTHING


def is_format(symbol: int, state: int) -> bool:
    """Tell whether a chord only changes how text looks."""
    return (state & _CHORD) == _CONTROL and symbol < 0x80 and chr(symbol) in _FORMATS


def is_chord(state: int) -> bool:
    """Tell whether an event says modifiers with which no key makes text."""
    return bool(state & _CHORD)
