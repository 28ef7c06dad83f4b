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

    [rule.when]                                 # equals, one_of, glob or at_least
    "program.source" = { one_of = ["process", "file"] }

    [[rule.program]]                            # any one of these is enough: executables, packages, flatpaks, snaps,
    name = "Tor"                                # python_packages, node_packages, extensions, paths; and by content:
    executables = ["tor", "tor-*"]              # sha256, build_ids, sketches (see `schoolwarden-agent fingerprint`)

    [[rule.test]]
    name = "Tor is started"
    expect = "match"                            # or "silent"; a rule has at least one of each
    event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }

Optional are `audience` ("security"), `attack` (MITRE ATT&CK ids), `unless_approved` (false), and a test's `approved`.
`table` holds what is true of any TOML, `reach` finds rules that could never match, `load` goes through the files.
"""

import re
from collections.abc import Mapping
from typing import Any

from proto.events import KINDS, Audience, Leaves
from rules import wildcard
from rules.fields import SOURCES, find_type, find_types, is_about_program
from rules.likeness import parse_sketch
from rules.model import ActionClass, Condition, Expectation, Operator, ProgramPattern, Rule, RuleTest
from rules.names import to_comparable
from rules.reach import verify_reachable
from rules.table import Table, shown, to_hint

_RULE_KEYS = (
    *("id", "title", "why", "class", "severity", "kinds", "audience", "clauses", "attack", "advice"),
    *("unless_approved", "when", "program", "test"),
)
_NAME_KEYS = ("executables", "packages", "flatpaks", "snaps", "python_packages", "node_packages", "paths")
_PROGRAM_KEYS = ("name", *_NAME_KEYS, "extensions", "sha256", "build_ids", "sketches")
_TEST_KEYS = ("name", "expect", "event", "approved")

_CLASSES = {each.value: each for each in ActionClass}
_AUDIENCES = {each.name.lower(): each for each in Audience if each is not Audience.UNSPECIFIED}
_EXPECTATIONS = {each.value: each for each in Expectation}

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CLAUSE = re.compile(r"[A-Z]{2}-\d{2}")
_ATTACK = re.compile(r"T\d{4}(\.\d{3})?")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BUILD_ID = re.compile(r"([0-9a-fA-F]{2}){8,64}")
_SCOPED = re.compile(r"@[^/\\]+/[^/\\]+")
# Chromium's and its kin's: 32 letters. Firefox's: like an address, or a GUID in braces.
_EXTENSION = re.compile(r"[A-Za-z0-9{}@._+~-]+")

# A pattern that fits one of these would report what everybody does all day.
_ORDINARY = {
    "executables": ("bash", "chrome", "explorer", "firefox", "msedge", "python3", "soffice.bin", "svchost", "systemd"),
    "packages": ("bash", "firefox-esr", "libc6", "libreoffice", "python3", "systemd"),
    "flatpaks": ("org.mozilla.firefox", "org.libreoffice.libreoffice"),
    "snaps": ("core22", "firefox", "libreoffice"),
    "python_packages": ("pip", "setuptools", "requests"),
    "node_packages": ("npm", "corepack", "typescript"),
    "paths": (
        "/usr/bin/python3",
        "/usr/lib/firefox-esr/firefox-esr",
        "c:/program files/mozilla firefox/firefox.exe",
        "c:/windows/system32/svchost.exe",
    ),
}


def parse_rule(values: Mapping[str, Any], file: str) -> Rule:
    """Read one rule.

    Raises:
        RuleFormatError: it breaks the format, or it could never match.
    """
    table = Table(values, keys=_RULE_KEYS, file=file, rule=_name_of(values))
    kinds = _parse_kinds(table)
    rule = Rule(
        id=_parse_id(table),
        title=table.text("title"),
        why=table.text("why"),
        action_class=table.choice("class", _CLASSES),
        severity=table.integer("severity", 1, 5),
        kinds=kinds,
        audience=table.choice("audience", _AUDIENCES, "security"),
        clauses=_parse_codes(table, "clauses", _CLAUSE, "a clause looks like BX-07", default=None),
        attack=_parse_codes(table, "attack", _ATTACK, "a technique looks like T1090 or T1090.003", default=()),
        advice=table.text("advice"),
        programs=tuple(_parse_program(each) for each in table.inner_tables("program", _PROGRAM_KEYS)),
        when=tuple(_parse_condition(field, how, kinds, table) for field, how in table.table("when").items()),
        unless_approved=table.flag("unless_approved", default=False),
        tests=tuple(_parse_test(each) for each in table.inner_tables("test", _TEST_KEYS)),
        file=file,
    )
    _verify_programs(rule, table)
    _verify_tests(rule, table)
    verify_reachable(rule, table)
    return rule


def _name_of(values: Mapping[str, Any]) -> str:
    """Return what names a rule in messages, whatever stands there."""
    id_ = values.get("id")
    return id_[:64] if isinstance(id_, str) and id_.isprintable() else "without an id"


def _parse_id(table: Table) -> str:
    id_ = table.text("id")
    if len(id_) > 64 or not _ID.fullmatch(id_):
        raise table.fault(f"is {shown(id_)}", key="id", hint="small letters, digits and single hyphens: bypass-tor")
    return id_


def _parse_kinds(table: Table) -> tuple[str, ...]:
    kinds = table.texts("kinds")
    if not kinds:
        raise table.fault("is empty, so the rule could never match", key="kinds", hint="name an event kind")
    for kind in kinds:
        if kind not in KINDS:
            raise table.fault(f"no such kind of event: {shown(kind)}", key="kinds", hint=to_hint(kind, KINDS))
    return kinds


def _parse_codes(
    table: Table, key: str, form: re.Pattern[str], hint: str, *, default: tuple[str, ...] | None
) -> tuple[str, ...]:
    codes = table.texts(key, default)
    for code in codes:
        if not form.fullmatch(code):
            raise table.fault(f"holds {shown(code)}", key=key, hint=hint)
    return codes


def _parse_program(table: Table) -> ProgramPattern:
    names = {key: _parse_names(table, key) for key in _NAME_KEYS}
    codes = {
        "extensions": _parse_codes(table, "extensions", _EXTENSION, "give the id, not the title", default=()),
        "sha256": _parse_codes(table, "sha256", _SHA256, "a SHA-256 is 64 hexadecimal digits", default=()),
        "build_ids": _parse_codes(
            table, "build_ids", _BUILD_ID, "a build id is 16 hexadecimal digits or more", default=()
        ),
        "sketches": _parse_sketches(table),
    }
    pattern = ProgramPattern(name=table.text("name"), **names, **codes)
    if not any(names.values()) and not any(codes.values()):
        raise table.fault(
            f"{pattern.name!r} is not recognised by anything, so it could never match",
            hint=f"give one of {', '.join(_PROGRAM_KEYS[1:])}",
        )
    return pattern


def _parse_sketches(table: Table) -> tuple[str, ...]:
    sketches = table.texts("sketches", ())
    for sketch in sketches:
        if parse_sketch(sketch) is None:
            hint = "copy what `schoolwarden-agent fingerprint FILE` prints: s1: and 512 hexadecimal digits"
            raise table.fault(f"{shown(sketch)} is no sketch", key="sketches", hint=hint)
    return sketches


def _parse_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key, ())
    for name in names:
        fault = wildcard.find_fault(name)
        if fault:
            raise table.fault(f"{shown(name)} {fault}", key=key)
        if key == "paths" and not name.startswith(("/", "*")) and name[1:2] != ":":
            raise table.fault(f"{shown(name)} is no absolute path", key=key, hint="start with /, * or a drive: */tor/*")
        is_scoped = key == "node_packages" and _SCOPED.fullmatch(name)
        if key != "paths" and not is_scoped and ("/" in name or "\\" in name):
            raise table.fault(f"{shown(name)} is a path", key=key, hint="write it under paths")
        hit = _find_ordinary(name, key) if wildcard.is_wildcard(name) else None
        if hit:
            raise table.fault(f"{shown(name)} fits ordinary programs too, such as {hit}", key=key, hint="be narrower")
    return names


def _find_ordinary(name: str, key: str) -> str | None:
    regex = re.compile(wildcard.to_regex(to_comparable(name, key)), re.DOTALL)
    return next((each for each in _ORDINARY[key] if regex.match(each)), None)


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
    if not _is_of(value, type_):
        raise table.fault(f"is compared with {shown(value)}, which it can never be", key=key)


def _is_of(value: object, type_: type | None) -> bool:
    """Tell whether a value from TOML has this type; a whole number may stand for any number."""
    return type(value) is type_ or (type_ is float and type(value) is int)


def _parse_test(table: Table) -> RuleTest:
    event: dict[str, object] = table.table("event")
    kind = event.get("kind")
    if not isinstance(kind, str):
        raise table.fault("is missing", key="event.kind", hint='add it to the event: { kind = "program.started", ... }')
    if kind not in KINDS:
        raise table.fault(f"no such kind of event: {shown(kind)}", key="event.kind", hint=to_hint(kind, KINDS))
    for field, value in event.items():
        type_ = find_type(kind, field)
        if field == "kind":
            continue
        if isinstance(value, dict):
            raise table.fault("is a table", key=f"event.{field}", hint=f'quote the whole key: "{field}.name" = ...')
        if type_ is None:
            raise table.fault("no such field", key=f"event.{field}", hint=to_hint(field, find_types(kind)))
        if not _is_of(value, type_):
            raise table.fault(f"cannot be {shown(value)}", key=f"event.{field}")
    if is_about_program(kind) and event.get("program.source") not in SOURCES:
        hint = f"it can be {', '.join(sorted(SOURCES))}"
        raise table.fault("must say where the program was seen", key="event.program.source", hint=hint)
    return RuleTest(table.text("name"), table.choice("expect", _EXPECTATIONS), event, table.texts("approved", ()))


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


def _verify_tests(rule: Rule, table: Table) -> None:
    for expectation in Expectation:
        if all(test.expect is not expectation for test in rule.tests):
            raise table.fault(
                f"no test expects {expectation.value!r}", key="test", hint="a rule needs one of match and one of silent"
            )
    # A rule that asks nothing of an event is silent about other kinds only.
    asks_nothing = not (rule.programs or rule.when or rule.unless_approved)
    for test in rule.tests:
        if test.event["kind"] not in rule.kinds and not (asks_nothing and test.expect is Expectation.SILENT):
            problem = f"the test {test.name!r} is of a kind that the rule does not watch, which proves nothing"
            raise table.fault(problem, key="test", hint=f"it can be {', '.join(rule.kinds)}")
    names = [test.name for test in rule.tests]
    for name in names:
        if names.count(name) > 1:
            raise table.fault(f"the test {name!r} is there twice", key="test")
