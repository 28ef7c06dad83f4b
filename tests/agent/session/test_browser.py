# SPDX-License-Identifier: Apache-2.0
"""Tests of which windows are browsers', and of when it is said that one is mute."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.session.browser import FILES, MUTE_AFTER_S, MuteBrowsers, is_browser

BROWSERS = """
Chromium
Google-chrome
Brave-browser
Microsoft-edge
Opera
Vivaldi-stable
firefox
Firefox-esr
LibreWolf
Tor Browser
org.gnome.Epiphany
Code
code-oss
VSCodium
teams-for-linux
Microsoft Teams - Preview
Slack
discord
zoom
""".strip().splitlines()

OTHERS = ["Essay", "libreoffice-writer", "XTerm", "Gnome-terminal", "Barcode", "Mousepad", "Tk", "minetest", ""]


@pytest.mark.parametrize("application", BROWSERS)
def test_browsers_are_known_by_their_class(application: str) -> None:
    """In any case, with whatever stands around the name."""
    assert is_browser(application, 0)
    assert is_browser(application.upper(), os.getpid())


@pytest.mark.parametrize("application", OTHERS)
def test_others_are_none(application: str) -> None:
    """A name inside another word is none, and neither is a process that there is not."""
    assert not is_browser(application, 0)
    assert not is_browser(application, os.getpid())
    assert not is_browser(application, 2**22 + 1)


@pytest.mark.parametrize("name", FILES)
def test_a_program_built_like_one_is_known_by_its_files(name: str, tmp_path: Path) -> None:
    """Whatever its window is called: the engine's files lie beside the program."""
    program = tmp_path / "homework"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        assert not is_browser("Homework", process.pid)
        (tmp_path / name).touch()
        assert is_browser("Homework", process.pid)
        process.kill()


def test_a_browser_is_mute_after_a_while() -> None:
    """Not while it begins, and not when another window had the focus in between."""
    mute = MuteBrowsers()
    for now_s in (0.0, MUTE_AFTER_S - 1):
        mute.note("Chromium", is_mute=True, now_s=now_s)
    mute.note("", is_mute=False, now_s=MUTE_AFTER_S)
    mute.note("Chromium", is_mute=True, now_s=MUTE_AFTER_S + 1)
    assert not mute
    mute.note("Chromium", is_mute=True, now_s=2 * MUTE_AFTER_S + 1)
    assert mute


def test_a_mute_browser_stays_until_it_tells() -> None:
    """Another window, or another browser that tells, makes no difference to it."""
    mute = MuteBrowsers()
    for now_s in (0.0, MUTE_AFTER_S):
        mute.note("Chromium", is_mute=True, now_s=now_s)
    mute.note("", is_mute=False, now_s=30)
    mute.note("firefox", is_mute=False, now_s=40)
    assert mute
    mute.note("Chromium", is_mute=False, now_s=50)
    assert not mute
