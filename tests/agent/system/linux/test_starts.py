# SPDX-License-Identifier: Apache-2.0
"""Tests of the process connector, on the real kernel.

A kernel before 6.6 gives it to root only, and a container is told nothing. There the fixture checks that the reason is
given in words, and says that the test was not run.
"""

import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from agent.errors import StartWatchError
from agent.system.interface import RunningProgram, Unreadable
from agent.system.linux import starts
from agent.system.linux.starts import ConnectorWatch, open_connector
from tests.tree import ROOT

DEADLINE_S = 20.0


@pytest.fixture
def connector():
    try:
        opened = open_connector()
    except StartWatchError as error:
        assert error.message in (
            "the kernel offers no process connector here",
            "the kernel does not answer, as in a container",
            "it needs to run as root",
        )
        pytest.skip(f"needs the process connector: {error.message}")
    yield opened
    opened.close()


def to_program(pid: int) -> RunningProgram:
    return RunningProgram(pid, 1, 1, 1, "true", "/bin/true", 1)


def collect(watch: ConnectorWatch, pids: set[int]) -> list[int]:
    """Return what was told, once all of `pids` were."""
    told: list[int] = []
    until_s = time.monotonic() + DEADLINE_S
    while not pids <= set(told):
        assert time.monotonic() < until_s, f"only {told} of {pids}"
        told += [program.pid for program in watch.take().programs]
        time.sleep(0.01)
    return told


def run_true() -> int:
    with subprocess.Popen(["/bin/true"]) as process:
        return process.pid


def test_every_start_is_told_once(connector: socket.socket):
    """Also of programs that have ended long before anyone asks; forks and exits are not told."""
    watch = ConnectorWatch(connector, to_program, lambda: None)
    pids = {run_true() for _ in range(20)}
    told = collect(watch, pids)
    watch.close()

    assert sorted(pid for pid in told if pid in pids) == sorted(pids)


def test_a_start_wakes_whoever_waits(connector: socket.socket):
    """Nobody has to ask every second."""
    woken = threading.Event()
    watch = ConnectorWatch(connector, to_program, woken.set)
    run_true()

    assert woken.wait(DEADLINE_S)
    watch.close()


def test_many_starts_wake_now_and_then(connector: socket.socket):
    """Whoever waits is not woken for each of a hundred."""
    woken: list[float] = []
    watch = ConnectorWatch(connector, to_program, lambda: woken.append(time.monotonic()))
    pids = {run_true() for _ in range(100)}
    collect(watch, pids)
    watch.close()

    # The last one says that the thread has ended.
    pauses_s = [later - earlier for earlier, later in pairwise(woken[:-1])]
    assert all(pause_s >= starts.WAKE_EVERY_S * 0.99 for pause_s in pauses_s)


def test_a_process_that_cannot_be_read_is_left_to_the_listing(connector: socket.socket):
    """It may have ended in the moment of its start."""
    asked: list[int] = []

    def read(pid: int) -> Unreadable:
        asked.append(pid)
        return Unreadable.GONE

    watch = ConnectorWatch(connector, read, lambda: None)
    pid = run_true()
    until_s = time.monotonic() + DEADLINE_S
    while pid not in asked and time.monotonic() < until_s:
        time.sleep(0.01)
    taken = watch.take()
    watch.close()

    assert pid in asked
    assert taken.programs == ()
    assert taken.is_complete


def test_an_overrun_is_told(connector: socket.socket):
    """When the kernel had to drop starts, the next answer says that it is not complete, and the one after is again."""
    connector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(40):
        run_true()
    woken = threading.Event()
    watch = ConnectorWatch(connector, to_program, woken.set)
    until_s = time.monotonic() + DEADLINE_S
    while watch.take().is_complete:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    watch.close()

    assert woken.is_set()


def test_more_starts_than_can_be_kept_are_told_as_an_overrun(connector: socket.socket, monkeypatch: pytest.MonkeyPatch):
    """Nobody took them, so the rest is left to a listing."""
    monkeypatch.setattr(starts, "MAX_WAITING", 3)
    read: list[int] = []

    def note(pid: int) -> RunningProgram:
        read.append(pid)
        return to_program(pid)

    watch = ConnectorWatch(connector, note, lambda: None)
    last = [run_true() for _ in range(10)][-1]
    until_s = time.monotonic() + DEADLINE_S
    while last not in read and time.monotonic() < until_s:
        time.sleep(0.01)
    taken = watch.take()
    watch.close()

    assert len(taken.programs) == 3
    assert not taken.is_complete


def test_a_watch_that_breaks_says_so(connector: socket.socket):
    """A thread that has ended is not a machine where nothing starts."""

    def fail(pid: int) -> RunningProgram:
        raise OSError("no more files")

    woken = threading.Event()
    watch = ConnectorWatch(connector, fail, woken.set)
    run_true()

    assert woken.wait(DEADLINE_S)
    with pytest.raises(StartWatchError):
        watch.take()
    watch.close()


def test_closing_ends_the_thread(connector: socket.socket):
    """And a second time it does nothing."""
    before = threading.active_count()
    watch = ConnectorWatch(connector, to_program, lambda: None)
    watch.close()
    watch.close()

    assert threading.active_count() == before


def test_a_container_is_told_that_it_is_one():
    """In a namespace of its own the kernel never answers; that is a reason in words and no endless silence."""
    code = (
        "from agent.errors import StartWatchError\n"
        "from agent.system.linux.starts import open_connector\n"
        "try:\n    open_connector()\n"
        "except StartWatchError as error:\n    print(error.message)\n"
    )
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make namespaces")
    told = subprocess.run([*unshare, sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert told.stdout.strip() in ("the kernel does not answer, as in a container", "it needs to run as root")
