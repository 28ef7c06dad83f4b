# SPDX-License-Identifier: Apache-2.0
"""Tests of the hook, and of the private parts of pynput that it holds on to."""

import threading
from collections.abc import Callable

import pytest

from agent.session.keyboard import Click, Keyboard, KeyPress
from tests.agent.session.desktop import KEYCODES, WITHIN_S, Desktop, Window, wait_until

pytestmark = pytest.mark.desktop


@pytest.fixture(autouse=True)
def here(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """pynput takes the display from the environment."""
    monkeypatch.setenv("DISPLAY", desktop.name)


def test_it_tells_of_presses_and_clicks(desktop: Desktop, open_window: Callable[[], Window]) -> None:
    """Each key is told when it goes down, with its modifiers, and each click; a release is not."""
    open_window()
    told: list[KeyPress | Click] = []
    keyboard = Keyboard(told.append)
    desktop.press("ab")
    desktop.press("c", hold=(50,))
    desktop.click(10, 10)
    wait_until(lambda: len(told) >= 5)
    keyboard.stop()
    keys = [(key.keycode, key.state) for key in told if isinstance(key, KeyPress)]
    assert keys == [(KEYCODES["a"], 0), (KEYCODES["b"], 0), (50, 0), (KEYCODES["c"], 1)]
    assert isinstance(told[-1], Click)


def test_a_key_has_no_name_in_errors() -> None:
    """What shows an object in an error text shows nothing of the key."""
    assert "38" not in repr(KeyPress(38, 0))


def test_it_can_be_stopped_and_started_again(desktop: Desktop, open_window: Callable[[], Window]) -> None:
    """After a pause a new hook tells, and the old one does not."""
    open_window()
    old: list = []
    new = threading.Event()
    first = Keyboard(old.append)
    first.stop()
    assert not first.is_alive
    second = Keyboard(lambda _: new.set())
    desktop.press("abcdefghij")
    assert new.wait(WITHIN_S)
    second.stop()
    assert old == []


def test_pynput_is_as_it_was() -> None:
    """What is held of pynput's private parts: the range of events, the method that gets each, the flag of readiness."""
    from pynput._util import AbstractListener
    from pynput._util.xorg import ListenerMixin
    from pynput.keyboard import Listener
    from Xlib import X

    assert (X.KeyPress, X.KeyRelease) == Listener._EVENTS
    assert Listener._handle_message.__code__.co_varnames[:4] == ("self", "display", "event", "injected")
    assert issubclass(Listener, ListenerMixin)
    assert issubclass(Listener, AbstractListener)
    keyboard = Keyboard(lambda _: None)
    listener = keyboard._listener
    assert isinstance(listener, Listener)
    assert listener._ready is True
    assert isinstance(listener._context, int)
    listener._display_stop.sync()
    keyboard.stop()
    assert not keyboard.is_alive
