# SPDX-License-Identifier: Apache-2.0
"""Tests of how a watcher is started, without a display."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import ChannelError, NotWatchedError
from agent.session import launch as launch_module
from agent.session.channel import Channel, open_pair
from agent.session.launch import MESSAGES_AT_ONCE, STOP_TIMEOUT_S, WatcherProcess, make_environment, start_watcher
from agent.session.messages import DrillOrder, State
from tests.agent.session.desktop import Heard, make_setup, wait_until
from tests.agent.traced import TRACEABLE, hold


def session_of(uid: int, **changes) -> SimpleNamespace:
    values = {
        "uid": uid,
        "gid": uid,
        "groups": (uid,),
        "home": "/nonexistent",
        "display": ":7777",
        "kind": "x11",
        "environment": {
            "LANG": "de_DE.UTF-8",
            "LD_PRELOAD": "evil.so",
            "PYTHONPATH": "/home",
            "XAUTHORITY": "",
            "PATH": ".",
        },
    }
    return SimpleNamespace(**{**values, **changes})


def test_little_of_the_environment_is_passed_on() -> None:
    """Nothing that decides what is loaded comes from the session."""
    assert make_environment(session_of(1000)) == {
        "LANG": "de_DE.UTF-8",
        "DISPLAY": ":7777",
        "HOME": "/nonexistent",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }


@pytest.mark.parametrize("changes", [{"kind": "wayland"}, {"kind": "tty", "display": ""}, {"display": ""}])
def test_other_sessions_are_not_watched(changes: dict[str, str]) -> None:
    """Wayland and terminals are refused with a reason."""
    with pytest.raises(NotWatchedError, match="only X11"):
        start_watcher(session_of(os.getuid(), **changes), make_setup(), print)


INTERPRETER = """#!/bin/sh
for last; do true; done
exec /usr/bin/python3 -I -c '
import json, os, socket, sys
who = [os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd()]
state = json.dumps({"kind": "state", "state": "waiting", "reason": repr(who)})
channel = socket.socket(fileno=int(sys.argv[1]))
channel.recv(16384)
channel.send(state.encode())
' "$last"
"""
"""Stands in for ours, which a checkout may keep where the pupil cannot reach it; it says who it runs as."""


def test_it_runs_as_the_user_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by root the watcher is the pupil's process with his groups; others may start only their own."""
    if os.geteuid() != 0:
        with pytest.raises(NotWatchedError, match="root"):
            start_watcher(session_of(os.getuid() + 1), make_setup(), print)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        interpreter = Path(folder) / "python"
        interpreter.write_text(INTERPRETER)
        interpreter.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(interpreter))
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
        heard = Heard()
        watcher = start_watcher(session_of(uid, gid=gid, groups=(gid,)), make_setup(), heard.take)
        assert heard.wait_for(State).reason == repr([(uid,) * 3, (gid,) * 3, [gid], "/"])
        wait_until(lambda: not watcher.is_alive)
        assert watcher.fault
        watcher.stop()
        watcher.stop()


STAND_IN = """
import json, os, socket, sys, time
channel = socket.socket(fileno=int(sys.argv[1]))
state = json.dumps({"kind": "state", "state": "watching", "reason": ""}).encode()
found = json.dumps({
    "kind": "found", "category": "suicide", "tier": 4, "severity": 5, "rule": "r", "why": "", "sentence": "help",
    "start": 0, "end": 4, "application": "", "window": "", "nonce": "", "around": "",
}).encode()
channel.send(state)
"""
"""Begins as a watcher does; what follows says how it goes on."""
LAST_WORDS = """
assert json.loads(channel.recv(16384)) == {"kind": "stop"}
for _ in range(5): channel.send(found)
"""
KILLED = LAST_WORDS + "time.sleep(600)"
TOO_MUCH = """
while True: channel.send(state)
"""
HELD_BY_ANOTHER = """
if os.fork() == 0: time.sleep(30)
time.sleep(600)
"""


def launch(program: str) -> tuple[WatcherProcess, Heard]:
    """Start something that stands in for a watcher, and wait until it has begun."""
    service, end = open_pair()
    with end:
        command = [sys.executable, "-c", STAND_IN + program, str(end.fileno())]
        process = subprocess.Popen(command, pass_fds=[end.fileno()], stderr=subprocess.DEVNULL, start_new_session=True)
    heard = Heard()
    watcher = WatcherProcess(process, Channel(service), heard.take)
    heard.wait_for(State)
    return watcher, heard


def test_one_that_somebody_traces_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as the pupil, who can so keep it on the kernel's list; it goes when he lets go."""
    monkeypatch.setattr(launch_module, "STOP_TIMEOUT_S", 0.1)
    watcher, _ = launch(TRACEABLE)
    with hold(watcher.pid):
        watcher.stop()
        assert Path(f"/proc/{watcher.pid}").exists()
    wait_until(lambda: not watcher.is_alive)
    wait_until(lambda: launch_module._REAPER.count_left() == 0)


@pytest.mark.parametrize("program", [LAST_WORDS, KILLED], ids=["ends", "is killed"])
def test_what_it_says_at_the_end_is_heard(program: str) -> None:
    """It is told to stop and heard until it hangs up; one that does not is killed, and what it had said counts."""
    watcher, heard = launch(program)
    watcher.stop()
    assert len(heard.found) == 5
    assert not watcher.is_alive
    assert not Path(f"/proc/{watcher.pid}").exists()


def test_many_that_stand_still_are_ended_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are all told first, so the time that each of them has runs at once; then they are killed."""
    watchers = [launch("time.sleep(600)")[0] for _ in range(4)]
    for watcher in watchers:
        os.kill(watcher.pid, signal.SIGSTOP)
    started_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started_s)
    for watcher in watchers:
        watcher.begin_stop()
    # From here on the time that they have together is over.
    monkeypatch.setattr(time, "monotonic", lambda: started_s + STOP_TIMEOUT_S)
    for watcher in watchers:
        watcher.stop()
        assert not Path(f"/proc/{watcher.pid}").exists()


def fill(watcher: WatcherProcess) -> None:
    """Give orders until there is no room."""
    while True:
        watcher.send(DrillOrder("0" * 10_000))


def test_one_that_stands_still_is_not_waited_for() -> None:
    """When it has no room for another order, whoever gives one is told so."""
    watcher, _ = launch("time.sleep(600)")
    os.kill(watcher.pid, signal.SIGSTOP)
    with pytest.raises(ChannelError, match="does not listen"):
        fill(watcher)
    watcher.stop()


def test_too_much_talk_ends_the_channel() -> None:
    """A program of the same user that speaks without end keeps nobody busy."""
    watcher, heard = launch(TOO_MUCH)
    wait_until(lambda: not watcher.is_alive)
    assert watcher.fault == "it says too much"
    assert len(heard.reports) < 10 * MESSAGES_AT_ONCE
    watcher.stop()


def test_nothing_is_heard_of_text_in_an_error() -> None:
    """What ends a channel is told without what was said."""
    watcher, _ = launch("channel.send(found.replace(b'help', b'h' * 501))")
    wait_until(lambda: not watcher.is_alive)
    assert watcher.fault == "sentence is longer than 500 characters"
    watcher.stop()


def test_another_process_at_its_end_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that it left behind with the channel does not hold the service up."""
    monkeypatch.setattr("agent.session.launch.STOP_TIMEOUT_S", 0.2)
    watcher, _ = launch(HELD_BY_ANOTHER)
    group = os.getpgid(watcher.pid)
    watcher.stop()
    assert not watcher.is_alive
    os.killpg(group, signal.SIGKILL)
