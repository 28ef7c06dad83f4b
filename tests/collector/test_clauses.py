# SPDX-License-Identifier: Apache-2.0
"""Tests of the clauses that incidents cite: a school reads of its own policy, and of no other school's."""

import pytest

from collector.clauses import find_own_clauses
from collector.store.engine import writing
from collector.store.schema import chosen_packs
from tests.collector.school import School

CLAUSES = ("BX-19", "WH-08", "HZ-07")


@pytest.mark.parametrize(
    ("pack", "cited"),
    [
        ("", [*CLAUSES]),
        ("uk-baseline", [*CLAUSES]),
        ("west-hill", ["WH-08"]),
        ("winchelsea", []),
        ("of-an-earlier-version", [*CLAUSES]),
    ],
)
def test_a_school_cites_its_own_policy(school: School, pack: str, cited: list[str]) -> None:
    """The baseline is nobody's own; a pack that is not here any more takes nothing away."""
    with writing(school.engine) as connection:
        if pack:
            row = {"school_id": school.id, "pack": pack, "chosen_at_ns": school.now_ns, "chosen_by": "anna"}
            connection.execute(chosen_packs.insert().values(row))
        assert find_own_clauses(connection, school.id, CLAUSES) == cited
