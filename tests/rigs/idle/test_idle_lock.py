# SPDX-License-Identifier: Apache-2.0
"""Real time passes on a real display, with and without a real locker and a real logind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.system.linux.screens.logind import Logind
from tests.desk import UID
from tests.rigs.idle import desk as desks
from tests.rigs.idle import elogind
from tests.rigs.idle.desk import GRACE_S, LIMIT_S, IdleDesk

pytestmark = pytest.mark.desktop


@pytest.fixture(autouse=True)
def programs() -> None:
    if missing := desks.find_missing():
        pytest.skip(missing)


@pytest.fixture
def desk() -> Iterator[IdleDesk]:
    """A desk on a machine without logind."""
    with IdleDesk() as made:
        yield made


@pytest.fixture
def logind(tmp_path: Path) -> Iterator[elogind.LoginManager]:
    if missing := elogind.find_missing():
        pytest.skip(f"needs {missing}")
    with elogind.LoginManager(tmp_path) as made:
        yield made


def test_a_display_that_nobody_touches_is_found_and_so_is_the_touch(desk: IdleDesk):
    """With the seconds that have really passed, and by the display alone."""
    desk.look()
    told = desk.wait_for(is_over=False)
    assert told["idle_s"] >= int(LIMIT_S + GRACE_S)
    assert (told["session_type"], told["measured_by"], told["limit_s"]) == ("x11", "x11", LIMIT_S)
    desk.wait_for_answer("fail", left_open="1")
    assert desk.touch_until(is_over=True)["idle_s"] == told["idle_s"]


def test_a_locker_s_window_is_a_lock_without_logind(desk: IdleDesk):
    """i3lock tells nobody else that it locks."""
    desk.start_program("i3lock", "-n")
    desk.look()
    # That logind is not there, and text consoles are not seen, is said; no session is found open.
    desk.wait_for_answer("unknown", sessions="1", locked="1")
    assert desk.events == []


def test_a_desktop_that_locks_itself_in_time_is_never_found(logind: elogind.LoginManager):
    """A real locker, told to lock by the display's screen saver, that says so to a real logind."""
    with IdleDesk(logind.address) as desk:
        path = logind.create("x11", display=desk.display)
        logind.create("x11", of="greeter", display=desk.display, uid=0)
        desk.session = path.rpartition("/")[2]
        desk.set_saver(1)
        desk.start_program("xss-lock", "--session", desk.session, "--", "i3lock", "-n")
        desk.touch()
        desk.look()
        desk.wait_for_answer("pass", sessions="1", locked="1", set_to_lock="xss-lock after 1 s, as the user likes")
        assert desk.events == []


def test_a_lock_that_was_only_asked_for_is_none(logind: elogind.LoginManager):
    """Nobody heard it."""
    with IdleDesk(logind.address) as desk:
        path = logind.create("x11", display=desk.display, desktop="XFCE")
        logind.lock_as_asked(path.rpartition("/")[2])
        desk.look()
        told = desk.wait_for(is_over=False)
        assert (told["measured_by"], told["desktop"]) == ("x11", "XFCE")
        logind.call(path, "SetLockedHint", "b", (True,))
        desk.wait_for(is_over=True)


def test_wayland_is_known_by_what_logind_was_told(logind: elogind.LoginManager):
    """A session of which no process is found, as its desktop sets the hints."""
    with IdleDesk(logind.address) as desk:
        path = logind.create("wayland", desktop="gnome")
        desk.look()
        # Its makers have it lock after 300 s.
        desk.wait_for_answer("fail", left_open="0")
        logind.call(path, "SetIdleHint", "b", (True,))
        told = desk.wait_for(is_over=False)
        assert told["idle_s"] >= int(LIMIT_S + GRACE_S)
        assert (told["session_type"], told["measured_by"]) == ("wayland", "logind")
        logind.call(path, "SetLockedHint", "b", (True,))
        desk.wait_for(is_over=True)


def test_a_session_that_has_ended_is_none_and_a_bus_that_goes_is_no_answer(
    logind: elogind.LoginManager, monkeypatch: pytest.MonkeyPatch
):
    """logind is asked for its sessions first, and for one after the other then."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", logind.address)
    path = logind.create("x11", display=":64", desktop="XFCE")
    logind.create("x11", of="greeter")
    asked = Logind()
    (login,) = asked.find_logins() or ()
    assert (login.uid, login.kind, login.display, login.desktop, login.is_locked) == (UID, "x11", ":64", "XFCE", False)
    assert login.idle_since_s == 0
    monkeypatch.setattr(asked, "_list_paths", lambda: [path, path.rpartition("/")[0] + "/gone"])
    assert asked.find_logins() == (login,)

    logind.stop_bus()
    assert asked.find_logins() is None
    assert asked.fault.startswith("logind does not answer")
