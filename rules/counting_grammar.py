# SPDX-License-Identifier: Apache-2.0
"""How a rule says when what it fits is an incident: threshold, devices, window, grace, `[rule.cleared]` and
`[[rule.escalate]]`. What they come to is `counted`'s business.

    threshold = 3                               # so often about the same thing on one device...
    devices = 5                                 # ...or about the same thing on so many devices...
    window = "15m"                              # ...within this: one minute to 90 days
    grace = "7d"                                # only if nothing cleared it for so long: one minute to 14 days

    [rule.cleared]
    kinds = ["posture.found"]
    when.state = { equals = "pass" }

    [[rule.escalate]]                           # what comes again and again is more severe
    after = 3
    within = "30d"
    severity = 4
"""

from proto.events import KINDS, Leaves
from rules.condition_grammar import parse_conditions, parse_kinds
from rules.fields import is_about_program
from rules.model import Clearing, Escalation, Rule
from rules.table import Table

LARGEST_COUNT = 10_000
SHORTEST = "1m"
LONGEST_WINDOW = "90d"
LONGEST_GRACE = "14d"


def parse_threshold(table: Table) -> int:
    """Read how often a rule must fit.

    Raises:
        RuleFormatError: it is no number of times.
    """
    return table.integer("threshold", 1, LARGEST_COUNT)


def parse_devices(table: Table) -> int:
    """Read on how many devices a rule must fit.

    Raises:
        RuleFormatError: it is no number of several devices.
    """
    return table.integer("devices", 2, LARGEST_COUNT)


def parse_window(table: Table) -> int:
    """Read within how many seconds.

    Raises:
        RuleFormatError: it is no such time.
    """
    return table.duration_s("window", SHORTEST, LONGEST_WINDOW)


def parse_grace(table: Table) -> int:
    """Read the seconds that somebody has to put it right.

    Raises:
        RuleFormatError: it is no such time.
    """
    return table.duration_s("grace", SHORTEST, LONGEST_GRACE)


def parse_cleared(table: Table) -> Clearing:
    """Read what ends the grace.

    Raises:
        RuleFormatError: it breaks the format.
    """
    inner = table.inner_table("cleared", ("kinds", "when"))
    kinds = parse_kinds(inner)
    return Clearing(kinds=kinds, when=parse_conditions(inner, kinds))


def parse_escalations(table: Table) -> tuple[Escalation, ...]:
    """Read what becomes of what comes again and again.

    Raises:
        RuleFormatError: it breaks the format.
    """
    return tuple(
        Escalation(
            after=each.integer("after", 2, LARGEST_COUNT),
            within_s=each.duration_s("within", SHORTEST, LONGEST_WINDOW),
            severity=each.integer("severity", 2, 5),
        )
        for each in table.inner_tables("escalate", ("after", "within", "severity"))
    )


def verify_counting(rule: Rule, table: Table) -> None:
    """Check that the parts belong together.

    Raises:
        RuleFormatError: one lacks another, or could never take effect.
    """
    counts = rule.threshold > 1 or rule.least_devices > 1
    if counts and not rule.window_s:
        raise table.fault("is missing beside threshold or devices", key="window", hint='window = "15m"')
    if rule.window_s and not counts:
        raise table.fault("has nothing to count", key="window", hint="add threshold or devices, or leave it out")
    if rule.cleared is not None and not rule.grace_s:
        raise table.fault("ends a grace that the rule does not have", key="cleared", hint='add grace = "1d"')
    if rule.cleared is not None and not rule.cleared.when and set(rule.cleared.kinds) & set(rule.kinds):
        hint = "add [rule.cleared.when]"
        raise table.fault("holds for what the rule fits too, so it could never match", key="cleared", hint=hint)
    for kind in rule.cleared.kinds if rule.cleared and not rule.programs else ():
        if is_about_program(kind) and KINDS[kind].leaves is Leaves.ON_MATCH:
            # Otherwise it would send home every program that anybody starts.
            problem = f"{kind} leaves a device only for a program that is named"
            raise table.fault(problem, key="cleared.kinds", hint="add a [[rule.program]], or name another kind")
    before = Escalation(after=1, within_s=0, severity=rule.severity)
    for each in rule.escalations:
        if each.severity <= before.severity or each.after <= before.after:
            problem = f"severity {each.severity} after {each.after} does not rise above what comes before"
            raise table.fault(problem, key="escalate", hint=f"start above severity {rule.severity} and go up with both")
        before = each
