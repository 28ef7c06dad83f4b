# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.agreement: what goes together. What does not stands in the corpus, see test_load and test_layers."""

from rules.load import compose
from tests.rules.sample import PACK_FILE, RULE_FILE

CERTAIN = RULE_FILE.format(id="own").replace("unacceptable", "certain_times")
LESSONS = CERTAIN.replace("[[rule.program]]", '[rule.times]\nduring = ["lesson", "exam"]\n\n[[rule.program]]')
PERIOD = '[[timetable.period]]\nkind = "{}"\nname = "P1"\nfrom = "09:00"\nto = "10:00"\n'


def find_problems(rules: str, timetable: str = "") -> list[str]:
    """Return what does not go together in a pack and a school's timetable."""
    files = {"pack.toml": PACK_FILE, "rules.toml": rules}
    return [error.message for error in compose(files | ({"school/day.toml": timetable} if timetable else {}))[1]]


def test_certain_times_need_no_times_where_nobody_has_a_timetable():
    """A pack for every school can call something acceptable at times, and leave the times to the school."""
    assert find_problems(CERTAIN) == []
    assert find_problems(CERTAIN, "[timetable]\n" + PERIOD.format("lesson"))


def test_a_rule_for_several_periods_needs_one_of_them():
    """A school without examinations still has lessons."""
    assert find_problems(LESSONS) == []
    assert find_problems(LESSONS, "[timetable]\n" + PERIOD.format("lesson")) == []
    assert find_problems(LESSONS, "[timetable]\n" + PERIOD.format("break"))


def test_a_timetable_without_periods_excludes_none():
    """It says on which days there is school; when the lessons are is not known."""
    assert find_problems(LESSONS, "[timetable]\n") == []


def test_a_group_of_devices_need_not_be_there():
    """Groups are made at the collector while the policy is in force."""
    rule = CERTAIN.replace("[[rule.program]]", '[rule.who]\ndevices = ["laptops"]\n\n[[rule.program]]')

    assert find_problems(rule) == []


def test_what_cannot_be_read_is_told_once():
    """A rule that is broken is one problem, and not another one for everything that names it."""
    pause = (
        '[[pause]]\nid = "a"\nwhat = "rule:own"\nfirst = "2026-11-23T09:00"\nlast = "2026-11-23T10:00"\nreason = "A"\n'
    )

    (problem,) = find_problems(pause + RULE_FILE.format(id="own").replace("severity = 3", "severity = 9"))

    assert "key severity" in problem
