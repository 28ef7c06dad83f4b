# SPDX-License-Identifier: Apache-2.0
"""Programs of their own: a collector for each story, and an agent for each test of it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.path import RunningAgent, RunningCollector
from tests.watched import Watched, watch

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


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Made once for all stories of a watched desk; each leaves it running as it found it."""
    with watch(tmp_path_factory.mktemp("watched")) as watched:
        yield watched
