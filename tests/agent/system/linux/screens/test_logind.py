# SPDX-License-Identifier: Apache-2.0
"""Tests of what logind's words mean; `tests.rigs.idle` asks a real one."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.system.linux.screens.logind import AGAIN_S, MAX_DESKTOP_CHARACTERS, Logind, to_login
from tests.fakes import FakeClock

TOLD: dict[str, Any] = {
    "Id": "2",
    "User": (1007, "/org/freedesktop/login1/user/_1007"),
    "Class": "user",
    "Type": "x11",
    "State": "active",
    "Active": True,
    "Remote": False,
    "Display": ":0",
    "TTY": "tty2",
    "Desktop": "GNOME",
    "LockedHint": True,
    "IdleHint": True,
    "IdleSinceHint": 1_790_000_000_000_000,
    "IdleSinceHintMonotonic": 5_000_000,
}


def test_a_session_as_logind_tells_of_it():
    """In our units."""
    login = to_login(TOLD)
    assert login is not None
    assert (login.id, login.uid, login.kind, login.display, login.desktop) == ("2", 1007, "x11", ":0", "GNOME")
    assert (login.is_locked, login.is_idle, login.idle_since_s) == (True, True, 5.0)
    assert login.idle_since_ns == 1_790_000_000_000_000_000


def test_a_session_in_the_background_is_one():
    """Ctrl+Alt+F2 leads into it."""
    assert to_login(TOLD | {"State": "online", "Active": False}) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"Class": "greeter"},
        {"Class": "lock-screen"},
        {"Class": "background"},
        {"Remote": True},
        {"State": "closing"},
        {"Type": "unspecified"},
        {"Type": "tty", "TTY": "pts/3"},
        {"Type": "tty", "TTY": ""},
    ],
)
def test_where_nobody_sits_is_no_session(changes: dict[str, Any]):
    """Nor one that somebody has from another machine."""
    assert to_login(TOLD | changes) is None


def test_a_text_console_is_one():
    """With or without the folder before its name."""
    login = to_login(TOLD | {"Type": "tty", "TTY": "/dev/tty3", "Display": ""})
    assert login is not None
    assert (login.kind, login.terminal) == ("tty", "tty3")


def test_a_user_s_text_is_one_short_line():
    """What a desktop is called, the user's environment says."""
    login = to_login(TOLD | {"Desktop": "K\n\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}DE" + "x" * 500, "Display": "; rm"})
    assert login is not None
    assert login.desktop.startswith("K[2JDE")
    assert login.display == ""
    assert len(login.desktop) <= MAX_DESKTOP_CHARACTERS


def test_without_a_bus_it_is_asked_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And says what was wrong."""
    clock = FakeClock()
    logind = Logind(clock)
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")
    assert logind.find_logins() is None
    assert "logind does not answer" in logind.fault

    heard = threading.Semaphore(0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def refuse() -> None:
            # Something that is no bus: it takes the connection and ends it.
            connection, _ = server.accept()
            heard.release()
            connection.close()

        threading.Thread(target=refuse, daemon=True).start()
        assert logind.find_logins() is None
        assert not heard.acquire(blocking=False), "asked too soon"
        clock.advance(AGAIN_S)
        assert logind.find_logins() is None
        assert heard.acquire(timeout=5)
    logind.close()
