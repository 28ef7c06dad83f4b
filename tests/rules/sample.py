# SPDX-License-Identifier: Apache-2.0
"""Small rules and policies for the tests of this folder."""

from collections.abc import Sequence

from rules.model import ActionClass, Condition, Policy, ProgramPattern, Rule

PACK_FILE = '[pack]\nid = "sample"\ntitle = "Sample"\n'

RULE_FILE = """
[[rule]]
id = "{id}"
title = "A sample"
why = "To test with."
class = "unacceptable"
severity = 3
kinds = ["program.started"]
clauses = ["BX-07"]
advice = "Look at it."

[[rule.program]]
name = "Tor"
executables = ["tor"]

[[rule.test]]
name = "it is started"
expect = "match"
event = {{ kind = "program.started", "program.name" = "tor", "program.source" = "process" }}

[[rule.test]]
name = "another is started"
expect = "silent"
event = {{ kind = "program.started", "program.name" = "gedit", "program.source" = "process" }}
"""


def make_files(*ids: str) -> dict[str, str]:
    """Return a pack with one sound rule for each id, each in a file of its own."""
    return {"pack.toml": PACK_FILE} | {f"{id_}.toml": RULE_FILE.format(id=id_) for id_ in ids}


def make_rule(
    *programs: ProgramPattern,
    id_: str = "sample",
    kinds: Sequence[str] = ("program.started",),
    when: Sequence[Condition] = (),
    unless_approved: bool = False,
) -> Rule:
    """Return a rule of which only matters what is given."""
    return Rule(
        id=id_,
        title="A sample",
        why="To test with.",
        action_class=ActionClass.UNACCEPTABLE,
        severity=3,
        kinds=tuple(kinds),
        programs=programs,
        when=tuple(when),
        unless_approved=unless_approved,
    )


def make_policy(*rules: Rule, approved: Sequence[str] = ()) -> Policy:
    """Return a policy of these rules."""
    return Policy(pack="sample", title="Sample", rules=rules, approved=frozenset(approved))
