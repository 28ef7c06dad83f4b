# SPDX-License-Identifier: Apache-2.0
"""Tests of what the service and a watcher may say to each other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ChannelError
from agent.session.messages import (
    MAX_MESSAGE_BYTES,
    Accepted,
    DrillOrder,
    Found,
    Pause,
    Ready,
    Resume,
    Setup,
    State,
    Stop,
    Typed,
    decode_order,
    decode_report,
    encode,
)
from proto.events import Tier

FOUND = Found("suicide", Tier.CALL, 5, "en.one", "Why.", "Ich würde gern sterben. 😀", 4, 9, "Essay", "My essay")
ORDERS = [Setup(("en",), "1", "Title", "Text", False, ("diary*",)), DrillOrder("0a"), Pause("night"), Resume(), Stop()]
REPORTS = [Ready(7, True, False, "tray"), Accepted("1"), State("paused", "night"), FOUND, Typed(0)]


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
        b'{"kind": "typed", "keys": -1}',
        b'{"kind": "typed", "keys": true}',
        b'{"kind": "typed", "keys": 1.0}',
        b'{"kind": "typed", "keys": 1, "when": 2}',
        b'{"kind": "state", "state": "asleep", "reason": ""}',
        b'{"kind": "ready", "pid": 1, "layout_aware": 1, "password_fields": true, "sign": "tray"}',
        b'{"kind": "ready", "pid": 1, "layout_aware": true, "password_fields": true, "sign": "smoke"}',
        b'{"kind": "accepted", "notice_version": null}',
        b'{"kind": "accepted", "notice_version": "\\ud800"}',
        found_with(tier=0),
        found_with(tier=9),
        found_with(tier="call"),
        found_with(start=9),
        found_with(end=900),
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
        encode(Pause("x" * MAX_MESSAGE_BYTES))


def test_the_longest_finding_fits() -> None:
    """A sentence and a title as long as they may be make one message, in whatever letters."""
    widest = "\U0001f600"
    found = Found(
        "c" * 30, Tier.CALL, 5, "r" * 100, "w" * 500, widest * 1000, 0, 9, widest * 200, widest * 200, "0" * 64
    )
    assert decode_report(encode(found)) == found
