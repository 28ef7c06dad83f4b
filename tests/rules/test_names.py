# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.names."""

import pytest

from rules.names import MAX_CHARACTERS, to_name, to_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tor", "tor"),
        ("TOR.EXE", "tor"),
        ("tor.exe.exe", "tor.exe"),
        ("tor (deleted)", "tor"),
        ("Tor.exe (deleted)", "tor"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("", ""),
        ("\udcff\u202etor", "\udcff\u202etor"),
    ],
)
def test_a_name_is_compared_without_case_and_without_exe(text, expected):
    """However a device writes a name, it is the same name."""
    assert to_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr/bin/Tor", "/usr/bin/tor"),
        ("/usr/bin/tor (deleted)", "/usr/bin/tor"),
        (r"C:\Tor Browser\firefox.exe", "c:/tor browser/firefox.exe"),
        ("", ""),
    ],
)
def test_a_path_is_compared_without_case_and_with_slashes(text, expected):
    """A wildcard is written once for Linux and Windows."""
    assert to_path(text) == expected


def test_what_is_longer_than_any_real_name_is_cut():
    """The length of a name costs us nothing, whatever a device sends."""
    assert len(to_name("a" * 10_000_000)) == MAX_CHARACTERS
    assert len(to_path("/" * 10_000_000)) == MAX_CHARACTERS
