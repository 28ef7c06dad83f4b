# SPDX-License-Identifier: Apache-2.0
"""Finds a rule that could never match, which would look like a quiet school.

It follows only what is certain from the rule itself; the tests inside a rule prove the rest (`check`). The words that
a field can be are those that `proto.events` names and devices send.
"""

from proto.events import State
from rules.fields import COMPARED_WITH, SOURCES, is_about_program
from rules.model import Condition, Operator, ProgramPattern, Rule
from rules.table import Table, shown, to_hint

_INSTALLED = SOURCES - {"process"}
_SOURCES_OF_KIND = {
    "program.started": frozenset({"process", "file"}),
    "program.found": _INSTALLED,
    "program.installed": _INSTALLED,
    "program.removed": _INSTALLED,
}
_KNOWN_VALUES = {
    "program.source": SOURCES,
    "state": frozenset(each.value for each in State),
    "item": frozenset(
        {"disk_encryption", "antivirus", "firewall", "updates", "os_support", "administrators"}
        | {"password_age", "switched_on", "guest_account"}
    ),
    "level": frozenset({"normal", "slow", "paused"}),
    "account_kind": frozenset({"personal", "shared", "guest", "administrator"}),
    "session_type": frozenset({"x11", "wayland", "tty", "remote"}),
    "device.form": frozenset({"disk", "card_reader", "optical", "phone", "other"}),
    "device.protection": frozenset(
        "encrypted hardware_encrypted possibly_encrypted plain partly blank no_medium not_applicable unknown".split()
    ),
    "place": frozenset({"downloads", "desktop", "programs", "temporary", "home"}),
    "format": frozenset(
        {"elf", "pe", "appimage", "msi", "deb", "rpm", "jar", "apk", "script", "document", "shortcut", "iso", "zip"}
        | {"tar", "7z", "rar", "gzip", "xz", "bzip2", "zstd", "unknown"}
    ),
    "contains": frozenset({"executable", "script", "encrypted", "unknown", ""}),
}
"""Each of these fields means the same in every kind that has it."""


def verify_reachable(rule: Rule, table: Table) -> None:
    """Check that some event could match the rule, and each of its programs.

    Raises:
        RuleFormatError: none could.
    """
    for condition in rule.when:
        _verify_known(condition, table)
    possible = _possible_sources(rule)
    if not possible and any(is_about_program(kind) for kind in rule.kinds):
        raise table.fault("could never match: its kinds never have that source", key="when.program.source")
    for pattern in rule.programs:
        if not possible & _sources_of(pattern):
            raise table.fault(
                f"{pattern.name!r} could never match: the rule is about {_listed(possible)}, "
                f"it is recognised by {_listed(_sources_of(pattern))}",
                key="program",
                hint="executables and paths are for files and processes, packages for dpkg and rpm",
            )


def _verify_known(condition: Condition, table: Table) -> None:
    known = _KNOWN_VALUES.get(condition.field)
    if known is None or condition.operator is Operator.GLOB:
        return
    for value in condition.values:
        if value not in known:
            raise table.fault(
                f"is never {shown(value)}", key=f"when.{condition.field}", hint=to_hint(str(value), sorted(known))
            )


def _possible_sources(rule: Rule) -> frozenset[str]:
    possible: frozenset[str] = frozenset().union(*(_SOURCES_OF_KIND.get(kind, SOURCES) for kind in rule.kinds))
    for condition in rule.when:
        if condition.field == "program.source" and condition.operator is not Operator.GLOB:
            possible &= frozenset(str(value) for value in condition.values)
    return possible


def _sources_of(pattern: ProgramPattern) -> frozenset[str]:
    return frozenset().union(*(sources for key, sources in COMPARED_WITH.items() if getattr(pattern, key)))


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
