# SPDX-License-Identifier: Apache-2.0
"""A device with a queue and an uplink, for tests of the line; a machine that enrols, for tests of the whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.uplink import line as line_module
from collector.authority import Authority, load_authority, make_authority
from tests.agent.collector import FakeCollector
from tests.agent.desk import Desk
from tests.agent.line import Line, make_device
from tests.fakes import FakeSystem


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A device whose pauses are short."""
    monkeypatch.setattr(line_module, "BACKOFF_BASE_S", 0.05)
    monkeypatch.setattr(line_module, "REFUSED_PAUSE_S", 0.05)
    monkeypatch.setattr(line_module, "NOT_ADMITTED_PAUSE_S", 0.05)
    line = Line(tmp_path, *make_device(tmp_path, FakeCollector()))
    yield line
    line.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    return load_authority(folder)


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Iterator[Desk]:
    """A machine and a collector that listens."""
    desk = Desk(tmp_path, authority)
    with desk.line:
        yield desk


@pytest.fixture
def system() -> FakeSystem:
    """The machine's software."""
    return FakeSystem()
