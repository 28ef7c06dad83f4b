# SPDX-License-Identifier: Apache-2.0
"""Tests of what a school chooses of its policy: what may stand in a rule file of its own, and what has its own way."""

import pytest
from sqlalchemy import insert

from collector.changes import ChangeState, FileAdded, FileRemoved, PackChosen, WentBack, agree
from collector.errors import UsageError
from collector.policies import list_publications
from collector.store.engine import writing
from collector.store.schema import rule_files
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import ask, in_force, school_of, use_small_packs

EXCEPTION = """
[[exception]]
id = "mine"
rules = ["own-zork"]
first = "2026-11-22T00:00"
last = "2027-10-22T00:00"
reason = "mine alone"
"""
PAUSE = """
[[pause]]
id = "mine"
what = "keywords"
first = "2026-11-22T00:00"
last = "2026-11-29T00:00"
reason = "one of many"
"""
ZORK_OFF = '[[change]]\nrule = "own-zork"\nwhy = "We play it."\noff = true\n'
ZORK_MILDER = '[[change]]\nrule = "own-zork"\nwhy = "We play it."\nseverity = 1\n'


@pytest.fixture(autouse=True)
def small_packs(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs of a rule or two."""
    use_small_packs(school, monkeypatch)


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        (EXCEPTION, "exceptions ask"),
        ('exception = [{ id = "mine" }]', "exceptions ask"),
        (PAUSE, "policy pause"),
        ('[[device_group]]\nname = "laptops"\ndevices = ["0123456789abcdef"]\n', "devices group add"),
        ('[[medium]]\nvendor_id = "0951"\n', "media approve"),
        ('[bank_holidays]\ndates = ["2026-12-25"]\n', 'bank_holidays = "england"'),
    ],
)
def test_what_has_a_register_is_no_matter_of_a_rule_file(school: School, table: str, hint: str) -> None:
    """Nobody excepts or pauses anything past the person who decides it, and it is told which way there is."""
    text = table + OWN_RULE if table.startswith("exception =") else OWN_RULE + table
    with pytest.raises(UsageError, match=r"own.toml holds \w+, of which the school keeps a register") as caught:
        ask(school, FileAdded("own.toml", text))
    assert hint in (caught.value.hint or "")
    assert len(list_publications(school.engine, school.id)) == 1


def test_way_back_does_not_bring_such_a_file(school: School) -> None:
    """Not even where a version once held it."""
    with writing(school.engine) as connection:
        row = {"school_id": school.id, "name": "own.toml", "text": OWN_RULE + EXCEPTION, "added_by": "eve"}
        connection.execute(insert(rule_files).values(row | {"added_at_ns": school.now_ns}))
    assert school.publish() == 2
    assert ask(school, FileRemoved("own.toml")).version == 3
    with pytest.raises(UsageError, match=r"own\.toml holds exception"):
        ask(school, WentBack(2))
    assert len(list_publications(school.engine, school.id)) == 3


@pytest.mark.parametrize("text", ["[[rule", "x = " + "9" * 5000, "x = " + "[" * 3000])
def test_file_that_cannot_be_read_is_told_as_such(school: School, text: str) -> None:
    """Looking for tables of a register breaks at none."""
    with pytest.raises(UsageError, match=r"own\.toml"):
        ask(school, FileAdded("own.toml", text))


def test_rule_of_a_pack_is_not_switched_off_by_one_person(school: School) -> None:
    """Whatever it is about: off for good waits as a pause of it does; to make it milder does not."""
    choose_blind(school)
    change = ask(school, FileAdded("off.toml", ZORK_OFF))
    assert (change.state, change.weakens) == (ChangeState.PROPOSED, ("rule own-zork: it is not in force any more",))
    change = ask(school, PackChosen("other"))
    assert (change.state, change.weakens) == (ChangeState.PROPOSED, ("rule own-zork: it is not in force any more",))
    assert ask(school, FileAdded("milder.toml", ZORK_MILDER)).version == 3
    assert [rule.severity for rule in in_force(school).rules] == [1]


def test_rule_of_the_schools_own_is_its_own_business(school: School) -> None:
    """Who wrote it takes it away again."""
    assert ask(school, FileAdded("own.toml", OWN_RULE)).version == 2
    assert ask(school, FileRemoved("own.toml")).version == 3


def choose_blind(school: School) -> None:
    """Let the school work under a pack that watches nobody and has one rule, about a game."""
    change = ask(school, PackChosen("blind"))
    agree(school_of(school), change.id, actor="harriet", now_ns=school.now_ns)
