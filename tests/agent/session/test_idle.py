# SPDX-License-Identifier: Apache-2.0
"""Tests of measuring a display once: a real one, touched by real keys, and what lockers leave on it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from Xlib import X, Xatom
from Xlib.display import Display

from agent.session.idle import find_locked
from tests.agent.session.desktop import ENTER, Desktop, wait_until


def measure(display: str) -> tuple[int, Any]:
    """Start the process as the service does, and return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "agent.session.idle"],
        env={"PATH": os.environ["PATH"], "DISPLAY": display},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def cover(desktop: Desktop) -> Iterator[Callable[[], Display]]:
    """Covers the screen as a locker does; returns the connection that did it."""
    display = Display(desktop.name)

    def cover_it() -> Display:
        screen = display.screen()
        size = (screen.width_in_pixels, screen.height_in_pixels)
        screen.root.create_window(0, 0, *size, 0, X.CopyFromParent, override_redirect=True).map()
        display.sync()
        return display

    yield cover_it
    display.close()


@pytest.mark.desktop
def test_a_display_is_idle_until_it_is_touched(desktop: Desktop):
    """In milliseconds, by the server's own count."""
    desktop.tap(ENTER)
    wait_until(lambda: measure(desktop.name)[1]["idle_ms"] >= 500)
    code, said = measure(desktop.name)
    assert (code, said["is_locked"]) == (0, False)
    assert said.keys() == {"at_s", "idle_ms", "saver_is_on", "saver_since_ms", "timeout_s", "is_locked"}
    before = said["idle_ms"]
    desktop.tap(ENTER)
    wait_until(lambda: measure(desktop.name)[1]["idle_ms"] < before)


@pytest.mark.desktop
def test_a_screen_saver_that_comes_on_is_no_touch(desktop: Desktop):
    """Whatever the server does to its count, both it and the time that the saver is on are told."""
    desktop.tap(ENTER)
    desktop.display.force_screen_saver(X.ScreenSaverActive)
    desktop.display.sync()
    said = measure(desktop.name)[1]
    assert said["saver_is_on"] is True
    desktop.display.force_screen_saver(X.ScreenSaverReset)
    desktop.display.sync()
    assert measure(desktop.name)[1]["saver_is_on"] is False


@pytest.mark.desktop
@pytest.mark.parametrize(("status", "is_locked"), [("LOCK", True), ("BLANK", False), ("", True)])
def test_a_picture_over_the_screen_is_no_lock(
    desktop: Desktop, cover: Callable[[], Display], status: str, is_locked: bool
):
    """xscreensaver covers the screen with both, and says which in a property of the root window."""
    display = cover()
    root, name = display.screen().root, display.intern_atom("_SCREENSAVER_STATUS")
    try:
        if status:
            root.change_property(name, Xatom.INTEGER, 32, [display.intern_atom(status), 0, 1])
            display.sync()
        assert find_locked(display) is is_locked
    finally:
        root.delete_property(name)
        display.sync()


@pytest.mark.desktop
def test_what_a_killed_locker_left_behind_locks_nothing(desktop: Desktop):
    """The property stays, the window goes."""
    display = desktop.display
    root, name = display.screen().root, display.intern_atom("_SCREENSAVER_STATUS")
    root.change_property(name, Xatom.INTEGER, 32, [display.intern_atom("LOCK"), 0])
    assert find_locked(display) is False
    root.delete_property(name)
    display.sync()


@pytest.mark.parametrize("display", ["", ":64999", "nonsense"])
def test_without_a_display_it_says_nothing(display: str):
    """Its exit code says so."""
    assert measure(display) == (3, None)
