# SPDX-License-Identifier: Apache-2.0
"""Tests of how a locked screen is known: by a window that covers it, and by the signal of the desktop."""

import contextlib
import queue
import subprocess
from collections.abc import Callable, Iterator

import pytest
from Xlib import X
from Xlib.display import Display

from agent.session.lock import is_covered, watch_lock_signal
from tests.agent.session.desktop import Desktop, Window

pytestmark = pytest.mark.desktop


@pytest.fixture
def display(desktop: Desktop) -> Iterator[Display]:
    """A connection of the test's own."""
    made = Display(desktop.name)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("smaller", "is_override", "is_locker"), [(0, True, True), (1, True, False), (0, False, False)]
)
def test_a_locker_covers_everything(
    display: Display, open_window: Callable[..., Window], smaller: int, is_override: bool, is_locker: bool
) -> None:
    """The topmost window, of the screen's size, that no window manager may touch; a menu or a film is none."""
    open_window()
    screen = display.screen()
    assert not is_covered(display)
    size = (screen.width_in_pixels - smaller, screen.height_in_pixels)
    window = screen.root.create_window(0, 0, *size, 0, X.CopyFromParent, override_redirect=is_override)
    window.map()
    display.sync()
    assert is_covered(display) is is_locker
    window.destroy()
    display.sync()
    assert not is_covered(display)


def test_the_desktop_says_that_it_locks(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever desktop it is: they have the signal in common, and nothing else is taken for it."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", desktop.environment["DBUS_SESSION_BUS_ADDRESS"])
    told: queue.SimpleQueue = queue.SimpleQueue()
    assert watch_lock_signal(told.put) is not None
    command = ["dbus-send", "--session", "--type=signal", "/", "org.xfce.ScreenSaver.ActiveChanged"]

    def say_until(content: str, is_locked: bool) -> None:
        # It may not listen yet when the first is sent.
        heard = None
        while heard is not is_locked:
            subprocess.run([*command, content], env=desktop.environment, check=True)
            with contextlib.suppress(queue.Empty):
                heard = told.get(timeout=0.5)

    say_until("boolean:true", is_locked=True)
    subprocess.run([*command, "string:yes"], env=desktop.environment, check=True)
    say_until("boolean:false", is_locked=False)


def test_without_a_session_bus_only_the_window_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to listen to."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    assert watch_lock_signal(print) is None
