# SPDX-License-Identifier: Apache-2.0
"""Tests of what the name of an AppImage says."""

import pytest

from agent.system.linux.sources.appimage import MAX_VERSION_LENGTH, to_program
from proto.events import Program


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("krita-5.2.2-x86_64.appimage", "krita", "5.2.2"),
        ("Tor-Browser_13.0.AppImage", "Tor-Browser", "13.0"),
        ("MuseScore-Studio-4.4.3.242971445-x86_64.AppImage", "MuseScore-Studio", "4.4.3.242971445"),
        ("nvim.appimage", "nvim", ""),
        ("nvim-linux-x86_64.appimage", "nvim", ""),
        ("OpenSCAD-v2021.01-rc1-amd64.AppImage", "OpenSCAD", "2021.01-rc1"),
        ("Some App-latest.AppImage", "Some App", ""),
        ("homework", "homework", ""),
        (".AppImage", ".AppImage", ""),
        ("-amd64.AppImage", "-amd64", ""),
        ("7zip.AppImage", "7zip", ""),
    ],
)
def test_name_and_version_are_told_apart(file: str, name: str, version: str):
    """What cannot be told apart stays as it is, and nothing is ever nameless."""
    assert to_program(file, f"/opt/{file}") == Program(name, f"/opt/{file}", source="appimage", version=version)


def test_a_very_long_name_is_no_trouble():
    """A version is cut."""
    assert len(to_program("a-" + "1" * 250, "/x").version) == MAX_VERSION_LENGTH
    assert to_program("-1" * 120 + "_x86_64" * 2, "/x").name
