# SPDX-License-Identifier: Apache-2.0
"""Tests of what an agent does over several runs on one machine. With a collector beside it, see `tests/scenarios`."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.app import Agent, run_agent
from agent.config import Config
from agent.identity import IdentityFolder
from agent.policy import PolicyStore
from agent.spool import Spool
from proto.events import AgentStopped, ChainRestarted, Kind, Missing, Program, ProgramFound
from proto.wire import decode_event
from tests.agent.collector import rule_files
from tests.agent.piping import COLLECTOR
from tests.agent.spooled import peek_all
from tests.fakes import FakeSystem

TOR = Program("tor", "/usr/local/bin/tor", source="file")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The state folder of a machine whose policy names Tor, and whose collector cannot be reached."""
    config = Config(tmp_path / "state")
    PolicyStore(config.policy_file, COLLECTOR.enrol(config.state)).accept(COLLECTOR.publish(4, rule_files()))
    return config


def run_once(config: Config, system: FakeSystem) -> None:
    """Start an agent, let it look once, and end it."""
    agent = Agent(config, system)
    agent.pipeline.step()
    agent.stop("test")
    agent.run()


def told(config: Config) -> list[Kind | None]:
    """Return what waits in the queue of a machine on which no agent runs."""
    spool = Spool(config.spool_file, IdentityFolder(config.state).load().spool_key)
    try:
        waiting = [event for event in peek_all(spool) if event.payload.missing is Missing.NO]
        return [decode_event(event.kind, event.payload.body) for event in waiting]
    finally:
        spool.close()


def count_found(config: Config) -> int:
    """Return how often an installed program was told."""
    return sum(isinstance(event, ProgramFound) for event in told(config))


def test_a_restart_does_not_tell_a_finding_again(config: Config) -> None:
    """What somebody has resolved is not reopened because the machine was switched on."""
    system = FakeSystem()
    system.install(TOR)
    for _ in range(3):
        run_once(config, system)
    assert count_found(config) == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "damaged"])
def test_a_new_chain_tells_everything_again(config: Config, damage: Callable[[Path], object]) -> None:
    """The event that told of it may have been in the queue that was lost."""
    system = FakeSystem()
    system.install(TOR)
    run_once(config, system)
    damage(config.spool_file)
    run_once(config, system)
    assert isinstance(told(config)[0], ChainRestarted)
    assert count_found(config) == 1


def test_a_signal_ends_it_and_is_its_last_word(config: Config) -> None:
    """It says which signal it was; the folder then says that nobody runs."""

    def send() -> None:
        deadline_s = time.monotonic() + 60
        # It is written once the signals are taken.
        while not config.status_file.exists() and time.monotonic() < deadline_s:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send)
    sender.start()
    run_agent(config, FakeSystem())
    sender.join()
    assert [event for event in told(config) if isinstance(event, AgentStopped)] == [AgentStopped("SIGTERM")]
    assert '"running": false' in config.status_file.read_text(encoding="utf-8")
