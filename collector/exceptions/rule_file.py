# SPDX-License-Identifier: Apache-2.0
"""Writes the exceptions that are granted and not over as rule files of the next bundle.

Devices get ids of rules, times and references of accounts; never a name, nor the reason that somebody gave. A USB
device travels in the register of approved ones.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo

from sqlalchemy import Connection, select

from collector.approved_media import to_toml_string
from collector.exceptions.request import ExceptionRequest, to_local, to_request
from collector.exceptions.scope import list_rules
from collector.store.schema import exceptions
from rules.errors import RulesError
from rules.load import parse_files

RULE_FILE = "exceptions"
"""How the rule files begin; a school's own file may not have such a name."""
FILE_BYTES = 200_000
"""A rule file may be somewhat larger."""
REASON = "Asked for and decided at the school: its register of exceptions says why."
"""Why stays at the school: it may name people."""


def write_rule_files(
    connection: Connection, school_id: str, files: Mapping[str, str], *, now_ns: int, zone: tzinfo
) -> dict[str, str]:
    """Return rule files by name, with an `[[exception]]` for each that is in force or to come; none without any.

    `files` are the rest of the policy: an exception from a rule that it has no more, or that nothing is excepted from
    any more, is left out, so that an exception keeps nobody from changing rules. Times are written in the zone of its
    timetable.
    """
    columns = exceptions.c
    query = (
        select(exceptions)
        .where(columns.school_id == school_id, columns.state == "granted", columns.last_ns > now_ns)
        .order_by(columns.decided_at_ns, columns.exception_id)
    )
    requests = [each for each in map(to_request, connection.execute(query)) if each.scope.stick is None]
    known = _find_rules(files) if requests else frozenset()
    tables = [to_toml(each, rules, zone) for each in requests if (rules := known.intersection(each.scope.rules))]
    parts: list[list[str]] = []
    size = FILE_BYTES
    for table in tables:
        length = len(table.encode())
        if size + length > FILE_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(table)
        size += length
    names = [f"{RULE_FILE}.toml", *(f"{RULE_FILE}-{number}.toml" for number in range(2, len(parts) + 1))]
    return {name: "\n".join(part) for name, part in zip(names, parts, strict=False)}


def _find_rules(files: Mapping[str, str]) -> frozenset[str]:
    """Return the rules that an exception can be made from; none in files that are not right, which is told later."""
    try:
        return frozenset(rule.id for rule in list_rules(parse_files(files)))
    except RulesError:
        return frozenset()


def to_toml(request: ExceptionRequest, rules: Collection[str], zone: tzinfo) -> str:
    """Return one exception as it stands in a rule file, from those of its rules."""
    scope = request.scope
    lists = {
        "rules": sorted(rules),
        "programs": scope.programs,
        "devices": scope.devices,
        "accounts": request.account_refs,
        "during": scope.during,
    }
    lines = [
        "[[exception]]",
        f'id = "asked-{request.id}"',
        f'first = "{to_local(request.first_ns, zone):%Y-%m-%dT%H:%M}"',
        f'last = "{to_local(request.last_ns, zone):%Y-%m-%dT%H:%M}"',
        f"reason = {to_toml_string(REASON)}",
        *(f"{name} = {_to_list(values)}" for name, values in lists.items() if values),
    ]
    return "\n".join(lines) + "\n"


def _to_list(values: Sequence[str]) -> str:
    # One a line: a line of a rule file has an end.
    return "[\n" + "".join(f"  {to_toml_string(value)},\n" for value in values) + "]"
