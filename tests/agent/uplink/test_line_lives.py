# SPDX-License-Identifier: Apache-2.0
"""Tests of the line's two threads: whatever goes wrong in them is said, they live on, and neither undoes the other."""

import errno
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.identity import Identity
from agent.uplink import line as line_module
from agent.uplink.comparison import Break
from agent.uplink.exchange import Exchange
from agent.uplink.line import Tell, Uplink
from proto.wire import CollectorMessage, Refusal, SignedTrust
from tests.agent.line import Line, Messages, ScriptedCollector, take_all, to_refusal, to_welcome, wait_for


def make_uplink(line: Line, tell: Tell) -> Uplink:
    """Return an uplink of which no thread runs."""
    return Uplink(line.identity, line.spool, agent_version="0.1.0", bundle_version=lambda: 7, tell=tell)


def test_a_proxy_that_is_no_address_does_not_end_the_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named as the obstacle, and once it is gone everything is sent."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:port")
    line.record(1)
    line.start(take_all)
    wait_for(lambda: "the variable https_proxy holds no address" in line.problem, "the words")
    monkeypatch.delenv("https_proxy")
    wait_for(lambda: line.spool.count() == 0, "the queue to run empty")


def test_an_error_in_the_explanation_does_not_end_the_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are for people; the thread that finds none goes on."""

    def fail(*arguments: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(line_module, "explain_error", fail)
    line.connect("127.0.0.1:1", line.bundles.append)
    wait_for(lambda: line.problem == "an error in the agent: ZeroDivisionError", "the words")
    assert line.uplink is not None
    assert all(thread.is_alive() for thread in line.uplink._threads)


def test_a_disk_that_is_full_while_a_chain_is_mended_is_told(line: Line) -> None:
    """In words, and not as an error of ours; it is tried again once there is room."""
    said: list[str] = []

    def mend(found: Break) -> float:
        said.append(line.problem)
        if len(said) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return 0.0

    def fork(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome(1, 9, b"\x01" * 32)
        yield to_refusal(Refusal.REASON_FORKED, next(messages))

    line.record(1)
    line.on_broken = mend
    line.start(fork)
    wait_for(lambda: len(said) == 2, "the second time")
    assert said[1].startswith("the disk does not take what this machine has to keep (No space left on device)")


def test_an_error_in_the_renewal_does_not_end_it(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise the certificate would end months later, and nobody would know why."""
    monkeypatch.setattr(line_module, "RENEWAL_EVERY_S", 0.0)
    asked: list[int] = []

    def renew(offset_ns: int, is_refused: bool = False) -> Identity | None:
        asked.append(offset_ns)
        if len(asked) > 1:
            uplink._stopping.set()
            return None
        raise ZeroDivisionError

    uplink = make_uplink(line, Tell(bundle=line.bundles.append, renew=renew))
    uplink._keep_renewed()
    assert len(asked) == 2
    assert "an error in the renewal" in caplog.text


def test_an_older_answer_is_not_kept_over_a_newer_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement of trust comes in while a renewal, asked before, is on its way back."""
    monkeypatch.setattr(line_module, "RENEWAL_EVERY_S", 0.0)
    renewed, trusting = replace(line.identity, trust_version=1), replace(line.identity, trust_version=2)
    takes: list[threading.Thread] = []

    def take_trust() -> None:
        session = Exchange(line.identity, line.spool)
        uplink._take(session, CollectorMessage(trust=SignedTrust(body=b"x")))

    def renew(offset_ns: int, is_refused: bool = False) -> Identity:
        takes.append(threading.Thread(target=take_trust))
        takes[0].start()
        # Long enough for the newer one to be kept, if nothing keeps it back.
        takes[0].join(0.2)
        uplink._stopping.set()
        return renewed

    uplink = make_uplink(line, Tell(bundle=line.bundles.append, renew=renew, trust=lambda signed: trusting))
    uplink._keep_renewed()
    takes[0].join()
    assert uplink.identity is trusting


def test_nobody_who_welcomes_sends_us_back_to_where_the_collector_was(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that named a wrong address takes no device away for good; after a welcome the count begins anew."""
    monkeypatch.setattr(line_module, "GO_BACK_AFTER", 3)
    asked: list[str] = []
    right, line.identity = line.identity, replace(line.identity, events_address="127.0.0.1:1")
    line.record(1)
    collector = ScriptedCollector(line.authority, take_all)
    with collector:
        right = replace(right, events_address=collector.events_address)

        def go_back() -> Identity:
            asked.append(uplink.identity.events_address)
            return right

        uplink = make_uplink(line, Tell(bundle=line.bundles.append, go_back=go_back))
        uplink.start()
        wait_for(lambda: line.spool.count() == 0, "the queue to run empty")
        uplink.stop()
    assert asked == ["127.0.0.1:1"]
