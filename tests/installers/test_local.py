# SPDX-License-Identifier: Apache-2.0
"""Tests of the local run: the real two programs, started and stopped as `make run` does it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.config import load_config
from collector.store.engine import open_checked_engine
from collector.users import change_password
from tests.tree import ROOT

START_S = 120.0

pytestmark = pytest.mark.timeout(300)

Starter = Callable[[Path], "subprocess.Popen[str]"]


def run_locally() -> Iterator[Starter]:
    """Start local runs; those still running at the end are ended."""
    started: list[subprocess.Popen[str]] = []

    def start_one(folder: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "installers.local", "--folder", str(folder)]
        run = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(run)
        return run

    yield start_one
    for run in started:
        if run.poll() is None:
            run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)


start = pytest.fixture(run_locally, name="start")


def read_until_ready(run: "subprocess.Popen[str]") -> str:
    """Return what a run prints until it says how to stop it."""
    said = ""
    assert run.stdout is not None
    for line in run.stdout:
        said += line
        if line.startswith("Stop: Ctrl-C"):
            return said
    assert run.stderr is not None
    pytest.fail(f"it ended while starting:\n{said}\n{run.stderr.read()}")


def address_in(said: str) -> str:
    """Return the console's address out of what was printed."""
    return next(line.split()[1] for line in said.splitlines() if line.strip().startswith("Console"))


def find_processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode() if process.name.isdigit() else ""
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder) in command:
            found.append(command)
    return found


def wait_until_nothing_works_in(folder: Path) -> None:
    """Wait until no process names a folder any more."""
    deadline = time.monotonic() + 30
    while (left := find_processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def use_password(folder: Path, name: str, password: str) -> None:
    """Choose a password of one's own, as the console asks for at the first sign-in."""
    config = load_config(folder)
    engine = open_checked_engine(config)
    change_password(engine, config.school_id, name, password, "copper river stone tower", time.time_ns())
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Kept:
    """A first run that was stopped: what it left, and what it said."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """One first run for several tests, for it takes long. Each goes on with a copy of its folder."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    with contextlib.contextmanager(run_locally)() as start:
        run = start(folder)
        said = read_until_ready(run)
        with urllib.request.urlopen(address_in(said), timeout=30) as answer:
            assert answer.status == 200
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 0
        wait_until_nothing_works_in(folder)
    return Kept(folder, said)


@pytest.fixture
def folder(kept: Kept, tmp_path: Path) -> Path:
    """What the first run left."""
    shutil.copytree(kept.folder, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def test_starts_stops_and_starts_again(kept: Kept, folder: Path, start: Starter) -> None:
    """The first run says where to look and what is not seen; stopping leaves nothing; the second run goes on there,
    without the password that was used."""
    assert "Not watched:" in kept.said
    notes = folder / "notes.json"
    assert stat.S_IMODE(notes.stat().st_mode) == 0o600
    passwords = json.loads(notes.read_text(encoding="utf-8"))["passwords"]
    assert set(passwords) == {"admin", "dsl", "head", "technician"}
    assert all(password in kept.said for password in passwords.values())
    use_password(folder / "collector", "technician", passwords["technician"])

    second = start(folder)
    again = read_until_ready(second)
    assert address_in(again) == address_in(kept.said)
    assert "enrolling" not in again
    assert passwords["admin"] in again
    assert passwords["technician"] not in again + notes.read_text(encoding="utf-8")
    assert "user reset technician" in again
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=60) == 0
    wait_until_nothing_works_in(folder)


def test_moves_when_an_address_was_taken(folder: Path, start: Starter) -> None:
    """Where another program took the port of the last run, collector and agent meet at another one."""
    before = json.loads((folder / "collector" / "served.json").read_text(encoding="utf-8"))
    with socket.create_server(("127.0.0.1", int(before["grpc"].rpartition(":")[2]))):
        assert "its address was taken: enrolling again" in read_until_ready(start(folder))
    after = json.loads((folder / "collector" / "served.json").read_text(encoding="utf-8"))
    assert after["grpc"] != before["grpc"]
    assert (after["enrol"], after["http"]) == (before["enrol"], before["http"])


def test_two_beside_each_other_and_one_that_breaks(tmp_path: Path, start: Starter) -> None:
    """Two folders do not disturb each other; where the agent dies the run says so, shows its log and ends with 3."""
    one, other = start(tmp_path / "one"), start(tmp_path / "other")
    addresses = {address_in(read_until_ready(run)) for run in (one, other)}
    assert len(addresses) == 2

    late = start(tmp_path / "one")
    assert late.wait(timeout=START_S) == 3
    assert late.stderr is not None
    assert "in use by another run" in late.stderr.read()

    status = json.loads((tmp_path / "one" / "agent" / "status.json").read_text(encoding="utf-8"))
    os.kill(status["pid"], signal.SIGKILL)
    assert one.wait(timeout=60) == 3
    assert one.stderr is not None
    assert "agent was ended by signal 9" in one.stderr.read()
    wait_until_nothing_works_in(tmp_path / "one")
    assert other.poll() is None
