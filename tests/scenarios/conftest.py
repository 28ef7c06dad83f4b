# SPDX-License-Identifier: Apache-2.0
"""Programs of their own: a collector for each story, and an agent for each test of it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.desk import GROUP, Desk, DeskAgent
from tests.path import RunningAgent, RunningCollector
from tests.safeguarded import SCHOOL, Readers, wait_until_watched

Start = Callable[..., Path]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector that serves."""
    with RunningCollector(tmp_path_factory.mktemp("school") / "collector") as collector:
        collector.init()
        collector.start()
        yield collector


@pytest.fixture
def agent(collector: RunningCollector, tmp_path: Path) -> Iterator[RunningAgent]:
    """This machine's agent, enrolled and running; the collector has heard of its start."""
    with RunningAgent(tmp_path / "agent") as agent:
        agent.enrol(collector.token())
        agent.start()
        collector.wait_for_kind("agent.started", agent)
        yield agent


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a copy of a real program under another name; all of them are ended with the test."""
    running: list[subprocess.Popen[bytes]] = []
    (tmp_path / "programs").mkdir()

    def start_as(name: str, *, mark: bytes = b"") -> Path:
        path = tmp_path / "programs" / name
        if not path.exists():
            shutil.copy("/bin/sleep", path)
            # A program does not mind what stands behind its end, but its digest does.
            with path.open("ab") as file:
                file.write(mark)
        running.append(subprocess.Popen([str(path), "600"]))
        return path

    yield start_as
    for process in running:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Watched:
    """A school with readers, and one desk at which somebody is watched."""

    collector: RunningCollector
    agent: DeskAgent
    desk: Desk
    readers: Readers


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Made once: a ceremony of four people takes most of a minute. Stories leave it running as they found it."""
    folder = tmp_path_factory.mktemp("watched")
    with RunningCollector(folder / "collector") as collector, DeskAgent(folder / "agent") as agent, Desk() as desk:
        collector.init("--school", SCHOOL)
        collector.start()
        readers = Readers(folder / "readers", collector)
        readers.gather()
        readers.watch(GROUP)
        agent.enrol(collector.token())
        desk.open_window()
        agent.start()
        desk.accept_notice()
        wait_until_watched(agent)
        yield Watched(collector, agent, desk, readers)
