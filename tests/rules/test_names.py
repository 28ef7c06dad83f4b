# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.names."""

import pytest

from rules.names import MAX_CHARACTERS, to_extension_id, to_name, to_path, to_python_package


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uBlock Origin (cjpalhdlnbpafiamejdnhcphjbkeiagm)", "cjpalhdlnbpafiamejdnhcphjbkeiagm"),
        ("A (B) C ({D10D0BF8-1})", "{d10d0bf8-1}"),
        ("foxyproxy@eric.h.jung", "foxyproxy@eric.h.jung"),
        ("Bracket) at the start", "bracket) at the start"),
        (")", ""),
        ("", ""),
    ],
)
def test_an_extension_is_compared_by_its_id(text, expected):
    """The title in front of it is its maker's wish."""
    assert to_extension_id(text) == expected


@pytest.mark.parametrize("text", ["onion-share", "Onion_Share", "onion.share", "ONION-_.share"])
def test_a_python_package_is_compared_as_its_index_does(text):
    """Its makers, pip and people write it in different ways."""
    assert to_python_package(text) == "onion-share"
