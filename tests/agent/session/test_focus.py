# SPDX-License-Identifier: Apache-2.0
"""Tests of which window the next key goes to, on a real display."""

from collections.abc import Callable, Iterator

import pytest
from Xlib import X
from Xlib.display import Display

from agent.session.focus import Focus
from agent.session.messages import MAX_TITLE_CHARACTERS
from agent.session.reading import Place
from tests.agent.session.desktop import Desktop, Window, wait_until

pytestmark = pytest.mark.desktop

OPEN = Callable[..., Window]


@pytest.fixture
def display(desktop: Desktop) -> Iterator[Display]:
    """A connection of the test's own."""
    made = Display(desktop.name)
    yield made
    made.close()


def test_a_window_has_a_name_and_a_process(display: Display, desktop: Desktop, open_window: OPEN) -> None:
    """Its class, its title and whose it is; a title that changes is told, as long as it may be and printable."""
    focus = Focus(display)
    assert focus.look() is None
    window = open_window()
    seen = focus.look()
    assert seen is not None
    assert (seen.place, seen.pid) == (Place("Essay", "My essay"), window.pid)
    window.tell("title " + "é\x07" * 2 * MAX_TITLE_CHARACTERS)
    wait_until(lambda: focus.look() != seen)
    again = focus.look()
    assert again is not None
    assert (again.id, again.place.window) == (seen.id, "é" * MAX_TITLE_CHARACTERS)


def test_a_window_without_a_class_is_unknown(display: Display, desktop: Desktop) -> None:
    """Nobody knows what it is, so nobody reads there."""
    root = display.screen().root
    window = root.create_window(0, 0, 50, 50, 0, X.CopyFromParent, override_redirect=True)
    window.map()
    display.sync()
    window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
    display.sync()
    assert Focus(display).look() is None
    window.destroy()
    display.sync()


def test_a_window_that_says_no_process_has_none(display: Display, desktop: Desktop) -> None:
    """A browser like that can never tell that a focus is its own."""
    root = display.screen().root
    window = root.create_window(0, 0, 50, 50, 0, X.CopyFromParent, override_redirect=True)
    window.set_wm_class("chromium", "Chromium")
    window.change_property(display.intern_atom("_NET_WM_PID"), display.intern_atom("STRING"), 8, b"7")
    window.map()
    display.sync()
    window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
    display.sync()
    seen = Focus(display).look()
    assert seen is not None
    assert (seen.place, seen.pid) == (Place("Chromium", ""), 0)
    window.destroy()
    display.sync()
