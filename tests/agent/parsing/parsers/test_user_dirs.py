# SPDX-License-Identifier: Apache-2.0
"""Tests of the user's own names for his folders."""

import io
import random

from agent.parsing.parsers.user_dirs import MAX_BYTES, parse

ORDINARY = b"""# This file is written by xdg-user-dirs-update
XDG_DESKTOP_DIR="$HOME/Bureau"
XDG_DOWNLOAD_DIR="$HOME/Mes affaires/T\xc3\xa9l\xc3\xa9chargements"
XDG_MUSIC_DIR="$HOME/Musique"
"""


def test_downloads_and_desktop_are_found():
    """Below the home, in any language."""
    assert parse(io.BytesIO(ORDINARY)) == {"desktop": "Bureau", "download": "Mes affaires/Téléchargements"}


def test_whatever_lies_elsewhere_is_none():
    """Nor is the home itself, which is how a folder is switched off."""
    for value in ("$HOME/", "$HOME", "/etc", "$HOME/../other", "$HOME/a/./b", "$HOME/" + "x" * 300, "$OTHER/x", ""):
        assert parse(io.BytesIO(f'XDG_DOWNLOAD_DIR="{value}"\n'.encode())) == {}


def test_a_hostile_file_is_read_as_far_as_the_limit():
    """Whatever bytes it has."""
    assert parse(io.BytesIO(b" " * MAX_BYTES + ORDINARY)) == {}
    assert isinstance(parse(io.BytesIO(random.Random(3).randbytes(4096))), dict)
