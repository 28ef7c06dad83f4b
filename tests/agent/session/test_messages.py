# SPDX-License-Identifier: Apache-2.0
"""Tests of what the service and a watcher may say to each other."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ChannelError
from agent.session.messages import (
    MAX_CHARACTERS,
    MAX_MESSAGE_BYTES,
    Accepted,
    Alive,
    Counted,
    DrillOrder,
    Found,
    Ready,
    Setup,
    State,
    Stop,
    decode_order,
    decode_report,
    encode,
)
from proto.events import Tier
from rules.keywords.lexicon import load_lexicon

FOUND = Found("suicide", Tier.CALL, 5, "en.one", "Why.", "Ich würde gern sterben. 😀", 4, 9, "Essay", "My essay")
ORDERS = [Setup(("en",), "1", "Title", "Text", False, ("diary*",), ("own:a phrase",)), DrillOrder("0a"), Stop()]
REPORTS = [Ready(False), Accepted("1"), State("watching", "why"), FOUND, Counted("own"), Alive()]
OF_OTHERS: dict[str, Any] = {"reason": State("waiting"), "draft": Counted("own")}
"""What has a text that a finding does not have."""


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_arrives_as_it_was_sent(order) -> None:
    """Every order is read back equal, and is no report."""
    assert decode_order(encode(order)) == order
    with pytest.raises(ChannelError):
        decode_report(encode(order))


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_arrives_as_it_was_sent(report) -> None:
    """Every report is read back equal, and is no order."""
    assert decode_report(encode(report)) == report
    with pytest.raises(ChannelError):
        decode_order(encode(report))


def found_with(**changes) -> bytes:
    return json.dumps({**json.loads(encode(FOUND)), **changes}).encode()


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"[" * 5000,
        b'{"kind": []}',
        b'{"kind": "found"}',
        b'{"kind": "alive", "keys": 1}',
        b'{"kind": "state", "state": "asleep", "reason": ""}',
        b'{"kind": "ready", "password_fields": 1}',
        b'{"kind": "accepted", "notice_version": null}',
        b'{"kind": "accepted", "notice_version": "\\ud800"}',
        found_with(tier=0),
        found_with(tier=9),
        found_with(tier="call"),
        found_with(severity=-1),
        found_with(severity=True),
        found_with(severity=1.0),
        found_with(start=9),
        found_with(end=900),
        found_with(around=None),
        b" " * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_what_a_watcher_may_not_say_is_refused(datagram: bytes) -> None:
    """Wrong kinds, fields, types and places are errors of the channel, whose text quotes nothing that came."""
    with pytest.raises(ChannelError) as caught:
        decode_report(datagram)
    assert "sterben" not in caught.value.message
    assert caught.value.__cause__ is None


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(datagram: bytes) -> None:
    """Whatever comes is either refused or read, and nothing else happens."""
    try:
        decode_report(datagram)
    except ChannelError as error:
        assert error.message


def test_a_message_that_is_too_large_is_not_sent() -> None:
    """The limit holds for the sender as well."""
    with pytest.raises(ChannelError):
        encode(DrillOrder("x" * MAX_MESSAGE_BYTES))


@pytest.mark.parametrize("widest", ["\U0001f600", "\x01", '"'])
def test_the_longest_finding_fits(widest: str) -> None:
    """Texts as long as they may be make one message, in whatever letters."""
    texts: dict[str, Any] = {name: widest * most for name, most in MAX_CHARACTERS.items() if name not in OF_OTHERS}
    found = replace(FOUND, **texts)
    assert decode_report(encode(found)) == found


@pytest.mark.parametrize("name", MAX_CHARACTERS)
def test_what_is_longer_is_refused(name: str) -> None:
    """Every text of a watcher has its own limit, and one character more ends the channel."""
    report: Any = OF_OTHERS.get(name, FOUND)
    with pytest.raises(ChannelError, match=f"{name} is longer") as caught:
        decode_report(encode(replace(report, **{name: "x" * (MAX_CHARACTERS[name] + 1)})))
    assert "xxx" not in caught.value.message


def test_no_repr_shows_what_was_typed() -> None:
    """Nor what the window is called, which may name somebody."""
    found = replace(FOUND, around="and so on", application="Terminal")
    assert not [text for text in ("sterben", "Essay", "essay", "and so on", "Terminal") if text in repr(found)]


def test_every_reason_of_the_lexicon_fits() -> None:
    """No phrase has a name or a reason that its own watcher could not tell."""
    for phrase in load_lexicon(["en"]).phrases:
        assert len(phrase.why) <= MAX_CHARACTERS["why"]
        assert len(phrase.id) <= MAX_CHARACTERS["rule"]
