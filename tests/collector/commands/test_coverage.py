# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands that say which clause is carried out by what."""

from pathlib import Path

import pytest

from collector.commands.coverage import count_extents
from collector.policies import choose_pack
from proto.keys import load_signer
from rules.coverage import Extent
from rules.load import list_packs, load_coverage
from tests.collector.command import Run
from tests.collector.school import School
from tests.collector.small_policy import switch_off

OFF = '[[change]]\nrule = "bypass-tor"\nwhy = "We teach how it works."\noff = true\n'
SCHOOLS = [name for name in list_packs() if load_coverage(name)]


@pytest.mark.parametrize("pack", SCHOOLS)
def test_every_clause_is_printed_with_what_carries_it_out(run: Run, pack: str) -> None:
    """As a bare JSON array, and as a table with the same clauses and a sum at its end."""
    rows = load_coverage(pack)
    assert run("coverage", "--pack", pack, "--format", "json") == 0
    assert [row["clause"] for row in run.json] == [row.clause for row in rows]
    assert set(run.json[0]) == {"clause", "how", "extent", "test", "kind", "text", "by", "says"}
    assert run("coverage", "--pack", pack) == 0
    begins = [line.split(" ", 1)[0] for line in run.out.splitlines()]
    assert [word for word in begins if word in {row.clause for row in rows}][: len(rows)] == [
        row.clause for row in rows
    ]
    assert f"{len(rows)} clauses: " in run.out
    assert max(map(len, run.out.splitlines())) <= 120


def test_sum_counts_every_row() -> None:
    """In words, and what there is none of is not said."""
    rows = load_coverage(SCHOOLS[0])
    counts = {extent: sum(row.extent is extent for row in rows) for extent in Extent}
    assert f"{counts[Extent.PAPER]} on paper only" in count_extents(rows)
    assert count_extents(rows[:1]).startswith("1 clause: 1 ")
    assert count_extents([]) == "no clauses"


def test_what_the_school_switched_off_is_not_said_to_be_carried_out(run: Run, folder: Path, school_at: School) -> None:
    """With --dir, in rows and sum: a clause whose rule is off counts as not yet, and says why."""
    choose_pack(
        school_at.engine,
        school_at.id,
        load_signer(school_at.config.signing_key),
        pack="harmonize",
        actor="init",
        reason="ours",
        now_ns=school_at.now_ns,
        seconded_by="head",
    )
    switch_off(school_at, OFF)
    touched = {row.clause for row in load_coverage("harmonize") if "bypass-tor" in row.by}
    assert touched
    assert run("coverage", "--dir", folder, "--format", "json") == 0
    off = {row["clause"]: row for row in run.json if row["switched_off"]}
    assert off.keys() == touched
    assert all((row["extent"], row["switched_off"]) == ("not yet", ["bypass-tor"]) for row in off.values())
    assert run("coverage", "--dir", folder) == 0
    words = " ".join(run.out.split())
    assert f"({len(touched)} of them switched off by the school)" in words
    assert run("coverage", "--pack", "harmonize") == 0
    assert "switched off by the school" not in " ".join(run.out.split())


def test_pack_without_clauses_says_so(run: Run, folder: Path) -> None:
    """The baseline, and a collector that works under it: an empty array, and words on stderr."""
    assert run("coverage", "--pack", "uk-baseline", "--format", "json") == 0
    assert run.json == []
    assert run("coverage", "--dir", folder) == 0
    assert (run.out, "it has no clauses" in run.err) == ("", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "one of the arguments --pack --dir is required"),
        (("--pack", "bexto"), "there is no rule pack 'bexto'"),
        (("--pack", "../bexton"), "there is no rule pack"),
        (("--pack", "uk-baseline", "--dir", "x"), "not allowed with"),
    ],
)
def test_wrong_call_is_told(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2."""
    assert run("coverage", *arguments) == 2
    assert (run.out, words in run.err) == ("", True)


def test_packs_are_listed_with_how_far_they_go(run: Run) -> None:
    """With title, what each extends, and how many clauses are carried out how far."""
    assert run("packs", "--format", "json") == 0
    rows = {row["pack"]: row for row in run.json}
    assert list(rows) == list_packs()
    assert (rows["uk-baseline"]["extends"], rows["uk-baseline"]["clauses"]) == ("", 0)
    for pack in SCHOOLS:
        row = rows[pack]
        assert row["clauses"] == sum(row[extent.value.replace(" ", "_")] for extent in Extent) > 0
    assert run("packs") == 0
    assert "uk-baseline" in run.out
