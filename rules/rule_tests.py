# SPDX-License-Identifier: Apache-2.0
"""How one `[[rule.test]]` becomes a `RuleTest`, and what the tests of a rule must show. `check` runs them.

    [[rule.test]]
    name = "Tor is started in a lesson"
    expect = "match"                            # or "silent"; a rule has at least one of each
    event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }
    at = "2026-11-23T10:30"                     # what is left out from here on is not known, and excuses nothing
    who = { roles = ["pupil"], accounts = ["personal"], devices = [] }  # an empty list is known too: none
    approved = ["tor"]                          # the allow list; empty without
    times = 3                                   # it happens so often...
    every = "1m"                                # ...so long apart...
    on_devices = 5                              # ...on so many devices, in turns

What a test of devices, times and people comes to is `rehearsal`'s business.
"""

from collections.abc import Iterable

from proto.events import KINDS
from rules.circumstances_grammar import WHO_KEYS, parse_people
from rules.condition_grammar import is_of_type
from rules.counting_grammar import LARGEST_COUNT, LONGEST_WINDOW, SHORTEST
from rules.fields import SOURCES, find_type, find_types, is_about_program
from rules.model import Expectation, Rule, RuleTest
from rules.table import Table, shown, to_hint

MOST_TIMES = 1000
"""That a test makes an event happen: every test of a policy runs before it is published."""
TEST_KEYS = ("name", "expect", "event", "approved", "at", "who", "times", "every", "on_devices")

_EXPECTATIONS = {each.value: each for each in Expectation}


def parse_test(table: Table) -> RuleTest:
    """Read one test.

    Raises:
        RuleFormatError: it breaks the format, or its event is none.
    """
    event = _parse_event(table)
    return RuleTest(
        table.text("name"),
        table.choice("expect", _EXPECTATIONS),
        event,
        table.texts("approved", ()),
        at=_parse_at(table),
        who=parse_people(table.inner_table("who", WHO_KEYS), may_be_nobody=True),
        times=table.integer("times", 1, MOST_TIMES) if "times" in table else 1,
        every_s=table.duration_s("every", SHORTEST, LONGEST_WINDOW) if "every" in table else 0,
        on_devices=table.integer("on_devices", 1, LARGEST_COUNT) if "on_devices" in table else 1,
    )


def _parse_at(table: Table) -> str:
    return table.local_time("at").isoformat(timespec="minutes") if "at" in table else ""


def _parse_event(table: Table) -> dict[str, object]:
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
        if not is_of_type(value, type_):
            raise table.fault(f"cannot be {shown(value)}", key=f"event.{field}")
    if is_about_program(kind) and event.get("program.source") not in SOURCES:
        hint = f"it can be {', '.join(sorted(SOURCES))}"
        raise table.fault("must say where the program was seen", key="event.program.source", hint=hint)
    return event


def verify_tests(rule: Rule, table: Table) -> None:
    """Check that a rule's tests show both that it matches and that it does not.

    Raises:
        RuleFormatError: one is missing, proves nothing, or has the name of another.
    """
    verify_both(rule.tests, table, "a rule needs one of match and one of silent")
    # A rule that asks nothing of an event is silent about other kinds only.
    asks_nothing = not (rule.programs or rule.when or rule.unless_approved)
    # One of a kind that clears says what follows: silent if it clears what the rule fitted before.
    watched = tuple(dict.fromkeys((*rule.kinds, *(rule.cleared.kinds if rule.cleared else ()))))
    for test in rule.tests:
        if test.event["kind"] not in watched and not (asks_nothing and test.expect is Expectation.SILENT):
            problem = f"the test {test.name!r} is of a kind that the rule does not watch, which proves nothing"
            raise table.fault(problem, key="test", hint=f"it can be {', '.join(watched)}")
    names = [test.name for test in rule.tests]
    for name in names:
        if names.count(name) > 1:
            raise table.fault(f"the test {name!r} is there twice", key="test")


def verify_both(tests: Iterable[RuleTest], table: Table, hint: str) -> None:
    """Check that there is a test of each expectation.

    Raises:
        RuleFormatError: there is none of one.
    """
    expected = {test.expect for test in tests}
    for expectation in Expectation:
        if expectation not in expected:
            raise table.fault(f"no test expects {expectation.value!r}", key="test", hint=hint)
