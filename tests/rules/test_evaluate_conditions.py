# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.evaluate: the conditions of a rule."""

import pytest

from proto.events import CheckChanged, EventsDropped, Program, ProgramStarted
from rules.evaluate import Evaluator
from rules.model import Condition, Operator, ProgramPattern
from tests.rules.sample import make_policy, make_rule


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("reason", Operator.EQUALS, ("QUEUE_full",)), True),
        (Condition("reason", Operator.EQUALS, ("queue",)), False),
        (Condition("reason", Operator.ONE_OF, ("flood", "queue_full")), True),
        (Condition("reason", Operator.ONE_OF, ("flood", "repeated")), False),
        (Condition("reason", Operator.GLOB, ("Queue*",)), True),
        (Condition("reason", Operator.GLOB, ("*queue",)), False),
        (Condition("count", Operator.AT_LEAST, (12,)), True),
        (Condition("count", Operator.AT_LEAST, (13,)), False),
        (Condition("count", Operator.EQUALS, (12,)), True),
        (Condition("count", Operator.EQUALS, (11,)), False),
    ],
)
def test_a_condition_compares_a_field(condition, expected):
    """Text is compared without case; numbers as numbers."""
    rule = make_rule(kinds=["events.dropped"], when=[condition])
    event = EventsDropped("program.started", "queue_full", 12)

    assert bool(Evaluator(make_policy(rule)).match("events.dropped", event)) is expected


def test_all_conditions_must_hold():
    """Conditions narrow a rule down."""
    when = [Condition("state", Operator.EQUALS, ("fail",)), Condition("facts.minutes", Operator.EQUALS, ("30",))]
    evaluator = Evaluator(make_policy(make_rule(kinds=["check.changed"], when=when)))

    found = [
        bool(evaluator.match("check.changed", CheckChanged(check="x", state=state, summary="", facts=facts)))
        for state, facts in (("fail", {"minutes": "30"}), ("fail", {}), ("pass", {"minutes": "30"}))
    ]

    assert found == [True, False, False]


def test_conditions_narrow_down_programs():
    """A program that fits is still asked for the conditions of its rule."""
    rule = make_rule(
        ProgramPattern(name="Tor", executables=("tor",)), when=[Condition("program.source", Operator.EQUALS, ("file",))]
    )

    evaluator = Evaluator(make_policy(rule))

    assert evaluator.match("program.started", ProgramStarted(Program("tor", source="file")))
    assert evaluator.match("program.started", ProgramStarted(Program("tor", source="process"))) == ()
