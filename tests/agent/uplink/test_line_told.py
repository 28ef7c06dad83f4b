# SPDX-License-Identifier: Apache-2.0
"""Tests of what the agent's line hands on beside events: the time, whom to trust, policies, readers and drills."""

import time
from collections.abc import Iterator

import pytest

from proto.wire import Bundle, CollectorMessage, DrillOrder, Safeguarding, SignedTrust
from tests.agent.line import Line, Messages, take_all, to_ack, to_welcome, wait_for

# Trust, renewal, time


def test_hello_says_where_our_chain_ends_and_whom_we_trust(line: Line) -> None:
    """The collector can see a machine that was set back before a single event was sent; but not the hash, which it
    could repeat to make us forget what it never got."""
    line.record(3)
    collector = line.start(take_all)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    hello = collector.received[0][0].hello
    assert (hello.head_seq, hello.head_hash) == (3, b"")
    assert (hello.trust_version, hello.boot_id) == (line.identity.trust_version, bytes(16))


def test_renewal_is_asked_about_before_each_connection_and_trust_is_handed_on(line: Line) -> None:
    """What comes of either is for the next connection; who judges it is not the line."""

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(trust=SignedTrust(body=b"x"))

    line.start(push, take_all)
    wait_for(lambda: len(line.renewals) > 1, "the second connection")
    assert [trust.body for trust in line.trusts] == [b"x"]
    assert not any(line.renewals)


def test_clock_offset_is_right_after_the_clock_was_set(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged by the collector's time still is when somebody sets ours ten years on."""
    years_ns = 10 * 365 * 86400 * 10**9

    def welcome_now(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        welcome = to_welcome()
        welcome.welcome.server_time_ns = time.time_ns()
        yield welcome
        next(messages, None)

    line.start(welcome_now)
    wait_for(lambda: line.uplink and line.uplink.state.is_connected, "the welcome")
    assert line.uplink is not None
    assert abs(line.uplink.find_clock_offset_ns()) < 60 * 10**9
    real = time.time_ns
    monkeypatch.setattr("agent.uplink.line.time.time_ns", lambda: real() + years_ns)
    assert abs(line.uplink.find_clock_offset_ns() - years_ns) < 60 * 10**9


# Policies


def test_policy_is_handed_on(line: Line) -> None:
    """A bundle that comes down is given to whoever decides about it, in between the answers."""

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(bundle=Bundle(version=9, body=b"x"))
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    line.record(1)
    line.start(push)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert [bundle.version for bundle in line.bundles] == [9]


def test_readers_and_orders_to_drill_reach_the_agent(line: Line) -> None:
    """They come down the same stream, and are judged by whoever is called."""

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(safeguarding=Safeguarding(subject_key=b"k"))
        yield CollectorMessage(drill=DrillOrder(nonce=b"n"))
        for message in messages:
            yield to_ack(message.envelope.last_seq)

    line.record(1)
    line.start(push)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
    assert [message.subject_key for message in line.safeguarding] == [b"k"]
    assert [order.nonce for order in line.drills] == [b"n"]


def test_bug_beyond_the_line_does_not_end_it(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with a policy, the thread that sends lives on and says that something is wrong."""

    def fail(bundle: Bundle) -> None:
        raise ZeroDivisionError

    def push(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        yield CollectorMessage(bundle=Bundle(version=9))
        next(messages, None)

    line.start(push, take_all, on_bundle=fail)
    wait_for(lambda: "an error in the uplink" in caplog.text, "the error to be told")
    line.record(1)
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
