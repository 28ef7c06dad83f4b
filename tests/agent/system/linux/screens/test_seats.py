# SPDX-License-Identifier: Apache-2.0
"""Tests of who sits at which screen: what logind knows and what processes show, brought together."""

from typing import Any

from agent.system.interface import Session
from agent.system.linux.screens.logind import Login
from agent.system.linux.screens.seats import list_seats
from tests.agent.safeguarding import make_session
from tests.agent.system.linux.logins import make_login


def show(sessions: list[Session], logins: list[Login] | None) -> list[tuple[Any, ...]]:
    """Return of each seat: user, kind and display, and the login."""
    seats = list_seats(sessions, logins, lambda login: make_session(uid=login.uid, kind=login.kind, display="made"))
    return [
        (each.session.uid, each.session.kind, each.session.display, each.login.id if each.login else None)
        for each in seats
    ]


def test_a_display_is_the_login_s():
    """Also if logind was not told which display it is."""
    assert show([make_session()], [make_login()]) == [(1007, "x11", ":0", "2")]
    assert show([make_session()], [make_login(display="")]) == [(1007, "x11", ":0", "2")]
    two = [make_session(display=":1"), make_session()]
    assert show(two, [make_login(display="", id="3"), make_login()]) == [
        (1007, "x11", ":0", "2"),
        (1007, "x11", ":1", "3"),
    ]


def test_the_x11_server_under_wayland_is_no_screen_of_its_own():
    """It hears only what is typed into its windows."""
    both = [make_session(), make_session(kind="wayland", display="wayland-0")]
    assert show(both, [make_login(kind="wayland")]) == [(1007, "wayland", "wayland-0", "2")]
    assert show(both, None) == [(1007, "wayland", "wayland-0", None)]


def test_a_display_that_was_started_on_a_text_console_is_one():
    """logind calls both a console; a console beside them stays one."""
    started = [make_login(kind="tty", display="", id="4"), make_login(kind="tty", display="", id="5")]
    assert show([make_session()], started) == [(1007, "x11", ":0", "4"), (1007, "tty", "made", "5")]
    both = [make_session(), make_session(kind="wayland", display="wayland-1")]
    assert show(both, started) == [(1007, "wayland", "wayland-1", "4"), (1007, "tty", "made", "5")]


def test_what_logind_does_not_know_is_no_screen():
    """A greeter, a server for tests, a display in a display; without logind only system accounts can be told."""
    greeter, nested = make_session(uid=112, display=":0"), make_session(display=":1")
    assert show([greeter, nested, make_session()], [make_login()]) == [(1007, "x11", ":0", "2")]
    assert show([greeter], []) == []
    assert show([greeter, nested], None) == [(1007, "x11", ":1", None)]


def test_a_display_of_another_machine_is_left_out():
    """That is where somebody sits."""
    assert show([make_session(display="lab-7:0"), make_session(display="localhost:10")], None) == []


def test_everybody_who_is_signed_in_has_a_seat():
    """Two people on one machine, one of them in the background, and one of whom no process is found."""
    logins = [make_login(), make_login(uid=1008, display=":1", id="7"), make_login(uid=1009, kind="wayland", id="9")]
    sessions = [make_session(), make_session(uid=1008, display=":1")]
    assert show(sessions, logins) == [
        (1007, "x11", ":0", "2"),
        (1008, "x11", ":1", "7"),
        (1009, "wayland", "made", "9"),
    ]


def test_a_user_who_invents_displays_makes_no_seat_of_another():
    """His processes are his; another user's login takes none of them."""
    assert show([make_session(uid=1008)], [make_login()]) == [(1007, "x11", "made", "2")]
