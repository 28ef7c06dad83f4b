# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.table. Most faults stand in the corpus, see test_load."""

import pytest

from rules.errors import RuleFormatError
from rules.table import MAX_VALUES, Table, shown, to_hint


def test_an_error_says_file_rule_and_key():
    """A technician finds the place without reading code."""
    table = Table({"severity": "high"}, keys=["severity"], file="own.toml", rule="own-rule", under="program[2]")

    with pytest.raises(RuleFormatError) as caught:
        table.integer("severity", 1, 5)

    error = caught.value
    assert (error.file, error.rule, error.key) == ("own.toml", "own-rule", "program[2].severity")
    assert error.message == "own.toml, rule own-rule, key program[2].severity: is text"
    assert error.hint == "it must be a whole number"
    assert error.exit_code == 2


def test_a_default_stands_for_a_missing_key():
    """Optional keys are optional."""
    table = Table({}, keys=["a", "b", "c", "d"], file="own.toml")

    assert table.text("a", "x") == "x"
    assert table.texts("b", ("y",)) == ("y",)
    assert table.flag("c", default=True) is True
    assert table.choice("d", {"one": 1}, "one") == 1


def test_a_list_has_a_limit():
    """A file cannot be made of one endless list."""
    table = Table({"names": [str(number) for number in range(MAX_VALUES + 1)]}, keys=["names"], file="own.toml")

    with pytest.raises(RuleFormatError, match="more than"):
        table.texts("names")


@pytest.mark.parametrize("value", [16**8000, "x" * 10_000, ["x"] * 10_000], ids=["number", "text", "list"])
def test_any_value_can_be_shown(value):
    """A hostile value makes a short message, not a second error."""
    assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    ("word", "expected"), [("severty", "did you mean severity?"), ("qqq", "it can be severity, title")]
)
def test_a_hint_names_the_nearest_word_or_all(word, expected):
    """A slip of the finger is answered with what was meant."""
    assert to_hint(word, ["severity", "title"]) == expected
