# SPDX-License-Identifier: Apache-2.0
"""Tests of an agent whose chain cannot go on: it mends it and goes on in the same process. The line is real."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent import app as app_module
from agent.app import run_agent
from agent.identity import Identity, IdentityFolder
from agent.pipeline import Pipeline
from agent.recorder import Record
from agent.succession import Pace, Succession
from agent.uplink.comparison import Break
from proto.drill import sign_drill
from proto.errors import SignatureError
from proto.events import (
    AgentRekeyed,
    AgentStarted,
    AgentStopped,
    ChainRestarted,
    ClockStepped,
    EventsDropped,
    Kind,
)
from proto.wire import CollectorMessage, Refusal, decode_event, decode_header, decode_header_block
from tests.agent.desk import Desk, close
from tests.agent.desk import events_of as queued
from tests.agent.line import Messages, Script, take_all, to_refusal, to_welcome, wait_for
from tests.fakes import FakeSystem


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fork(messages: Messages) -> Iterator[CollectorMessage]:
    """The script of a collector that holds more of this device than it has, and other events under its numbers."""
    next(messages)
    yield to_welcome(1, 999, b"x" * 32)
    for message in messages:
        yield to_refusal(Refusal.REASON_FORKED, message)


def restored(messages: Messages) -> Iterator[CollectorMessage]:
    """The script of a collector that takes one envelope and then forgets it."""
    next(messages)
    yield to_welcome()
    message = next(messages)
    yield CollectorMessage(ack={"epoch": 1, "last_seq": message.envelope.last_seq})


def events_of(desk: Desk, stream: int) -> list[Kind | None]:
    """Return what came in on one stream."""
    if len(desk.line.received) <= stream:
        return []
    found: list[Kind | None] = []
    for message in list(desk.line.received[stream])[1:]:
        headers = map(decode_header, decode_header_block(message.envelope.header_block))
        for header, payload in zip(headers, message.envelope.payloads, strict=True):
            found.append(decode_event(header.kind, payload.body))
    return found


def load_status(desk: Desk) -> dict[str, Any]:
    """Return what the agent wrote of itself."""
    return dict(json.loads(desk.config.status_file.read_text())) if desk.config.status_file.exists() else {}


def run(desk: Desk, scripts: list[Script], look: Callable[[], object]) -> dict[str, Any]:
    """Run an agent against a collector with these scripts until there is something to see; return its status then."""
    desk.line._scripts = scripts
    status: dict[str, Any] = {}

    def watch() -> None:
        try:
            wait_for(look, "the agent")
            status.update(load_status(desk))
        finally:
            signal.raise_signal(signal.SIGTERM)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run_agent(desk.config, FakeSystem())
    watcher.join()
    return status


def test_forked_machine_becomes_a_device_of_its_own(desk: Desk) -> None:
    """In the same process: what waited is told under the new name, and the status says what happened."""
    former = desk.enrol()
    status = run(desk, [fork, take_all], lambda: events_of(desk, 1) and load_status(desk).get("connected"))
    identity = IdentityFolder(desk.config.state).load()
    rekeyed, *others = events_of(desk, 1)
    assert isinstance(rekeyed, AgentRekeyed)
    assert (rekeyed.former_device_id, rekeyed.reason) == (former, "forked")
    assert 0 < rekeyed.carried < len(others), "what waited, and then what this machine says anew"
    assert identity.device_id != former
    assert status["device"] == identity.device_id
    assert status["happened"].startswith("two machines speak as this device")
    assert {message.envelope.device_id for message in desk.line.received[1][1:]} == {identity.device_id}


def test_restored_collector_gets_a_new_chain(desk: Desk) -> None:
    """The device stays the same, names what is lost, and its checks tell everything once more."""
    former = desk.enrol()
    remembered = desk.config.checks_folder / "mark"

    def forgets(messages: Messages) -> Iterator[CollectorMessage]:
        remembered.parent.mkdir(exist_ok=True)
        remembered.touch()
        next(messages)
        yield to_welcome()
        for _ in messages:
            break

    def take_second_epoch(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        for message in messages:
            yield CollectorMessage(ack={"epoch": 2, "last_seq": message.envelope.last_seq})

    run(desk, [restored, forgets, take_second_epoch], lambda: events_of(desk, 2))
    restarted = events_of(desk, 2)[0]
    assert isinstance(restarted, ChainRestarted)
    assert (restarted.reason, restarted.previous_epoch, restarted.lost_first_seq) == ("collector_restored", 1, 1)
    assert not remembered.exists()
    assert (IdentityFolder(desk.config.state).load().device_id, IdentityFolder(desk.config.state).load().epoch) == (
        former,
        2,
    )


def test_an_event_that_no_collector_takes_does_not_hold_up_the_others(desk: Desk) -> None:
    """It is put aside and counted, in a new chain that has all the others; the status says that it lies there."""
    desk.enrol()

    def choke(messages: Messages) -> Iterator[CollectorMessage]:
        next(messages)
        yield to_welcome()
        for message in messages:
            kinds = [decode_header(raw).kind for raw in decode_header_block(message.envelope.header_block)]
            if AgentStarted.kind in kinds:
                yield to_refusal(Refusal.REASON_MALFORMED, message)
            else:
                yield CollectorMessage(ack={"epoch": 1, "last_seq": message.envelope.last_seq})

    def look() -> bool:
        return EventsDropped(AgentStarted.kind, "quarantined", 1) in events_of(desk, 1)

    run(desk, [choke, take_all], lambda: look() and load_status(desk).get("quarantined_events") == 1)
    assert load_status(desk)["quarantined_why"] == "malformed, said the test"
    restarted = events_of(desk, 1)[0]
    assert isinstance(restarted, ChainRestarted)
    assert (restarted.reason, restarted.previous_epoch) == ("quarantined", 1)


def test_collector_that_refuses_everything_does_not_make_it_spin(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time within a minute the chain is left alone, and the status says so; the machine is watched on."""
    desk.enrol()
    paces: list[Pace] = []

    def make_pace() -> Pace:
        paces.append(Pace())
        return paces[-1]

    monkeypatch.setattr(app_module, "Pace", make_pace)
    status = run(desk, [fork], lambda: "waits for" in load_status(desk).get("problem", ""))
    assert not status["connected"]
    assert status["running"]
    assert len(desk.requests) == 2, "enrolled once, admitted anew once"
    assert 0 < paces[0].find_pause_s() <= 60.0


@pytest.mark.parametrize("error", [ValueError("not possible"), SignatureError("a key is none")])
def test_a_chain_that_cannot_be_mended_does_not_end_the_agent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It says so, goes on with the chain that is in force, and waits before it tries again."""
    former = desk.enrol()

    def mend(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(Succession, "mend", mend)
    status = run(desk, [fork], lambda: "waits for" in load_status(desk).get("problem", ""))
    assert (status["device"], status["running"]) == (former, True)
    assert status["happened"].endswith(f"; that did not succeed: {error}")


def test_what_the_disk_did_not_take_outlives_the_chain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the agent is told to stop while it mends: what was held, and why it ends, are in the queue then."""
    desk.enrol()
    held = Record(ClockStepped(1, 2), 3)
    mend = Succession.mend

    def mend_and_stop(succession: Succession, identity: Identity, found: Break) -> None:
        mend(succession, identity, found)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Pipeline, "take_held", lambda pipeline: [held])
    monkeypatch.setattr(Succession, "mend", mend_and_stop)
    desk.line._scripts = [fork]
    run_agent(desk.config, FakeSystem())
    agent = app_module.Agent(desk.config, FakeSystem())
    events = queued(agent)
    close(agent)
    assert held.event in events
    assert events[-1] == AgentStopped("SIGTERM")


def test_drill_is_judged_by_the_collectors_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that is good for a minute is good on a machine whose clock is ten years on."""
    desk.enrol()
    years_ns = 10 * 365 * 86400 * 10**9
    ordered: list[bytes] = []
    agent = app_module.Agent(desk.config, FakeSystem())
    monkeypatch.setattr(agent._keywords, "order_drill", ordered.append)
    for offset_ns, nonce in ((0, bytes(16)), (years_ns, bytes(range(16)))):
        monkeypatch.setattr(agent._uplink, "find_clock_offset_ns", lambda offset_ns=offset_ns: offset_ns)
        expires_at_ns = time.time_ns() - years_ns + 60 * 10**9
        signer = desk.fake.signer
        device_id = agent.identity.device_id
        agent._on_drill(sign_drill(signer, device_id=device_id, nonce=nonce, expires_at_ns=expires_at_ns))
    assert ordered == [bytes(range(16))]
    agent._spool.close()
