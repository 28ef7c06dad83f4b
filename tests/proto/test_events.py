# SPDX-License-Identifier: Apache-2.0
"""Tests of what a device can say: its kinds agree with the messages of the wire, and say when they may leave."""

import re
from dataclasses import FrozenInstanceError, fields
from enum import IntEnum

import pytest
from google.protobuf.descriptor import FieldDescriptor

from proto.events import KINDS, Audience, Header, Kind, Leaves, Missing, Payload, Tier
from proto.v1 import events_pb2
from tests.proto.samples import ADDED_LATER, SAMPLES, WITH_LATER_FIELDS
from tests.proto.strategies import PARTS, find_message

ABOUT_THE_AGENT = {
    "agent.rekeyed",
    "clock.stepped",
    "agent.started",
    "agent.stopped",
    "agent.throttled",
    "chain.restarted",
    "check.changed",
    "check.crashed",
    "events.dropped",
    "policy.applied",
    "policy.refused",
    "notice.accepted",
    "recipients.applied",
    "recipients.refused",
}
FOR_SAFEGUARDING = {"flag.raised", "notice.accepted"}
"""Kinds whose header and number of the account nobody sees but the readers' side of the console."""


@pytest.mark.parametrize("cls", [*KINDS.values(), Header, Payload, *PARTS.values()], ids=lambda cls: cls.__name__)
def test_dataclass_and_message_have_the_same_fields(cls: type) -> None:
    """What is written on one side is on the other, under the same name."""
    message = find_message(cls.__name__)
    assert {field.name for field in fields(cls)} == {field.name for field in message.DESCRIPTOR.fields}


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Audience, events_pb2.Audience, "AUDIENCE_"),
        (Tier, events_pb2.Tier, "TIER_"),
        (Missing, events_pb2.Payload.Missing, "MISSING_"),
    ],
    ids=["Audience", "Tier", "Missing"],
)
def test_enums_have_the_same_numbers(ours: type[IntEnum], theirs: object, prefix: str) -> None:
    """A name means the same number on both sides; only what is zero may be called otherwise."""
    names = {value: name.removeprefix(prefix) for name, value in theirs.items()}  # type: ignore[attr-defined]
    assert {each.value: each.name for each in ours if each} == {value: name for value, name in names.items() if value}
    assert 0 in names
    assert 0 in list(ours)


def test_every_message_of_content_is_a_kind() -> None:
    """No message lies in the contract that no kind of event uses."""
    messages = set(events_pb2.DESCRIPTOR.message_types_by_name)
    assert messages == {cls.__name__ for cls in KINDS.values()} | PARTS.keys() | {"Header", "HeaderBlock", "Payload"}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_a_noun_and_what_became_of_it(kind: str) -> None:
    """A kind is `noun.past`, and the class is called the same."""
    assert re.fullmatch(r"[a-z]+\.([a-z]+ed|found|written|left_open|signed_in|signed_out)", kind)
    assert KINDS[kind].__name__ == "".join(part.capitalize() for part in re.split(r"[._]", kind))
    assert KINDS[kind].kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_say_what_they_are(kind: str) -> None:
    """Each kind has a sentence of its own for the person who reads `explain`, and a severity from 1 to 5; a flag has
    a tier instead."""
    cls = KINDS[kind]
    assert (cls.__doc__ or "").strip().endswith(".")
    assert "(" not in (cls.__doc__ or "("), "a dataclass without a docstring gets its signature"
    assert 1 <= cls.severity <= 5 or kind == "flag.raised"
    assert cls.audience is (Audience.SAFEGUARDING if kind in FOR_SAFEGUARDING else Audience.SECURITY)
    assert cls.schema_version >= 1


def test_only_the_agent_itself_leaves_always() -> None:
    """A kind about the machine or its user leaves only under the policy; whoever adds one has to say so here."""
    assert {kind for kind, cls in KINDS.items() if cls.leaves is Leaves.ALWAYS} == ABOUT_THE_AGENT


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_kind_names_a_person(kind: str) -> None:
    """No field of any kind is there for an account, a command line, a title or typed text."""
    names = {field.name for field in find_message(KINDS[kind].__name__).DESCRIPTOR.fields}
    assert not names & {"user", "account", "login", "arguments", "command_line", "title", "text", "url", "ip_address"}


def test_no_header_names_a_person() -> None:
    """The header, which everybody on the way can read, holds exactly what the contract lists."""
    assert {field.name for field in fields(Header)} == {
        *("school_id", "device_id", "epoch", "seq", "kind", "schema_version", "audience", "severity", "tier", "route"),
        *("drill", "wall_clock_ns", "monotonic_ns", "boot_id", "bundle_version", "payload_commitment", "previous_hash"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_events_do_not_change(kind: str) -> None:
    """An event is frozen."""
    sample = SAMPLES[kind]
    name = fields(sample)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(sample, name, "other")


@pytest.mark.parametrize("kind", KINDS)
def test_samples_fill_every_field(kind: str) -> None:
    """The sample that the vectors rest on leaves no field at its default."""
    sample = SAMPLES[kind]
    names = {field.name for field in fields(sample)} - ADDED_LATER.get(type(sample).__name__, set())  # type: ignore[arg-type]
    assert all(getattr(sample, name) for name in names)


def test_a_field_that_was_added_later_has_a_sample_too() -> None:
    """What vectors of before do not have is in a sample of its own."""
    assert {type(each).__name__ for each in WITH_LATER_FIELDS} == set(ADDED_LATER)
    for each in WITH_LATER_FIELDS:
        assert all(getattr(each, name) for name in ADDED_LATER[type(each).__name__])


def test_every_kind_is_listed() -> None:
    """No subclass of Kind in the contract is forgotten in the table."""
    ours = {cls for cls in Kind.__subclasses__() if cls.__module__.startswith("proto.events.")}
    # A dataclass with slots is made twice; the first one stays in the list of subclasses until it is collected.
    assert {cls.__name__ for cls in ours} == {cls.__name__ for cls in KINDS.values()}


def test_numbers_of_fields_stay() -> None:
    """Field numbers are part of the evidence: each message numbers its fields from 1 without a gap."""
    for name, message in events_pb2.DESCRIPTOR.message_types_by_name.items():
        numbers = sorted(field.number for field in message.fields)
        assert numbers == list(range(1, len(numbers) + 1)), name


def test_clocks_have_a_fixed_place() -> None:
    """Times are fixed in size, so that a header's length says nothing about when it was made."""
    by_name = events_pb2.Header.DESCRIPTOR.fields_by_name
    assert by_name["wall_clock_ns"].type == FieldDescriptor.TYPE_SFIXED64
    assert by_name["monotonic_ns"].type == FieldDescriptor.TYPE_FIXED64
