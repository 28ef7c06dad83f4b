# SPDX-License-Identifier: Apache-2.0
"""The rules of all layers, and how one `[[change]]` of a pack or of the school changes a rule further down.

    [[change]]
    rule = "bypass-tor"
    why = "The policy calls it strictly forbidden, and gross misconduct."
    severity = 5                                # whatever stands in `grammar.PARTS` takes the place of what was there

    [[change.program]]                          # comes beside the rule's programs
    name = "Another"
    executables = ["another-one"]

    [[change.test]]                             # comes beside the rule's tests, or in their place with
    ...                                         # replaces_tests = true

`off = true` beside `rule` and `why` takes the rule out of force. What changes which events fit needs a test of each
expectation of its own. What a rule is about, its kinds and its conditions, cannot be changed: that is another rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rules.errors import RuleFormatError
from rules.grammar import PARTS, name_of, parse_parts, parse_programs, parse_rule, parse_tests, verify_rule
from rules.layers import Layer
from rules.model import Rule
from rules.rule_tests import verify_both
from rules.table import Table, to_hint

MAX_RULES = 1000

_CHANGE_KEYS = ("rule", "why", "off", "replaces_tests", *PARTS, "program", "test")
_FITTING = frozenset({"times", "who", "program", "unless_approved", "threshold", "devices", "grace"})
"""Keys that change which events make an incident."""


def read_rules(layers: Sequence[Layer], *, is_whole: bool = True) -> tuple[list[Rule], list[RuleFormatError]]:
    """Return the rules that are in force, and what is not right: one error a rule and a change at most.

    Where a file or a pack is missing or cannot be read, `is_whole` is false: what a change is about may be in it.
    """
    stack = _Stack(is_whole)
    for layer in layers:
        stack.put(layer)
    return list(stack.rules.values()), stack.problems


def apply_change(rule: Rule, values: Mapping[str, Any], file: str) -> Rule | None:
    """Return a rule as a `[[change]]` makes it, or None when it is off.

    Raises:
        RuleFormatError: the change breaks the format, or the rule does not hold together with it.
    """
    table = Table(values, keys=_CHANGE_KEYS, file=file, rule=rule.id)
    table.text("why")
    if table.flag("off", default=False):
        others = values.keys() - {"rule", "why", "off"}
        if others:
            raise table.fault("changes nothing in a rule that is off", key=min(others), hint="leave it or off out")
        return None
    if not values.keys() - {"rule", "why", "off", "replaces_tests"}:
        raise table.fault("changes nothing", hint="say what is different here, such as severity, or off = true")
    parts, tests = parse_parts(table), parse_tests(table)
    if _FITTING & values.keys():
        verify_both(tests, table, "a change of what fits needs one of match and one of silent of its own")
    if parts.get("threshold", rule.threshold) == 1 and parts.get("least_devices", rule.least_devices) == 1:
        # Nothing is counted any more, so there is no window to count in but one that the change names by mistake.
        parts.setdefault("window_s", 0)
    changed = replace(
        rule,
        **parts,
        programs=(*rule.programs, *parse_programs(table)),
        tests=tests if table.flag("replaces_tests", default=False) else (*rule.tests, *tests),
        changed_in=(*rule.changed_in, file),
    )
    verify_rule(changed, table)
    return changed


class _Stack:
    """The rules of the layers so far, from the ground up."""

    def __init__(self, is_whole: bool) -> None:
        self.rules: dict[str, Rule] = {}
        self.problems: list[RuleFormatError] = []
        self._is_whole = is_whole
        self._broken: set[str] = set()
        """Ids of rules that cannot be read, which was told."""
        self._off: dict[str, str] = {}
        """Ids of rules that are not in force, and the file that says so."""

    def put(self, layer: Layer) -> None:
        """Take one more layer: its rules, and its changes of those beneath."""
        if layer.head is not None and layer.head.clauses:
            self.rules = {id_: _keep_clauses(rule, layer.head.clauses) for id_, rule in self.rules.items()}
        lower = dict(self.rules)
        for file, _, values in layer.list_tables("rule"):
            if len(self.rules) + len(self._off) == MAX_RULES:
                self.problems.append(RuleFormatError(f"more than {MAX_RULES} rules in all", file=file))
                return
            try:
                rule = parse_rule(values, file)
                self._verify_new(rule)
            except RuleFormatError as error:
                self.problems.append(error)
                self._broken.add(name_of(values, "id"))
            else:
                self.rules[rule.id] = rule
        first: dict[str, str] = {}
        for file, _, values in layer.list_tables("change"):
            id_ = name_of(values, "rule")
            if id_ not in self.rules and id_ not in self._off and (id_ in self._broken or not self._is_whole):
                continue
            try:
                rule = self._find_changed(values, file, lower, first)
                changed = apply_change(rule, values, file)
            except RuleFormatError as error:
                self.problems.append(error)
                continue
            if changed is None:
                del self.rules[rule.id]
                self._off[rule.id] = file
            else:
                self.rules[rule.id] = changed

    def _verify_new(self, rule: Rule) -> None:
        problem = ""
        if rule.id in self.rules:
            problem = f"is there twice, first in {self.rules[rule.id].file}"
        elif rule.id in self._off:
            problem = f"is the id of a rule that {self._off[rule.id]} takes out of force"
        if problem:
            raise RuleFormatError(problem, file=rule.file, rule=rule.id, key="id", hint="give it another id")

    def _find_changed(
        self, values: Mapping[str, Any], file: str, lower: Mapping[str, Rule], first: dict[str, str]
    ) -> Rule:
        """Return the rule that a change is about, and remember that this layer changes it."""
        id_ = Table({"rule": values["rule"]} if "rule" in values else {}, keys=("rule",), file=file).text("rule")
        if id_ in first:
            problem, hint = f"is changed twice, first in {first[id_]}", "a layer changes a rule once: put both together"
        elif id_ in self._off:
            problem, hint = f"{self._off[id_]} takes it out of force", "write a rule with an id of your own"
        elif id_ in self.rules and id_ not in lower:
            problem, hint = f"is a rule of this same layer, in {self.rules[id_].file}", "change it where it stands"
        elif id_ not in lower:
            problem = "there is no such rule in a pack beneath"
            hint = to_hint(id_, lower) if lower else "check it with the pack that it changes: rules check --pack NAME"
        else:
            first[id_] = file
            return lower[id_]
        raise RuleFormatError(problem, file=file, rule=name_of(values, "rule"), key="rule", hint=hint)


def _keep_clauses(rule: Rule, letters: str) -> Rule:
    return replace(rule, clauses=tuple(each for each in rule.clauses if each.startswith(letters)))
