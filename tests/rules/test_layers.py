# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.layers, with a corpus of whole policies that have one fault each between their files."""

from pathlib import Path

import pytest

from rules.layers import order_layers
from rules.load import compose, parse_files
from rules.settings import Lock
from tests.rules.sample import RULE_FILE

POLICIES = Path(__file__).parent / "corpus" / "policies"
NAMES = sorted(each.name for each in POLICIES.iterdir())


def head(id_: str, extends: str = "", clauses: str = "") -> str:
    """Return a `pack.toml`."""
    lines = [f'id = "{id_}"', f'title = "The {id_}"']
    lines += [f'{key} = "{value}"' for key, value in (("extends", extends), ("clauses", clauses)) if value]
    return "\n".join(["[pack]", *lines, ""])


THREE = {
    "pack.toml": head("upper", "middle", "WE"),
    "own.toml": RULE_FILE.format(id="upper-rule"),
    "middle/pack.toml": head("middle", "lowest"),
    "middle/rules.toml": RULE_FILE.format(id="middle-rule").replace('["BX-07"]', '["BX-07", "WE-02"]'),
    "lowest/pack.toml": head("lowest"),
    "lowest/rules.toml": RULE_FILE.format(id="lowest-rule"),
    "school/own.toml": RULE_FILE.format(id="school-rule"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_with_a_fault_between_its_files_is_refused_with_a_reason(name):
    """`error.txt` beside the files is the error and what would be right; there is no other."""
    folder = POLICIES / name
    files = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.toml")}

    _, problems = compose(files)

    assert [f"{error.message} ({error.hint})\n" for error in problems] == [(folder / "error.txt").read_text("utf-8")]


def test_layers_lie_from_the_eldest_pack_up_to_the_school():
    """A chain of packs is as long as it likes, and the school is above all of them."""
    policy = parse_files(THREE)

    assert [rule.id for rule in policy.rules] == ["lowest-rule", "middle-rule", "upper-rule", "school-rule"]
    assert (policy.pack, policy.title, policy.parents, policy.clauses) == (
        "upper",
        "The upper",
        ("middle", "lowest"),
        "WE",
    )


def test_a_pack_keeps_its_own_clauses_in_what_lies_beneath_and_no_other():
    """A governor reads the ids of one policy. The pack's own rules and the school's cite what they like."""
    clauses = {rule.id: rule.clauses for rule in parse_files(THREE).rules}

    assert clauses["lowest-rule"] == ()
    assert clauses["middle-rule"] == ("WE-02",)
    assert clauses["upper-rule"] == clauses["school-rule"] == ("BX-07",)


def test_the_uppermost_table_counts():
    """A table of the school is above the pack's, a pack's above that of the pack beneath, whole."""
    lock = "[lock]\nlimit_s = {}\n"
    ask = '[inventory]\nask = true\nreason = "WE-02"\n'
    files = THREE | {"lowest/pack.toml": head("lowest") + ask + lock.format(300), "lock.toml": lock.format(600)}

    assert parse_files(files).settings.lock == Lock(limit_s=600)
    assert parse_files(files | {"school/lock.toml": lock.format(900)}).settings.lock == Lock(limit_s=900)
    assert parse_files(files).inventory.reason == "WE-02"
    assert parse_files(files | {"pack.toml": files["pack.toml"] + "[inventory]\nask = false\n"}).inventory.ask is False


def test_a_fault_in_a_table_that_another_covers_is_told_all_the_same():
    """Whoever takes the upper one away must not find a broken one beneath."""
    files = THREE | {"lock.toml": "[lock]\nlimit_s = 5\n", "school/lock.toml": "[lock]\nlimit_s = 900\n"}

    _, (error,) = compose(files)

    assert error.file == "lock.toml"


def test_one_fault_is_not_told_again_by_those_who_need_what_it_breaks():
    """A change is not wrong because the rule beneath, its file or its pack cannot be read."""
    files = THREE | {"own.toml": '[[change]]\nrule = "lowest-rule"\nwhy = "Ours."\nseverity = 5\n'}
    broken_rule = RULE_FILE.format(id="lowest-rule").replace("severity = 3", "severity = 9")

    for fault in (
        {"lowest/rules.toml": broken_rule},
        {"lowest/rules.toml": "= ="},
        {"lowest/pack.toml": "= ="},
        {"middle/pack.toml": head("middle", "lower")},
    ):
        _, problems = compose(files | fault)
        assert {error.file for error in problems} <= {*fault, "lowest/pack.toml"}
        assert problems


def test_what_is_no_list_of_tables_is_left_out_of_the_list():
    """Its fault is told where the table is read; whoever looks for a place meets no surprise."""
    (layer,), _ = order_layers(
        {"pack.toml": {"pack": {"id": "a", "title": "A"}}, "own.toml": {"rule": 3, "change": [1]}}
    )

    assert list(layer.list_tables("rule")) == list(layer.list_tables("change")) == []
