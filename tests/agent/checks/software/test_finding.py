# SPDX-License-Identifier: Apache-2.0
"""Tests of what the rules say about one program."""

from agent.checks.software.finding import Finding, find_finding, join_names
from proto.events import Program, ProgramFound
from rules.model import ProgramPattern
from tests.agent.checks.policies import TOR, make_rules


def test_a_finding_has_the_name_that_the_rule_gives():
    """And the ids of all rules that name the program."""
    rules = make_rules(TOR, ProgramPattern(name="Any proxy", packages=("tor*",)))

    assert find_finding(rules.evaluator, ProgramFound(Program("tor", source="dpkg"))) == Finding(
        "Tor", frozenset(("tor", "any proxy"))
    )
    assert find_finding(rules.evaluator, ProgramFound(Program("vlc", source="dpkg"))) is None


def test_names_are_told_once_in_order_and_not_endlessly():
    """However many programs there are."""
    few = [Finding(name, frozenset()) for name in ("tor", "Nmap", "tor")]
    many = [Finding(f"program {number:02}", frozenset()) for number in range(30)]

    assert join_names(few) == "Nmap, tor"
    assert join_names(many).endswith("program 19 and 10 more")
    assert join_names([]) == ""
