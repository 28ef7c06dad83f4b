# SPDX-License-Identifier: Apache-2.0
"""Tests of the watcher on a real Chromium, and on a terminal that asks for a password."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.session.messages import MUTE_BROWSER, Found, State
from tests.agent.session.desktop import CONTROL, ENTER, SHIFT, TAB, Desktop, Window, wait_until, watching
from tests.browser.conftest import CHROMIUM, FLAGS

pytestmark = pytest.mark.desktop

WORDS = "i want to kill myself"
SOON_S = 2.7
"""Longer than anything that was found is held."""
STARTS_WITHIN_S = 60.0
TELLING = ("ACCESSIBILITY_ENABLED=1",)
TELLING_FLAGS = ("--force-renderer-accessibility",)

PAGE = """<!doctype html><title>ready</title>
<input autofocus><input type=password>
<script>
const counts = [0, 0];
document.querySelectorAll("input").forEach((field, place) => {
  field.oninput = () => { counts[place] += 1; document.title = counts.join(" "); };
});
</script>
"""

OPEN = Callable[..., Window]
Browse = Callable[..., None]


@pytest.fixture
def browse(desktop: Desktop, tmp_path: Path) -> Iterator[Browse]:
    """Opens a page that counts in its title the letters typed into its field, and into its password field."""
    programs = []
    page = tmp_path / "page.html"
    page.write_text(PAGE)

    def open_page(environment: tuple[str, ...] = (), flags: tuple[str, ...] = ()) -> None:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = ["env", *environment, CHROMIUM, *FLAGS, *flags, profile, page.as_uri()]
        programs.append(desktop.start(*command))
        wait_until(lambda: desktop.has_focus("ready - Chromium"), STARTS_WITHIN_S)
        time.sleep(SOON_S)  # its window has a title before it takes keys

    yield open_page
    for program in programs:
        program.terminate()
        program.wait()


def type_there(desktop: Desktop, text: int, password: int) -> None:
    """Type the words and wait until the page has counted so many letters in its fields."""
    desktop.press(WORDS, ENTER)
    wait_until(lambda: desktop.has_focus(f"{text} {password} - Chromium"))


@pytest.mark.parametrize("settings", [((), ()), (TELLING, ()), ((), TELLING_FLAGS)], ids=["none", "one", "other"])
def test_a_browser_as_shipped_is_not_read(
    desktop: Desktop, open_window: OPEN, browse: Browse, settings: tuple[tuple[str, ...], ...]
) -> None:
    """Neither its fields nor its passwords; it is said why, and the window beside it is read."""
    with watching(desktop) as (_, heard):
        browse(*settings)
        type_there(desktop, len(WORDS), 0)
        desktop.press(TAB)
        type_there(desktop, len(WORDS), len(WORDS))
        heard.wait_for(State, state="watching", reason=MUTE_BROWSER)
        assert heard.found == []
        open_window()
        desktop.press(WORDS, ENTER)
        assert heard.wait_for(Found).window == "My essay"
        assert len(heard.found) == 1


def test_a_browser_that_tells_is_read_but_for_passwords(desktop: Desktop, browse: Browse) -> None:
    """The sentence in its text field leaves, those in its password field do not, however fast one gets there."""
    with watching(desktop) as (_, heard):
        browse(TELLING, TELLING_FLAGS)
        type_there(desktop, len(WORDS), 0)
        heard.wait_for(Found)
        for times in (1, 2):
            desktop.press(TAB)
            type_there(desktop, times * len(WORDS), times * len(WORDS))
            time.sleep(SOON_S)
            assert len(heard.found) == times
            desktop.press(TAB, hold=(SHIFT,))
            time.sleep(0.5)  # what is typed before the browser has told that it left the field is not read
            type_there(desktop, (times + 1) * len(WORDS), times * len(WORDS))
            heard.wait_for(Found)
        assert [found.application for found in heard.found] == ["Chromium"] * 3
        assert not any(isinstance(report, State) and report.reason for report in heard.reports)


def test_a_browser_is_read_again_after_another_window(desktop: Desktop, open_window: OPEN, browse: Browse) -> None:
    """Each time the focus comes back the browser tells of it anew; its address bar is read as well."""
    with watching(desktop) as (_, heard):
        browse(TELLING, TELLING_FLAGS)
        type_there(desktop, len(WORDS), 0)
        heard.wait_for(Found)
        window = open_window()
        desktop.press(WORDS, ENTER)
        assert heard.wait_for(Found).application == "Essay"
        window.close()
        wait_until(lambda: "Chromium" in desktop.find_focus_title())
        time.sleep(SOON_S)
        type_there(desktop, 2 * len(WORDS), 0)
        assert heard.wait_for(Found).application == "Chromium"
        desktop.press("l", hold=(CONTROL,))
        time.sleep(0.5)
        desktop.press(WORDS)
        assert heard.wait_for(Found).application == "Chromium"


def test_a_prompt_for_a_password_in_a_terminal_is_not_read(desktop: Desktop, open_window: OPEN) -> None:
    """While a program in one of the window's terminals hides what is typed, nothing is read; afterwards it is again."""
    window = open_window()
    with watching(desktop) as (_, heard):
        window.tell("hide")
        time.sleep(0.5)
        desktop.press(WORDS, ENTER)
        time.sleep(SOON_S)
        assert heard.found == []
        window.tell("echo")
        time.sleep(0.5)
        desktop.press(WORDS, ENTER)
        heard.wait_for(Found)
