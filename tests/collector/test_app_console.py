# SPDX-License-Identifier: Apache-2.0
"""Tests of what happens around the console's process: how it is started, and what its end means for the devices."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from collector.authority import load_authority
from proto.wire import AgentMessage
from tests.collector.evidence import ORDINARY, enrol_device
from tests.collector.line import Call, _credentials
from tests.collector.school import School
from tests.path import RunningCollector, wait_for


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    """A collector that was made and does not serve yet."""
    with RunningCollector(tmp_path / "collector") as collector:
        collector.init()
        yield collector


def find_console(collector: RunningCollector) -> psutil.Process | None:
    """Return the process of the console, or None while there is none."""
    assert collector._process is not None
    children = psutil.Process(collector._process.pid).children()
    running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return running[0] if running else None


def ask_console(collector: RunningCollector) -> int | None:
    """Return the status of the sign-in page, or None when nobody answers."""
    connection = http.client.HTTPConnection(collector.addresses["http"].removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/sign-in")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_file_in_the_current_folder_is_no_module(
    collector: RunningCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write into the folder where the collector is started runs nothing in it."""
    (tmp_path / "here").mkdir()
    for name in ("uvicorn", "starlette", "logging"):
        (tmp_path / "here" / f"{name}.py").write_text("open('was-here', 'w').close()\n")
    monkeypatch.chdir(tmp_path / "here")
    collector.start()
    assert ask_console(collector) == 200
    assert not (tmp_path / "here" / "was-here").exists()


def test_console_that_is_killed_comes_back_and_devices_notice_nothing(collector: RunningCollector) -> None:
    """The stream stays open, events are stored meanwhile, and a new process answers on the same port."""
    collector.start()
    school = School(collector.config, collector.engine, now_ns=time.time_ns())
    device = enrol_device(school, load_authority(collector.config.authority_folder))
    with Call(collector.addresses["grpc"], _credentials(device.identity, None)) as call:
        call.say_hello()
        console = find_console(collector)
        assert console is not None
        console.kill()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().ack.last_seq == 1
        wait_for(lambda: find_console(collector) not in (None, console), "another console", collector)
        wait_for(lambda: ask_console(collector) == 200, "the console to answer", collector)
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        assert call.receive().ack.last_seq == 2
    assert "it is started again in 1 s" in collector.log()
    assert collector.stop() == 0
