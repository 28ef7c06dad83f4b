# SPDX-License-Identifier: Apache-2.0
"""Tests of the page that says what the policy asks and what carries it out."""

import pytest

from collector.own_rules import put_own_file
from collector.policies import choose_pack, publish_change
from collector.roles import Role
from proto.keys import load_signer
from rules.coverage import Extent
from rules.load import load_coverage
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

OFF = """
[[change]]
rule = "bypass-tor"
why = "We teach how it works."
off = true
"""


@pytest.fixture
def governor(enter: Enter) -> Visitor:
    """A governor, who sees this page and nothing else."""
    return enter(Role.GOVERNOR)


def choose(school: School, pack: str) -> None:
    """Let the school work under a pack."""
    signer = load_signer(school.config.signing_key)
    choose_pack(
        school.engine,
        school.id,
        signer,
        pack=pack,
        actor="init",
        reason="ours",
        now_ns=school.now_ns,
        seconded_by="head",
    )


def test_baseline_has_no_clauses_and_says_what_to_do(governor: Visitor) -> None:
    """It carries out no one school's policy."""
    words = governor.get("/coverage").words
    assert "The pack in force has no clauses" in words
    assert "schoolwarden-collector packs" in words


def test_every_clause_is_shown_with_what_is_done(governor: Visitor, school: School) -> None:
    """In the order of the pack, with the sum and what differs from guidance; or those that go so far only."""
    choose(school, "bexton")
    rows = load_coverage("bexton")
    page = governor.get("/coverage")
    places = [page.text.index(f">{row.clause}</th>") for row in rows]
    assert places == sorted(places)
    assert f"All {len(rows)} clauses" in page.words
    assert all(each in page.words for row in rows for each in row.by)
    assert "Where the policy and national guidance differ" in page.words
    assert "Switched off here" not in page.words
    for asked, shown in (("paper", [row for row in rows if row.extent is Extent.PAPER]), ("nonsense", rows)):
        text = governor.get(f"/coverage?extent={asked}").text
        assert [row.clause for row in rows if f">{row.clause}</th>" in text] == [row.clause for row in shown]


def test_rule_that_the_school_switched_off_is_marked(governor: Visitor, school: School) -> None:
    """What the pack says of its clauses is not true here any more: they count as not yet, in the sum too."""
    choose(school, "harmonize")
    signer = load_signer(school.config.signing_key)
    publish_change(
        school.engine,
        school.id,
        signer,
        lambda connection: put_own_file(connection, school.id, "own.toml", OFF, actor="anna", now_ns=school.now_ns),
        actor="anna",
        reason="we teach it",
        now_ns=school.now_ns,
        seconded_by="head",
    )
    rows = load_coverage("harmonize")
    touched = [row for row in rows if "bypass-tor" in row.by]
    page = governor.get("/coverage?extent=not yet")
    assert "bypass-tor Switched off here" in page.words
    assert f"({len(touched)} of them switched off by the school)" in page.words
    for row in touched:
        assert f"{row.clause} Not yet switched off by the school {row.text}" in page.words
    not_yet = len(touched) + sum(row.extent is Extent.NOT_YET for row in rows)
    assert f"Not yet ({not_yet})" in page.words


def test_whoever_may_see_the_policy_sees_it(enter: Enter) -> None:
    """And finds it in the menu: whoever looks through the log too, who sees no incident."""
    for role in (Role.GOVERNOR, Role.AUDITOR):
        visitor = enter(role)
        assert visitor.get("/coverage").status == 200
        assert "Policy coverage" in visitor.get("/account").words
