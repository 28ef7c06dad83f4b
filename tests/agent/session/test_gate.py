# SPDX-License-Identifier: Apache-2.0
"""Tests of whether a key may be read, on a real display; the time is the test's."""

from collections.abc import Callable, Iterator

import pytest
from Xlib.display import Display

from agent.session.gate import ECHO_EVERY_S, Change, Gate
from agent.session.password import NOBODY, FieldFocus
from agent.session.protected import Protected
from agent.session.reading import NOWHERE, Place
from tests.agent.session.desktop import Desktop, Window, wait_until

pytestmark = pytest.mark.desktop

OPEN = Callable[..., Window]


@pytest.fixture
def gate(desktop: Desktop) -> Iterator[Gate]:
    """A gate of this desktop that protects diaries."""
    display = Display(desktop.name)
    yield Gate(display, Protected(["my diary"]))
    display.close()


def test_what_is_not_known_is_closed(gate: Gate) -> None:
    """Before the first look, and while no window has the focus."""
    assert not gate.is_open
    assert gate.look(0.0) is Change.NOTHING
    assert (gate.is_open, gate.place) == (False, NOWHERE)


def test_it_follows_the_window(gate: Gate, open_window: OPEN, desktop: Desktop) -> None:
    """A window opens it, a title of the floor closes it, and that it goes is noticed."""
    window = open_window()
    assert gate.look(0.0) is Change.WINDOW
    assert (gate.is_open, gate.place) == (True, Place("Essay", "My essay"))
    assert gate.look(0.1) is Change.NOTHING
    window.tell("title My diary")
    wait_until(lambda: desktop.has_focus("My diary"))
    assert gate.look(0.2) is Change.TITLE
    assert not gate.is_open
    window.close()
    wait_until(lambda: not desktop.find_focus_title())
    assert gate.look(0.3) is Change.WINDOW
    assert not gate.is_open


def test_a_browser_must_tell(gate: Gate, open_window: OPEN) -> None:
    """Only what its own process tells opens it: not another's, and not that of a process nobody knows."""
    window = open_window("Page", program="Chromium")
    gate.look(0.0)
    assert gate.place.application == "Chromium"
    for focus in (NOBODY, FieldFocus(window.pid + 1), FieldFocus(window.pid, is_password=True)):
        gate.field_focus = focus
        assert (gate.is_open, gate.is_secret) == (False, True)
    gate.field_focus = FieldFocus(window.pid)
    assert gate.is_open
    gate.field_focus = NOBODY
    assert (gate.is_open, gate.is_mute) == (False, True)


def test_other_programs_need_not_tell(gate: Gate, open_window: OPEN) -> None:
    """They are closed by a password field only, whoever says that it has the focus."""
    open_window()
    gate.look(0.0)
    assert gate.is_open
    gate.field_focus = FieldFocus(1, is_password=True)
    assert not gate.is_open


def test_a_lock_closes(gate: Gate, open_window: OPEN) -> None:
    """While the desktop says that it is locked."""
    open_window()
    gate.look(0.0)
    gate.is_locked = True
    assert not gate.is_open


def test_a_prompt_in_a_terminal_closes(gate: Gate, open_window: OPEN) -> None:
    """At the next look, and until it is done."""
    window = open_window()
    window.tell("hide")
    now_s = 0.0
    for is_open in (False, True):

        def is_so(is_open: bool = is_open) -> bool:
            nonlocal now_s
            now_s += ECHO_EVERY_S
            gate.look(now_s)
            return gate.is_open is is_open

        wait_until(is_so)
        window.tell("echo")
