# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent as it is put together: its start from every state of its folder, its policies, its end."""

import json
import os
import signal
import threading
import time
from typing import Any

import pytest

from agent.app import Agent, run_agent
from agent.config import CHECKS, Config
from agent.errors import AlreadyRunningError, NotEnrolledError
from agent.identity import IdentityFolder
from agent.pipeline import WOKEN_EVERY_S
from agent.spool import Spool
from proto.drill import sign_drill
from proto.events import (
    AgentStarted,
    ChainRestarted,
    FlagRaised,
    PolicyApplied,
    PolicyRefused,
    ProgramStarted,
    RecipientsApplied,
    RecipientsRefused,
)
from proto.keys import Ed25519Signer
from proto.recipients import fingerprint
from proto.wire import decode_header
from tests.agent.collector import KEYWORDS, FakeCollector, rule_files
from tests.agent.desk import Desk, close, events_of
from tests.agent.line import DEADLINE_S, wait_for
from tests.agent.safeguarding import ROOT, make_safeguarding, open_as
from tests.agent.spooled import peek_all
from tests.fakes import FakeSystem

# The start


def test_machine_that_is_not_enrolled_does_not_start(desk: Desk, system: FakeSystem) -> None:
    """The error says how it is enrolled."""
    with pytest.raises(NotEnrolledError, match="is not enrolled") as caught:
        Agent(desk.config, system)
    assert "enrol --state" in caught.value.hint


def test_start_is_the_first_thing_told(desk: Desk, system: FakeSystem) -> None:
    """What the machine is, what is checked on it, and what cannot be watched."""
    desk.enrol()
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    started = events_of(agent)[0]
    assert isinstance(started, AgentStarted)
    assert (started.hostname, started.checks) == (system.machine.hostname, CHECKS)
    assert set(system.not_watched()) <= set(started.not_watched)
    close(agent)


def test_forbidden_program_goes_into_the_queue_and_an_ordinary_one_does_not(desk: Desk, system: FakeSystem) -> None:
    """The policy of the enrolment decides what may leave."""
    desk.enrol()
    agent = Agent(desk.config, system)
    system.start("/opt/tor-browser/tor")
    system.start("/usr/bin/private-diary")
    agent.pipeline.step()
    assert [event.program.name for event in events_of(agent) if isinstance(event, ProgramStarted)] == ["tor"]
    assert not any(b"private-diary" in event.payload.body for event in peek_all(agent._spool))
    close(agent)


def test_second_agent_does_not_start(desk: Desk, system: FakeSystem) -> None:
    """Two on one queue would write two chains."""
    desk.enrol()
    agent = Agent(desk.config, system)
    with pytest.raises(AlreadyRunningError, match="another agent runs"):
        Agent(desk.config, system)
    close(agent)
    close(Agent(desk.config, system))


def spoil_queue(config: Config, how: str) -> None:
    """Lose or damage the queue."""
    if how == "deleted":
        config.spool_file.unlink()
    elif how == "overwritten":
        config.spool_file.write_bytes(bytes(range(256)) * 100)
    else:
        folder = IdentityFolder(config.state)
        folder.start_epoch(folder.load())


@pytest.mark.parametrize("how", ["deleted", "overwritten", "of another epoch"])
def test_lost_queue_begins_a_new_chain_that_says_so(desk: Desk, system: FakeSystem, how: str) -> None:
    """The device stays the same; the first event of the new chain is the reason, and the second is the start."""
    device_id = desk.enrol()
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    close(agent)
    spoil_queue(desk.config, how)
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    restarted, started = events_of(agent)[:2]
    assert isinstance(restarted, ChainRestarted)
    assert isinstance(started, AgentStarted)
    assert peek_all(agent._spool)[0].seq == 1
    identity = IdentityFolder(desk.config.state).load()
    assert (identity.device_id, identity.epoch) == (device_id, restarted.previous_epoch + 1)
    close(agent)


@pytest.mark.parametrize("done", [1, 2, 3])
def test_new_chain_says_so_also_after_a_power_cut_in_between(desk: Desk, system: FakeSystem, done: int) -> None:
    """However many of the three steps of a new beginning were done, its first event is the reason."""
    desk.enrol()
    close(Agent(desk.config, system))
    folder = IdentityFolder(desk.config.state)
    identity = folder.start_epoch(folder.load())
    if done > 1:
        desk.config.spool_file.rename(desk.config.spool_file.with_name("spool.db.old"))
    if done > 2:
        Spool(desk.config.spool_file, identity.spool_key).close()
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    assert isinstance(events_of(agent)[0], ChainRestarted)
    assert peek_all(agent._spool)[0].seq == 1
    close(agent)


# Policies


def test_newer_policy_is_in_force_and_told(desk: Desk, system: FakeSystem) -> None:
    """And it is still in force after a restart."""
    desk.enrol()
    agent = Agent(desk.config, system)
    agent._on_bundle(desk.fake.publish(5))
    agent.pipeline.step()
    (applied,) = [event for event in events_of(agent) if isinstance(event, PolicyApplied)]
    assert applied.bundle_version == 5
    close(agent)
    agent = Agent(desk.config, system)
    assert agent._policy.version == 5
    close(agent)


@pytest.mark.parametrize("what", ["older", "forged", "garbled"])
def test_policy_that_is_not_right_is_refused_and_told(desk: Desk, system: FakeSystem, what: str) -> None:
    """The one in force stays."""
    desk.enrol()
    agent = Agent(desk.config, system)
    agent._on_bundle(desk.fake.publish(5))
    bundle = {
        "older": desk.fake.publish(4),
        "forged": FakeCollector().publish(6),
        "garbled": desk.fake.publish(6),
    }[what]
    if what == "garbled":
        bundle.body = b"{}"
    agent._on_bundle(bundle)
    agent.pipeline.step()
    (refused,) = [event for event in events_of(agent) if isinstance(event, PolicyRefused)]
    assert refused.bundle_version == bundle.version
    assert agent._policy.version == 5
    close(agent)


def test_policy_that_was_changed_on_the_disk_is_not_used(desk: Desk, system: FakeSystem) -> None:
    """Nothing about programs leaves without a policy; that it was lost does."""
    desk.enrol()
    raw = desk.config.policy_file.read_bytes()
    desk.config.policy_file.write_bytes(raw.replace(b"BX-07", b"BX-08"))
    agent = Agent(desk.config, system)
    system.start("/opt/tor-browser/tor")
    agent.pipeline.step()
    kinds = [event.kind for event in events_of(agent)]
    assert PolicyRefused.kind in kinds
    assert ProgramStarted.kind not in kinds
    assert agent._policy.version == 0
    close(agent)


# Readers and drills


def enrol_watched(desk: Desk) -> None:
    """Enrol a machine that pins the root, under a policy that has keyboards watched."""
    desk.token_changes = {"safeguarding_root_fingerprint": fingerprint(ROOT.public_key)}
    desk.changes = {"bundle": desk.fake.publish(1, rule_files(keywords=KEYWORDS))}
    desk.enrol()


def test_readers_are_in_force_and_told(desk: Desk, system: FakeSystem) -> None:
    """And they still are after a restart; the same again is no news."""
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    for _ in range(2):
        agent._on_safeguarding(make_safeguarding(3))
    agent.pipeline.step()
    (applied,) = [event for event in events_of(agent) if isinstance(event, RecipientsApplied)]
    assert (applied.recipients_version, applied.root_fingerprint) == (3, fingerprint(ROOT.public_key).hex())
    close(agent)
    agent = Agent(desk.config, system)
    assert agent._readers.version == 3
    close(agent)


def test_an_absence_that_somebody_declares_is_told(
    desk: Desk, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets the next rung read as well and nobody signed it: the device says so, under the version that it was."""
    # Nobody goes and comes back within the two seconds in which the same event again is only counted.
    monkeypatch.setattr("agent.throttle.REPEATED_WITHIN_S", 0.0)
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    for absent in ((), ("dana", "derek"), ("dana", "derek"), ()):
        agent._on_safeguarding(make_safeguarding(3, absent=absent))
        agent.pipeline.step()
    applied = [event for event in events_of(agent) if isinstance(event, RecipientsApplied)]
    assert [each.recipients_version for each in applied] == [3, 3, 3]
    close(agent)


def test_a_lost_set_does_not_bring_the_root_of_the_enrolment_back(desk: Desk, system: FakeSystem) -> None:
    """What this machine came to lies with its identity; enrolled anew, it begins anew."""
    enrol_watched(desk)
    agent, new_root = Agent(desk.config, system), Ed25519Signer.generate()
    agent._on_safeguarding(make_safeguarding(3, root=new_root, former_root=ROOT))
    close(agent)
    desk.config.readers_file.unlink()
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(4))
    assert (agent._readers.version, agent._readers.root_fingerprint) == (0, fingerprint(new_root.public_key))
    close(agent)
    assert desk.config.pin_file.exists()
    desk.enrol(again=True)
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(1))
    assert (agent._readers.version, agent._readers.root_fingerprint) == (1, fingerprint(ROOT.public_key))
    close(agent)


def test_readers_of_a_hostile_administrator_are_refused_and_told(desk: Desk, system: FakeSystem) -> None:
    """With root on the collector he has every key but one; those in force stay."""
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(3))
    agent._on_safeguarding(make_safeguarding(4, root=Ed25519Signer.generate()))
    agent.pipeline.step()
    (refused,) = [event for event in events_of(agent) if isinstance(event, RecipientsRefused)]
    assert "another safeguarding root" in refused.reason
    assert agent._readers.version == 3
    close(agent)


def test_readers_that_were_changed_on_the_disk_are_not_used(desk: Desk, system: FakeSystem) -> None:
    """Nobody is watched without them; that they were lost is told."""
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(3))
    close(agent)
    desk.config.readers_file.write_bytes(b"{}")
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    assert [event.kind for event in events_of(agent)].count(RecipientsRefused.kind) == 1
    assert agent.pipeline.results["keywords"].state == "fail"
    close(agent)


def test_a_drill_comes_back_through_the_whole_agent(desk: Desk, system: FakeSystem) -> None:
    """With nobody at a screen: the order, the real matcher, the seal, the queue; a second time nothing."""
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(1))
    agent.pipeline.step()
    order = sign_drill(
        desk.fake.signer,
        device_id=agent.identity.device_id,
        nonce=bytes(range(16)),
        expires_at_ns=time.time_ns() + 60 * 10**9,
    )
    for _ in range(2):
        agent._on_drill(order)
        time.sleep(WOKEN_EVERY_S)  # so soon after a look nothing is looked at again
        agent.pipeline.step()
    (flag,) = [event for event in events_of(agent) if isinstance(event, FlagRaised)]
    (raised,) = [event for event in peek_all(agent._spool) if event.kind == FlagRaised.kind]
    content = open_as("dana", flag.sealed)

    assert flag.drill_nonce == order.nonce
    assert decode_header(raised.header).drill
    assert content is not None
    assert (content.account, content.drill_nonce, content.category) == ("drill", order.nonce.hex(), "drill")
    close(agent)


@pytest.mark.parametrize("what", ["forged", "for another", "expired"])
def test_an_order_that_is_not_right_is_not_answered(desk: Desk, system: FakeSystem, what: str) -> None:
    """Nobody but the collector can have a device raise a flag, and not for ever."""
    enrol_watched(desk)
    agent = Agent(desk.config, system)
    agent._on_safeguarding(make_safeguarding(1))
    agent.pipeline.step()
    order = sign_drill(
        Ed25519Signer.generate() if what == "forged" else desk.fake.signer,
        device_id="another" if what == "for another" else agent.identity.device_id,
        nonce=bytes(16),
        expires_at_ns=1 if what == "expired" else 2**62,
    )
    agent._on_drill(order)
    agent.pipeline.step()
    assert not any(isinstance(event, FlagRaised) for event in events_of(agent))
    close(agent)


# The run


def test_agent_runs_until_it_is_told_to_stop(desk: Desk, system: FakeSystem) -> None:
    """It sends what happens, says at once when it is connected, and its last word is sent before it ends."""
    desk.enrol()
    status: dict[str, Any] = {}

    def load_status() -> dict[str, Any]:
        try:
            return dict(json.loads(desk.config.status_file.read_text()))
        except FileNotFoundError:
            return {}

    def watch() -> None:
        try:
            wait_for(lambda: load_status().get("connected"), "the agent to connect")
            status.update(load_status())
            system.start("/opt/tor-browser/tor")
            wait_for(lambda: b"tor-browser" in desk.received(), "the start to be sent")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run_agent(desk.config, system)
    finally:
        watcher.join(DEADLINE_S)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (status["pid"], status["running"], status["device"]) == (os.getpid(), True, f"{1:016x}")
    assert (status["policy_version"], status["problem"]) == (1, "")
    assert abs(status["written_at_ns"] - time.time_ns()) < 60 * 10**9
    assert b"SIGTERM" in desk.received()
    assert load_status()["running"] is False
    close(Agent(desk.config, system))


def test_status_that_cannot_be_written_stops_nothing(desk: Desk, system: FakeSystem) -> None:
    """It is for people; the agent goes on without."""
    desk.enrol()
    agent = Agent(desk.config, system)
    desk.config.status_file.mkdir()
    agent._status.write(is_running=True)
    agent.pipeline.step()
    assert events_of(agent)
    close(agent)
