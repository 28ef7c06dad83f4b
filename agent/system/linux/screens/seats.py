# SPDX-License-Identifier: Apache-2.0
"""Who sits at which screen: the sessions that logind knows, brought together with those found in processes.

What is decided here:

- Where logind answers, its word is final: what it does not know as a person's session (a greeter, a server for tests, a
  display inside a display) is no screen. Where it does not, every display of this machine that a person shows something
  on is one.
- Sessions from another machine are left out: it is that machine's keyboard that somebody walks away from.
- A session in the background counts like the one in front. Unless it is locked, Ctrl+Alt+F2 leads into it.
- Under Wayland there is an X11 server too, which hears only some of the input. It is not asked.
- X11 or Wayland that was started on a text console is a display, whatever logind calls it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.system.interface import Session
from agent.system.linux.displays import is_of_this_machine
from agent.system.linux.screens.logind import Login

MAX_SEATS = 64
FIRST_PERSON = 1000
"""Users below this are the system's own, such as a greeter; but for root, who may be somebody."""

MakeSession = Callable[[Login], Session]


@dataclass(frozen=True, slots=True)
class Seat:
    """One session at a screen of this machine."""

    key: str
    session: Session
    login: Login | None = None


def list_seats(
    sessions: Iterable[Session], logins: Iterable[Login] | None, make_session: MakeSession
) -> tuple[Seat, ...]:
    """Return all seats; `make_session` makes the session of a login of which no process was found."""
    local = [each for each in sessions if each.kind != "x11" or is_of_this_machine(each.display)]
    if logins is None:
        return tuple(_list_unregistered(local))[:MAX_SEATS]
    seats = []
    # Text consoles last: they take only the displays that no graphical session has.
    for login in sorted(logins, key=lambda each: (each.kind == "tty", each.display == "", each.id)):
        session = _take(local, login)
        if login.kind == "wayland":
            local = [each for each in local if each.uid != login.uid or each.kind != "x11"]
        seats.append(Seat(f"login {login.id}", session or make_session(login), login))
    return tuple(seats)[:MAX_SEATS]


def _take(sessions: list[Session], login: Login) -> Session | None:
    """Take the session out of the list that is this login's, if there is one."""
    kinds = ("x11", "wayland") if login.kind == "tty" else (login.kind,)
    candidates = [each for each in sessions if each.uid == login.uid and each.kind in kinds]
    if login.kind == "x11" and login.display:
        candidates = [each for each in candidates if each.display == login.display]
    if login.kind == "tty":
        # Xwayland stands beside the compositor that was started there.
        candidates.sort(key=lambda each: each.kind != "wayland")
    if not candidates:
        return None
    taken = candidates[0]
    sessions.remove(taken)
    if login.kind == "tty" and taken.kind == "wayland":
        sessions[:] = [each for each in sessions if each.uid != login.uid or each.kind != "x11"]
    return taken


def _list_unregistered(sessions: list[Session]) -> Iterable[Seat]:
    under_wayland = {each.uid for each in sessions if each.kind == "wayland"}
    for each in sessions:
        is_person = each.uid == 0 or each.uid >= FIRST_PERSON
        if is_person and (each.kind == "wayland" or each.uid not in under_wayland):
            yield Seat(f"{each.uid} {each.kind} {each.display} {each.began}", each)
