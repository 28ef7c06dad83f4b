# SPDX-License-Identifier: Apache-2.0
"""Tests of drafts of keywords: what one may say, and the error of each fault."""

import tomllib
from datetime import date

import pytest

from rules.drafts import MAX_DRAFTS, parse_drafts
from rules.errors import RuleFormatError
from rules.table import Table

SOUND = {
    "id": "county-lines",
    "why": "To try it.",
    "texts": ["going country"],
    "first": "2026-11-23",
    "last": "2026-12-04",
}


def parse(*drafts: dict) -> tuple:
    """Read drafts as they stand in a rule file."""
    return parse_drafts(Table({"draft": list(drafts)}, keys=("draft",), file="own.toml", under="keywords"))


def test_a_draft_is_read() -> None:
    """With its days as days."""
    (draft,) = parse(SOUND)
    assert (draft.id, draft.texts, draft.first, draft.last) == (
        "county-lines",
        ("going country",),
        date(2026, 11, 23),
        date(2026, 12, 4),
    )


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("id", "County Lines", "small letters"),
        ("texts", [], "1 to 20"),
        ("texts", ["ab c"], "5 letters"),
        ("texts", ["x" * 61], "60 characters"),
        ("texts", ["{a|b} going country"], "each way"),
        ("last", "2026-12-24", "31 days"),
        ("last", "2026-11-22", "31 days"),
        ("first", "23.11.2026", "year, month and day"),
        ("first", "20261123", "year, month and day"),
    ],
)
def test_each_fault_has_its_error(key: str, value: object, what: str) -> None:
    """It names the key, and says what would be right."""
    with pytest.raises(RuleFormatError) as caught:
        parse(SOUND | {key: value})
    assert caught.value.key.endswith(f"draft[1].{key}")
    assert what in caught.value.hint


def test_one_id_stands_once_and_there_is_an_end_of_drafts() -> None:
    """Two of a name could not be told apart; twenty are enough."""
    with pytest.raises(RuleFormatError, match="is there twice"):
        parse(SOUND, SOUND)
    with pytest.raises(RuleFormatError, match=f"more than {MAX_DRAFTS}"):
        parse(*(SOUND | {"id": f"n{number}"} for number in range(MAX_DRAFTS + 1)))


def test_the_example_of_the_documentation_is_sound() -> None:
    """What somebody copies from there works."""
    import rules.drafts

    example = "\n".join(line for line in (rules.drafts.__doc__ or "").splitlines() if line.startswith("    "))
    assert parse(*tomllib.loads(example)["keywords"]["draft"])
