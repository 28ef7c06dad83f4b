# SPDX-License-Identifier: Apache-2.0
"""Tests that the text is right: a real window gets real keys, and the sentence that leaves is what stands in it."""

import time
from collections.abc import Callable

import pytest

from agent.session.messages import Found
from tests.agent.session.desktop import (
    ALT,
    ALTGR,
    BACKSPACE,
    CAPS,
    CONTROL,
    ENTER,
    SHIFT,
    Desktop,
    Heard,
    Window,
    wait_until,
    watching,
)

pytestmark = pytest.mark.desktop

OPEN = Callable[..., Window]
WORDS = "i want to kill myself"


def finish(desktop: Desktop, heard: Heard, window: Window) -> str:
    """Press Enter and return the sentence that left, which must be the text in the window."""
    desktop.press(ENTER)
    found: Found = heard.wait_for(Found)
    assert found.sentence == window.text
    assert found.sentence[found.start : found.end].casefold().count("kill myself") == 1
    assert (found.application, found.window) == ("Essay", "My essay")
    return found.sentence


def test_american_with_shift_and_capslock(desktop: Desktop, open_window: OPEN) -> None:
    """Capitals come from Shift as from CapsLock."""
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i", hold=(SHIFT,))
        desktop.press(" want to kill ", CAPS, "myself", CAPS, " now")
        assert finish(desktop, heard, window) == "I want to kill MYSELF now"


def test_german_with_altgr_and_dead_keys(desktop: Desktop, open_window: OPEN) -> None:
    """AltGr gives @ and €, a dead accent composes with the letter after it or stands alone, y and z are swapped."""
    desktop.set_layout("de")
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press(WORDS.replace("y", "z"), " ")
        desktop.press("q", hold=(ALTGR,))
        desktop.press("e", hold=(ALTGR,))
        # The key right of ß is a dead acute.
        desktop.press(" caf=e don=t;")
        assert finish(desktop, heard, window) == "i want to kill myself @€ café don´tö"


def test_french(desktop: Desktop, open_window: OPEN) -> None:
    """The letters of an AZERTY keyboard, é on its own key, and ê from a dead circumflex."""
    desktop.set_layout("fr")
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.type("i want to kill myself caf")
        desktop.press("2 t", 34, "e")
        assert finish(desktop, heard, window) == "i want to kill myself café tê"


def test_a_second_layout_switched_to_in_the_middle(desktop: Desktop, open_window: OPEN) -> None:
    """With Russian and English on one keyboard each word is read in the layout it was typed in."""
    desktop.set_layout("us,ru", "grp:alt_shift_toggle")
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press(WORDS, " ")
        desktop.press(SHIFT, hold=(ALT,))
        desktop.press("ghbdtn ")
        desktop.press(SHIFT, hold=(ALT,))
        desktop.press("now")
        assert finish(desktop, heard, window) == "i want to kill myself привет now"


def test_russian_alone(desktop: Desktop, open_window: OPEN) -> None:
    """A layout without Latin letters is read, and so is the one that takes its place within the sentence."""
    desktop.set_layout("ru")
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press("ghbdtn ")
        wait_until(lambda: window.text == "привет ")
        desktop.set_layout("us")
        time.sleep(0.5)
        desktop.press(WORDS)
        assert finish(desktop, heard, window) == "привет i want to kill myself"


def test_the_layout_changes_while_it_watches(desktop: Desktop, open_window: OPEN) -> None:
    """The first key after a change of layout is read in the new one."""
    open_window()
    with watching(desktop) as (_, heard):
        desktop.press(WORDS, " ")
        for layout in ("ru", "de", "ru", "us"):
            desktop.set_layout(layout)
            desktop.press("y")
            # GTK takes the new layout a moment later than the server does.
            time.sleep(0.2)
            desktop.press("y")
        desktop.press(ENTER)
        assert heard.wait_for(Found).sentence == "i want to kill myself ннzzннyy"


def test_compose(desktop: Desktop, open_window: OPEN) -> None:
    """Compose, an accent and a letter are one letter."""
    desktop.set_layout("us", "compose:ralt")
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press(WORDS, " caf", ALTGR, "'e")
        assert finish(desktop, heard, window) == "i want to kill myself café"


def test_backspace_and_chords(desktop: Desktop, open_window: OPEN) -> None:
    """What was erased is gone, a word at a time too, and a chord of Control is no letter."""
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to kill muself", *[BACKSPACE] * 5, "yself tomorrow")
        desktop.press(BACKSPACE, hold=(CONTROL,))
        desktop.press("b", hold=(CONTROL,))
        desktop.press("today")
        assert finish(desktop, heard, window) == "i want to kill myself today"


def test_a_key_held_down_counts_as_often_as_it_repeats(desktop: Desktop, open_window: OPEN) -> None:
    """The window gets each repetition, and so does the sentence."""
    from Xlib import X
    from Xlib.ext import xtest

    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press(WORDS, " ")
        xtest.fake_input(desktop.display, X.KeyPress, 38)
        desktop.display.sync()
        wait_until(lambda: window.text.endswith("aaa"))
        xtest.fake_input(desktop.display, X.KeyRelease, 38)
        desktop.display.sync()
        assert finish(desktop, heard, window).endswith("aaa")
