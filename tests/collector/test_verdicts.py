# SPDX-License-Identifier: Apache-2.0
"""Tests of the names that verdicts are kept under."""

from pathlib import Path

from sqlalchemy import String

import rules
from collector.store.schema import flags
from collector.verdicts import ACTIONS, CATEGORIES, Verdict


def test_reader_can_name_every_category_that_the_lexicon_has() -> None:
    """Otherwise he would have to call a flag what it is not."""
    lexicon = {path.stem for path in (Path(rules.__file__).parent / "lexicons" / "en").glob("*.toml")}
    assert lexicon
    assert lexicon <= set(CATEGORIES)


def test_names_fit_their_columns() -> None:
    """On every engine."""
    for names, column in ((Verdict, "verdict"), (CATEGORIES, "category"), (ACTIONS, "action")):
        kind = flags.c[column].type
        assert isinstance(kind, String)
        assert max(len(name) for name in names) <= (kind.length or 0)
