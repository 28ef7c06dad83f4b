# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.fields."""

import pytest

from proto.events import KINDS, AgentThrottled, CheckChanged, Program, ProgramFound
from proto.wire import decode_body, encode_body
from rules.fields import find_type, find_types, is_about_program, to_event, to_getter


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_fields_and_can_be_made_of_nothing(kind):
    """A new kind of event works in rules and their tests without a change here."""
    event = to_event(kind, {})

    assert find_types(kind)
    assert event.kind == kind
    assert decode_body(kind, encode_body(event)) is not None


@pytest.mark.parametrize(
    ("kind", "field", "expected"),
    [
        ("program.found", "program.name", str),
        ("program.started", "already_running", bool),
        ("agent.throttled", "cpu_percent", float),
        ("check.changed", "first_failed_at_ns", int),
        ("check.changed", "facts", dict),
        ("check.changed", "facts.minutes", str),
        ("agent.started", "checks", tuple),
        ("program.found", "program", None),
        ("program.found", "program.colour", None),
        ("check.changed", "facts.", None),
        ("check.changed", "state.name", None),
        ("nothing.known", "state", None),
    ],
)
def test_a_field_has_the_type_of_the_dataclass(kind, field, expected):
    """A rule is checked against what the events really hold."""
    assert find_type(kind, field) is expected


def test_only_four_kinds_are_about_one_program():
    """A list of software is not one program."""
    assert {kind for kind in KINDS if is_about_program(kind)} == {
        "program.found",
        "program.installed",
        "program.removed",
        "program.started",
    }


@pytest.mark.parametrize("decode", [False, True])
def test_a_field_is_read_off_a_dataclass_and_a_message_alike(decode):
    """Device and collector see the same."""
    event = CheckChanged(check="x", state="fail", summary="", facts={"minutes": "20"})
    found = ProgramFound(Program("tor", source="dpkg"))
    read = [decode_body(each.kind, encode_body(each)) if decode else each for each in (event, found)]

    assert to_getter("check.changed", "state")(read[0]) == "fail"
    assert to_getter("check.changed", "facts.minutes")(read[0]) == "20"
    assert to_getter("check.changed", "facts.hours")(read[0]) is None
    assert to_getter("program.found", "program.source")(read[1]) == "dpkg"


def test_reading_a_missing_fact_leaves_a_message_as_it_was():
    """A protobuf map grows when it is asked with brackets; evidence does not change by being looked at."""
    message = decode_body("check.changed", encode_body(CheckChanged(check="x", state="fail", summary="")))

    to_getter("check.changed", "facts.minutes")(message)

    assert dict(message.facts) == {}


@pytest.mark.parametrize("event", [None, object(), AgentThrottled(level="", cpu_percent=0, memory_mb=0)])
def test_a_field_that_is_not_there_is_none(event):
    """An event that lacks something is no error."""
    assert to_getter("program.found", "program.source")(event) is None
    assert to_getter("check.changed", "facts.minutes")(event) is None


def test_an_event_is_made_of_flat_fields():
    """The tests inside rule files are written with dotted names."""
    event = to_event("check.changed", {"state": "fail", "facts.minutes": "20", "facts.a.b": "c"})

    assert event == CheckChanged(check="", state="fail", summary="", facts={"minutes": "20", "a.b": "c"})
