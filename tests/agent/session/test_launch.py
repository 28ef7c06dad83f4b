# SPDX-License-Identifier: Apache-2.0
"""Tests of how a watcher is started, without a display."""

import os
import pwd
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import NotWatchedError
from agent.session.launch import make_environment, start_watcher
from agent.session.messages import State
from tests.agent.session.desktop import Heard, make_setup, wait_until


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
