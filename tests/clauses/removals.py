# SPDX-License-Identifier: Apache-2.0
"""What a proof can take away of a pack beside its rules and settings; see `proof` for those."""

from dataclasses import replace

import pytest

from tests.clauses.world import World


def without_escalations(world: World, patch: pytest.MonkeyPatch) -> None:
    """Let every rule be as it is, but for what makes of an incident that comes again and again."""
    rules = tuple(replace(rule, escalations=()) for rule in world.policy.rules)
    assert rules != world.policy.rules, f"no rule of {world.pack} escalates"
    world.policy = replace(world.policy, rules=rules)


def without_timetable(world: World, patch: pytest.MonkeyPatch) -> None:
    """Let nobody know when lessons are."""
    assert world.policy.arrangements.timetable is not None, f"{world.pack} has no timetable"
    world.policy = replace(world.policy, arrangements=replace(world.policy.arrangements, timetable=None))
