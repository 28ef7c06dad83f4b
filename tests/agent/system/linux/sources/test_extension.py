# SPDX-License-Identifier: Apache-2.0
"""Tests of how an extension is called."""

import pytest

from agent.system.linux.sources.extension import to_program

IDENTIFIER = "cjpalhdlnbpafiamejdnhcphjbkeiagm"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("uBlock Origin", f"uBlock Origin ({IDENTIFIER})"),
        ("  two\n lines\t", f"two lines ({IDENTIFIER})"),
        ("A (b)", f"A (b) ({IDENTIFIER})"),
        ("", IDENTIFIER),
        ("\u202e\x1b\u200b", IDENTIFIER),
        ("good\u202edab", f"gooddab ({IDENTIFIER})"),
        ("x" * 500, f"{'x' * 100} ({IDENTIFIER})"),
    ],
)
def test_a_name_can_be_read_and_ends_with_the_identifier(title: str, name: str):
    """Whatever the maker wrote."""
    assert to_program(IDENTIFIER, title, "1").name == name


@pytest.mark.parametrize(
    ("given", "identifier"),
    [
        ("{446900e4-71c2-419f-a6a7-df9c091e268b}", "{446900e4-71c2-419f-a6a7-df9c091e268b}"),
        ("uBlock0@raymondhill.net", "uBlock0@raymondhill.net"),
        ("a (b) c", "a??b??c"),
        ("x" * 500, "x" * 128),
    ],
)
def test_an_identifier_holds_no_brackets(given: str, identifier: str):
    """So the last ones are ours."""
    assert to_program(given, "T", "1").name == f"T ({identifier})"


def test_a_version_is_one_line():
    """And not endless."""
    assert to_program("a", "", "1.\n2\x00").version == "1. 2"
    assert len(to_program("a", "", "1" * 999).version) == 128
