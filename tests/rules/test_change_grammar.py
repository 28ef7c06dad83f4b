# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.change_grammar. What it refuses stands in the corpus, see test_load and test_layers."""

from proto.events import Audience
from rules.load import parse_files
from rules.model import ActionClass, Clearing, Escalation, Rule, Times, Who
from tests.rules.test_load import CORPUS, make_policy

CHANGES = (CORPUS / "good" / "school-changes.toml").read_text("utf-8")
LOUD = '[[change]]\nrule = "lower-tor"\nwhy = "It is worse here."\nseverity = {}\n'


def read(**files: str) -> dict[str, Rule]:
    """Return the rules of a pack upon the pack of the corpus, by id."""
    layers = {f"school/{name}.toml": text for name, text in files.items()}
    return {rule.id: rule for rule in parse_files(make_policy("changes.toml", CHANGES) | layers).rules}


def test_every_part_of_a_change_takes_the_place_of_what_was_there():
    """What a pack says above is what holds; the rule keeps its id, its kinds and its reason."""
    rule = read()["lower-tor"]

    assert (rule.id, rule.title, rule.why) == ("lower-tor", "Tor is forbidden", "To show one fault.")
    assert (rule.action_class, rule.severity, rule.audience) == (ActionClass.ILLEGAL, 4, Audience.STAFF_CONDUCT)
    assert (rule.clauses, rule.attack, rule.advice) == (("WH-17",), ("T1090.003",), "Tell the head.")
    assert (rule.response, rule.unless_approved) == ("any", True)
    assert (rule.threshold, rule.least_devices, rule.window_s, rule.grace_s) == (2, 3, 7 * 86400, 86400)
    assert (rule.times, rule.who) == (Times(during=("lesson",)), Who(roles=("staff",)))
    assert rule.cleared == Clearing(kinds=("agent.started",))
    assert rule.escalations == (Escalation(after=2, within_s=3600, severity=5),)
    assert (rule.file, rule.changed_in) == ("beneath/rules.toml", ("changes.toml",))


def test_programs_of_a_change_come_beside_those_of_the_rule():
    """A school that knows one more program does not have to copy the others."""
    assert [each.name for each in read()["lower-tor"].programs] == ["Tor", "Tor Browser"]


def test_tests_of_a_change_come_beside_or_in_the_place_of_the_rules():
    """The rule's own tests hold for the changed rule too, unless the change says that they do not."""
    added = read(own='[[change]]\nrule = "lower-flagged"\nwhy = "Another time."\n' + LESSON)["lower-flagged"]

    assert [test.name for test in added.tests] == ["it fits", "it does not", "in a lesson", "in the evening"]
    assert [test.name for test in read()["lower-counted"].tests] == ["once", "another"]


def test_a_rule_that_is_counted_no_more_has_no_window():
    """To say once is to say all of it."""
    rule = read()["lower-counted"]

    assert (rule.threshold, rule.window_s) == (1, 0)


def test_a_rule_that_is_off_is_not_in_force():
    """It is gone from the policy, not only silent."""
    assert read().keys() == {"lower-tor", "lower-flagged", "lower-counted", "lower-agent"}


def test_two_layers_may_change_the_same_rule():
    """The school has the last word, and what the pack changed of the rest stays."""
    rule = read(own=LOUD.format(3) + 'response = "another"\n')["lower-tor"]

    assert (rule.severity, rule.response, rule.title) == (3, "another", "Tor is forbidden")
    assert rule.changed_in == ("changes.toml", "school/own.toml")


LESSON = """
[change.times]
during = ["lesson"]

[[change.test]]
name = "in a lesson"
expect = "match"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }

[[change.test]]
name = "in the evening"
expect = "silent"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }
at = "2026-11-23T20:00"
"""
