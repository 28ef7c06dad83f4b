# SPDX-License-Identifier: Apache-2.0
"""Tests of the child's process with the parsers that are shipped."""

import os
import tempfile

import pytest

from agent.errors import ParseError
from agent.parsing.launch import ParsingChild
from agent.parsing.process import load_parsers


def test_every_parser_is_loaded_before_the_jail_closes():
    """Each of them answers, or says in its own words what an empty file is not."""
    parsers = load_parsers()
    assert "archive" in parsers
    parsing = ParsingChild()
    with tempfile.TemporaryFile() as empty:
        for name in parsers:
            try:
                assert isinstance(parsing.parse(name, empty.fileno()), dict)
            except ParseError as error:
                assert "ImportError" not in error.message
                assert "ModuleNotFoundError" not in error.message
                assert "ended" not in error.message
    parsing.close()


def test_a_parser_that_does_not_exist_is_an_error():
    """Whatever its name is."""
    parsing = ParsingChild()
    with open(os.devnull, "rb") as stream:
        for name in ("os", "../launch", "x" * 10_000, "é"):
            with pytest.raises(ParseError, match="no parser of that name"):
                parsing.parse(name, stream.fileno())
    parsing.close()
