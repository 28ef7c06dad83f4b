# SPDX-License-Identifier: Apache-2.0
"""How one `[[rule]]` of a rule file becomes a `Rule`, or an error that says what would be right.

A rule watches kinds of events. It matches one that is about a program it names, if it names any, and for which
every condition under `when` holds. Its own tests travel with it:

    [[rule]]
    id = "bypass-tor"
    title = "Tor or another anonymous network"
    why = "Anonymous networks hide from the school's filter what is opened."
    class = "unacceptable"                      # acceptable, certain_times, nominated_users, unacceptable, illegal
    severity = 4                                # 1 (information) to 5 (act now)
    kinds = ["program.started", "program.found"]
    clauses = ["BX-07", "HZ-01"]
    advice = "Tell the person who leads on online safety, then remove the program."

    [rule.when]                                 # see `condition_grammar`
    "program.source" = { one_of = ["process", "file"] }

    [[rule.program]]                            # see `program_grammar`
    name = "Tor"
    executables = ["tor", "tor-*"]

    [[rule.test]]                               # see `rule_tests`
    name = "Tor is started"
    expect = "match"
    event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }

Optional are `audience` ("security"), `attack` (MITRE ATT&CK ids), `unless_approved` (false), `response` (the id of a
`[[response]]`), `times` and `who` (`circumstances_grammar`), `threshold`, `devices`, `window`, `grace`, `cleared` and
`escalate` (`counting_grammar`).

`table` holds what is true of any TOML, `reach` finds rules that could never match, `change_grammar` reads what a higher
layer changes of a rule, `load` goes through the files.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from proto.events import KINDS, Audience, Leaves
from rules.circumstances_grammar import parse_times, parse_who
from rules.condition_grammar import parse_conditions, parse_kinds
from rules.counting_grammar import (
    parse_cleared,
    parse_devices,
    parse_escalations,
    parse_grace,
    parse_threshold,
    parse_window,
    verify_counting,
)
from rules.fields import is_about_program
from rules.model import ActionClass, ProgramPattern, Rule, RuleTest
from rules.program_grammar import PROGRAM_KEYS, parse_program
from rules.reach import verify_reachable
from rules.rule_tests import TEST_KEYS, parse_test, verify_tests
from rules.table import CLAUSE, Table

_CLASSES = {each.value: each for each in ActionClass}
_AUDIENCES = {each.name.lower(): each for each in Audience if each is not Audience.UNSPECIFIED}
_ATTACK = re.compile(r"T\d{4}(\.\d{3})?", re.ASCII)

Reader = Callable[[Table], Any]

PARTS: Mapping[str, tuple[str, Reader]] = {
    "title": ("title", lambda table: table.text("title")),
    "class": ("action_class", lambda table: table.choice("class", _CLASSES)),
    "severity": ("severity", lambda table: table.integer("severity", 1, 5)),
    "clauses": ("clauses", lambda table: parse_clauses(table)),
    "advice": ("advice", lambda table: table.text("advice")),
    "audience": ("audience", lambda table: table.choice("audience", _AUDIENCES)),
    "attack": ("attack", lambda table: table.codes("attack", _ATTACK, "a technique looks like T1090 or T1090.003")),
    "unless_approved": ("unless_approved", lambda table: table.flag("unless_approved", default=False)),
    "response": ("response", lambda table: table.id("response")),
    "times": ("times", parse_times),
    "who": ("who", parse_who),
    "threshold": ("threshold", parse_threshold),
    "devices": ("least_devices", parse_devices),
    "window": ("window_s", parse_window),
    "grace": ("grace_s", parse_grace),
    "cleared": ("cleared", parse_cleared),
    "escalate": ("escalations", parse_escalations),
}
"""For each key that a rule has and a higher layer may change: the name in `Rule`, and what reads it."""
_REQUIRED = ("title", "class", "severity", "clauses", "advice")
_RULE_KEYS = ("id", "why", "kinds", *PARTS, "when", "program", "test")


def parse_rule(values: Mapping[str, Any], file: str) -> Rule:
    """Read one rule.

    Raises:
        RuleFormatError: it breaks the format, or it could never match.
    """
    table = Table(values, keys=_RULE_KEYS, file=file, rule=name_of(values, "id"))
    kinds = parse_kinds(table)
    rule = Rule(
        id=table.id(),
        why=table.text("why"),
        kinds=kinds,
        **parse_parts(table, required=_REQUIRED),
        programs=parse_programs(table),
        when=parse_conditions(table, kinds),
        tests=parse_tests(table),
        file=file,
    )
    verify_rule(rule, table)
    return rule


def parse_parts(table: Table, *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read what a table has of the keys that may be changed, by the names in `Rule`.

    Raises:
        RuleFormatError: one of them breaks the format, or a required one is missing.
    """
    return {name: read(table) for key, (name, read) in PARTS.items() if key in table or key in required}


def parse_programs(table: Table) -> tuple[ProgramPattern, ...]:
    """Read every `program` of a rule or a change.

    Raises:
        RuleFormatError: one of them breaks the format.
    """
    return tuple(parse_program(each) for each in table.inner_tables("program", PROGRAM_KEYS))


def parse_tests(table: Table) -> tuple[RuleTest, ...]:
    """Read every `test` of a rule or a change.

    Raises:
        RuleFormatError: one of them breaks the format.
    """
    return tuple(parse_test(each) for each in table.inner_tables("test", TEST_KEYS))


def parse_clauses(table: Table) -> tuple[str, ...]:
    """Read the ids of clauses, which must be there, though there may be none.

    Raises:
        RuleFormatError: they are missing, or one is no such id.
    """
    return table.codes("clauses", CLAUSE, "a clause looks like BX-07", default=None)


def verify_rule(rule: Rule, table: Table) -> None:
    """Check that the parts of a rule belong together.

    Raises:
        RuleFormatError: they do not, or no event could match.
    """
    _verify_programs(rule, table)
    verify_tests(rule, table)
    verify_counting(rule, table)
    verify_reachable(rule, table)


def name_of(values: Mapping[str, Any], key: str) -> str:
    """Return what names a rule in messages, whatever stands there."""
    id_ = values.get(key)
    return id_[:64] if isinstance(id_, str) and id_.isprintable() else "without an id"


def _verify_programs(rule: Rule, table: Table) -> None:
    names = [pattern.name for pattern in rule.programs]
    for name in names:
        if names.count(name) > 1:
            raise table.fault(f"{name!r} is there twice", key="program")
    for kind in rule.kinds:
        if not is_about_program(kind) and (rule.programs or rule.unless_approved):
            key = "program" if rule.programs else "unless_approved"
            raise table.fault(f"{kind} is about no program", key=key, hint="make it a rule of its own")
        if is_about_program(kind) and KINDS[kind].leaves is Leaves.ON_MATCH and not rule.programs:
            # Otherwise one rule would send home every program that anybody starts.
            problem = f"{kind} leaves a device only for a program that is named"
            raise table.fault(problem, key="program", hint="add a [[rule.program]]")
