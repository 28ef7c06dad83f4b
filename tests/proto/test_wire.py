# SPDX-License-Identifier: Apache-2.0
"""Tests of events to bytes and back."""

import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.errors import MalformedError
from proto.events import (
    KINDS,
    AgentThrottled,
    CheckChanged,
    EventsDropped,
    Header,
    Kind,
    Program,
    ProgramStarted,
    SoftwareListed,
)
from proto.wire import (
    decode_body,
    decode_event,
    decode_header,
    decode_header_block,
    encode_body,
    encode_header,
    encode_header_block,
    to_json,
)
from tests.proto.samples import SAMPLES, TOR
from tests.proto.strategies import any_event, any_header, events_of


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_an_event_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    """Every kind, with any values, is the same after encoding and decoding, and the same bytes each time."""
    event = data.draw(events_of(KINDS[kind]))
    body = encode_body(event)
    assert decode_event(kind, body) == event
    assert encode_body(event) == body


@settings(deadline=None, max_examples=100)
@given(any_header())
def test_a_header_comes_back_as_it_was(header: Header) -> None:
    """A header, with any values, is the same after encoding and decoding, and the same bytes each time."""
    raw = encode_header(header)
    decoded = decode_header(raw)
    assert {field.name: getattr(decoded, field.name) for field in fields(Header)} == asdict(header)
    assert encode_header(header) == raw


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=20))
def test_a_block_keeps_the_exact_bytes(headers: list[bytes]) -> None:
    """Headers come out of a block byte for byte, in order."""
    assert decode_header_block(encode_header_block(headers)) == headers


def test_the_order_of_facts_does_not_matter() -> None:
    """The same facts in another order are the same bytes, so the same commitment."""
    facts = {str(number): "fact" for number in range(50)}
    one = CheckChanged("software", "fail", "summary", facts)
    assert encode_body(one) == encode_body(replace(one, facts=dict(reversed(facts.items()))))


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300))
def test_garbage_is_malformed_and_nothing_else(raw: bytes) -> None:
    """Random bytes are read or are malformed; no other error comes out of any decoder."""
    readers = [decode_header, decode_header_block]
    readers += [lambda raw, kind=kind: decode_event(kind, raw) for kind in KINDS]  # type: ignore[misc]
    readers += [lambda raw, kind=kind: to_json(kind, raw) for kind in KINDS]  # type: ignore[misc]
    for read in readers:
        try:
            read(raw)
        except MalformedError as error:
            assert "cannot be read" in error.message


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_content_is_malformed_and_nothing_else(data: st.DataObject) -> None:
    """Real content with bytes changed or cut is read or is malformed; no other error comes out."""
    event = data.draw(any_event())
    raw = bytearray(encode_body(event))
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        json.dumps(to_json(event.kind, cut), allow_nan=False)
        decode_event(event.kind, cut)
    except MalformedError:
        return


def test_text_that_is_no_utf_8_is_malformed() -> None:
    """A device cannot smuggle bytes through a field of text."""
    body = encode_body(SAMPLES["agent.stopped"])
    assert body.endswith(b"SIGTERM")
    with pytest.raises(MalformedError, match="content of"):
        decode_body("agent.stopped", body[:-7] + b"\xff\xfe\xfd\xfc\xfb\xfa\xf9")


@pytest.mark.parametrize("kind", ["", "program.vanished", "Program", "__class__", "program.started\n"])
def test_an_unknown_kind_is_none(kind: str) -> None:
    """A kind of a later version is neither read nor refused."""
    assert decode_body(kind, b"\xff") is None
    assert decode_event(kind, b"\xff") is None
    assert to_json(kind, b"\xff") is None


@settings(deadline=None, max_examples=150)
@given(any_event())
def test_json_has_every_field_and_only_plain_values(event: Kind) -> None:
    """What is shown of an event has all its fields, also those at their default, and goes through any JSON parser."""
    shown = to_json(event.kind, encode_body(event))
    assert shown is not None
    assert shown.keys() == {field.name for field in fields(event)}  # type: ignore[arg-type]
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_json_keeps_large_numbers_exact() -> None:
    """Numbers of 64 bits are text in JSON, where numbers lose their last digits."""
    shown = to_json("events.dropped", encode_body(EventsDropped("program.started", "flood", 2**64 - 1)))
    assert shown == {"dropped_kind": "program.started", "reason": "flood", "count": "18446744073709551615"}


def test_json_has_words_for_what_is_no_number() -> None:
    """A device that sends NaN does not make the page's JSON unreadable."""
    shown = to_json("agent.throttled", encode_body(AgentThrottled("slow", float("nan"), float("inf"))))
    assert shown == {"level": "slow", "cpu_percent": "NaN", "memory_mb": "Infinity", "check": ""}


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet=st.characters(categories=["Cs", "L", "N"]), max_size=20))
def test_a_name_that_is_no_text_does_not_keep_an_event_back(name: str) -> None:
    """A file name with bytes that are no UTF-8, which a pupil can choose, is told with U+FFFD in their place."""
    event = ProgramStarted(replace(TOR, path=f"/home/pupil/{name}"))
    told = decode_event(event.kind, encode_body(event))
    assert isinstance(told, ProgramStarted)
    assert told.program.name == "tor"
    assert told.program.path.startswith("/home/pupil/")
    assert told.program.path.encode()


def test_names_that_are_no_text_are_mended_everywhere() -> None:
    """In a list, in facts and in a program inside a list, no such name stops an event."""
    bad = "a\udcffb"
    listed = decode_event("software.listed", encode_body(SoftwareListed((Program(bad), Program("good")))))
    assert listed == SoftwareListed((Program("a\ufffdb"), Program("good")))
    changed = CheckChanged("software", "fail", bad, {bad: bad})
    assert decode_event(changed.kind, encode_body(changed)) == CheckChanged(
        "software", "fail", "a\ufffdb", {"a\ufffdb": "a\ufffdb"}
    )


@pytest.mark.parametrize("count", [-1, 2**64])
def test_a_number_that_does_not_fit_is_the_programmers_mistake(count: int) -> None:
    """A number that the wire cannot carry is not cut silently."""
    with pytest.raises(ValueError, match="out of range"):
        encode_body(EventsDropped("program.started", "flood", count))
