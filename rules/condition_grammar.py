# SPDX-License-Identifier: Apache-2.0
"""How `kinds` and `when` of a rule file become kinds of events and `Condition`s: what an event is compared with.

    kinds = ["program.started", "program.found"]

    [rule.when]                                 # equals, one_of, glob or at_least
    "program.source" = { one_of = ["process", "file"] }

A field that a kind does not have, or a value that it could never be, is an error.
"""

from typing import Any

from proto.events import KINDS
from rules import wildcard
from rules.fields import find_type, find_types
from rules.model import Condition, Operator
from rules.table import Table, shown, to_hint


def parse_conditions(table: Table, kinds: tuple[str, ...]) -> tuple[Condition, ...]:
    """Read what stands under `when` of a table, of which every line must hold.

    Raises:
        RuleFormatError: a kind lacks a field, or it could never be what it is compared with.
    """
    return tuple(_parse_condition(field, how, kinds, table) for field, how in table.table("when").items())


def parse_kinds(table: Table) -> tuple[str, ...]:
    """Read the kinds of events that something is about: one at least.

    Raises:
        RuleFormatError: there is none, or one that does not exist.
    """
    kinds = table.texts("kinds")
    if not kinds:
        raise table.fault("is empty, so the rule could never match", key="kinds", hint="name an event kind")
    for kind in kinds:
        if kind not in KINDS:
            raise table.fault(f"no such kind of event: {shown(kind)}", key="kinds", hint=to_hint(kind, KINDS))
    return kinds


def _parse_condition(field: str, how: Any, kinds: tuple[str, ...], table: Table) -> Condition:
    key = f"when.{field}"
    types = {kind: find_type(kind, field) for kind in kinds}
    for kind, type_ in types.items():
        if type_ is None:
            raise table.fault(f"{kind} has no such field", key=key, hint=to_hint(field, find_types(kind)))
        if type_ in (tuple, dict):
            raise table.fault("is a list or table, which is not compared", key=key)
    operators = [each.value for each in Operator]
    if not isinstance(how, dict) or len(how) != 1:
        raise table.fault("needs one comparison", key=key, hint=f'"{field}" = {{ {operators[0]} = ... }}')
    ((word, values),) = how.items()
    if word not in operators:
        raise table.fault(f"no such comparison: {shown(word)}", key=key, hint=to_hint(word, operators))
    operator = Operator(word)
    values = values if operator is Operator.ONE_OF else [values]
    if not isinstance(values, list) or not values:
        raise table.fault("one_of needs a list with something in it", key=key)
    for value in values:
        for type_ in types.values():
            _verify_value(value, type_, operator, table, key)
    return Condition(field, operator, tuple(values))


def _verify_value(value: object, type_: type | None, operator: Operator, table: Table, key: str) -> None:
    if operator is Operator.AT_LEAST and type_ not in (int, float):
        raise table.fault("at_least compares numbers, and this field is none", key=key)
    if operator is Operator.GLOB:
        if type_ is not str:
            raise table.fault("glob compares text, and this field is none", key=key)
        fault = wildcard.find_fault(value, min_literals=1) if isinstance(value, str) else "is no text"
        if fault:
            raise table.fault(f"{shown(value)} {fault}", key=key)
    if not is_of_type(value, type_):
        raise table.fault(f"is compared with {shown(value)}, which it can never be", key=key)


def is_of_type(value: object, type_: type | None) -> bool:
    """Tell whether a value from TOML has the type of a field; a whole number may stand for any number."""
    return type(value) is type_ or (type_ is float and type(value) is int)
