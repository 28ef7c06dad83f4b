# SPDX-License-Identifier: Apache-2.0
"""Small policies for tests of what rules ask for beside one fit: they are made of values, not of files."""

from dataclasses import replace
from typing import Any

from rules.evaluate import Evaluator
from rules.model import ActionClass, Policy, ProgramPattern, Rule
from rules.settings import Accounts, Settings

ASKING = Settings(accounts=Accounts(ask=True, reason="BX-19"))
"""Devices are asked who has a session."""
TOR = Rule(
    id="tor",
    title="Tor",
    why="It hides where a pupil goes.",
    action_class=ActionClass.UNACCEPTABLE,
    severity=2,
    kinds=("program.started",),
    programs=(ProgramPattern(name="Tor", executables=("tor",)),),
    clauses=("BX-07",),
)


def rule_of(**fields: Any) -> Rule:
    """Return the rule about Tor with other fields."""
    return replace(TOR, **fields)


def evaluator_of(*rules: Rule, **fields: Any) -> Evaluator:
    """Return a policy of these rules, compiled; any field of the policy can be given."""
    small: dict[str, Any] = {"pack": "small", "title": "Small", "rules": rules, "settings": ASKING}
    return Evaluator(Policy(**small | fields))
