# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.agreement: what goes together. What does not stands in the corpus, see test_load and test_layers."""

import pytest

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


def find_pause_problems(*pauses: tuple[str, str, str]) -> list[str]:
    """Return what does not go together in pauses of something, each from a day of December to another."""
    text = "".join(
        f'[[pause]]\nid = "p{number}"\nwhat = "{what}"\nreason = "A"\n'
        f'first = "2026-12-{first}"\nlast = "2026-12-{last}"\n'
        for number, (what, first, last) in enumerate(pauses)
    )
    return find_problems(RULE_FILE.format(id="own"), text)


def test_pauses_that_follow_one_another_are_one():
    """Nothing is off for more than seven days in a row, in however many pieces and whatever their order."""
    first, second = ("keywords", "01T09:00", "05T09:00"), ("keywords", "05T09:00", "08T09:00")
    longer, overlapping = ("keywords", "05T09:00", "08T09:01"), ("keywords", "04T09:00", "09T09:00")

    assert find_pause_problems(first, second) == []
    assert find_pause_problems(first, ("keywords", "05T09:01", "12T09:00")) == []
    assert find_pause_problems(first, ("check:software", "05T09:00", "12T09:00")) == []
    for each in (longer, overlapping):
        for pauses in ((first, each), (each, first)):
            (problem,) = find_pause_problems(*pauses)
            assert "keywords is paused for more than 7 days in a row" in problem


def test_an_exception_counts_at_a_time_that_there_is():
    """During examinations it would never hold at a school without them; nobody can say so without a timetable."""
    exception = (
        '[[exception]]\nid = "a"\nrules = ["own"]\nfirst = "2026-11-23T09:00"\nlast = "2026-11-23T10:00"\n'
        'reason = "A"\nduring = ["exam"]\n'
    )
    rules = exception + RULE_FILE.format(id="own")

    assert find_problems(rules) == []
    assert find_problems(rules, "[timetable]\n" + PERIOD.format("exam")) == []
    (problem,) = find_problems(rules, "[timetable]\n" + PERIOD.format("lesson"))
    assert problem == "rules.toml, key exception[1].during: a: the timetable has no exam"


@pytest.mark.parametrize("line", ['roles = ["pupil"]', 'except_years = ["7"]', 'accounts = ["guest"]'])
def test_a_rule_about_people_needs_a_policy_that_asks_who_is_there(line):
    """Without the question nobody ever knows, and what is not known excuses nothing: it would count for everybody."""
    rule = RULE_FILE.format(id="own").replace("[[rule.program]]", f"[rule.who]\n{line}\n\n[[rule.program]]")

    (problem,) = find_problems(rule)
    assert "nobody ever knows who is there" in problem
    assert find_problems(rule, '[accounts]\nask = true\nreason = "A"\n') == []


def test_what_cannot_be_read_is_told_once():
    """A rule that is broken is one problem, and not another one for everything that names it."""
    pause = (
        '[[pause]]\nid = "a"\nwhat = "rule:own"\nfirst = "2026-11-23T09:00"\nlast = "2026-11-23T10:00"\nreason = "A"\n'
    )

    (problem,) = find_problems(pause + RULE_FILE.format(id="own").replace("severity = 3", "severity = 9"))

    assert "key severity" in problem
