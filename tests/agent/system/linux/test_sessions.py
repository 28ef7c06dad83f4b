# SPDX-License-Identifier: Apache-2.0
"""Tests of how sessions are found, on real processes of this machine that say they show something, and real sockets."""

import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agent.system.interface import Session
from agent.system.linux.sessions import (
    ALL_AGAIN_S,
    MAX_ENVIRONMENT_BYTES,
    MAX_VALUE_CHARACTERS,
    SESSIONS_OF_ONE_USER,
    SessionReader,
)
from tests.fakes import FakeClock

NOBODY = 65534
NUMBER = 10_000 + os.getpid() % 50_000
"""A display that nothing else on this machine uses."""


@pytest.fixture
def reader() -> SessionReader:
    """A reader that takes the children of this test run for anybody's."""
    return SessionReader(own_pid=0)


@contextmanager
def serving(*numbers: int) -> Iterator[None]:
    """Listen as X servers do, without a file."""
    with ExitStack() as stack:
        for number in numbers:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(f"\0/tmp/.X11-unix/X{number}")
            server.listen()
        yield


@pytest.fixture(autouse=True)
def two_servers() -> Iterator[None]:
    """There are two X servers in each of these tests."""
    with serving(NUMBER, NUMBER + 1):
        yield


@contextmanager
def showing(*environments: dict[str, str], user: int | None = None) -> Iterator[list[int]]:
    """Run a program in each of these environments, and return their process ids."""
    processes = []
    try:
        for environment in environments:
            process = subprocess.Popen(["/bin/cat"], env=environment, user=user, stdin=subprocess.PIPE, cwd="/")
            processes.append(process)
            # The program runs when this returns, and yet for a moment the kernel shows its environment as empty.
            place = Path(f"/proc/{process.pid}/environ")
            give_up = time.monotonic() + 10
            while environment and not place.read_bytes() and time.monotonic() < give_up:
                time.sleep(0.001)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.communicate(b"")


def find(reader: SessionReader, *displays: str) -> list[Session]:
    """Return the sessions on these displays."""
    return [session for session in reader.read() if session.display in displays]


def test_a_program_on_a_display_is_a_session(reader: SessionReader) -> None:
    """Of the user whom the kernel names; with what another program needs to appear there, and nothing else."""
    environment = {
        "DISPLAY": f":{NUMBER}.0",
        "XAUTHORITY": "/run/user/1/xauth",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1/bus",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "LANG": "de_DE.UTF-8",
        "USER": "somebody-else",
        "SECRET": "a password",
    }
    with showing(environment, environment):
        (session,) = find(reader, f":{NUMBER}")

    assert (session.uid, session.gid, session.kind) == (os.getuid(), os.getgid(), "x11")
    assert session.environment == {
        **{name: environment[name] for name in ("XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "LANG")},
        "DISPLAY": f":{NUMBER}",
    }
    assert session.account_name != "somebody-else"
    assert session.home == pwd.getpwuid(os.getuid()).pw_dir
    assert "password" not in repr(session)


def test_a_session_ends_with_its_last_program(reader: SessionReader) -> None:
    """And a new program on another display is seen at the next look."""
    with showing({"DISPLAY": f":{NUMBER}"}):
        assert find(reader, f":{NUMBER}")
        with showing({"DISPLAY": f":{NUMBER + 1}"}):
            assert len(find(reader, f":{NUMBER}", f":{NUMBER + 1}")) == 2
    assert find(reader, f":{NUMBER}", f":{NUMBER + 1}") == []


@pytest.mark.parametrize("display", ["unix:{}", ":{}.0", ":0{}", "/tmp/.X11-unix/X{}", "unix:/tmp/.X11-unix/X{}.0"])
def test_one_server_is_one_session(reader: SessionReader, display: str) -> None:
    """However a program writes it."""
    with showing({"DISPLAY": f":{NUMBER}"}, {"DISPLAY": display.format(NUMBER)}):
        assert len(find(reader, f":{NUMBER}")) == 1


def test_a_display_by_its_socket_is_watched_as_any_other(reader: SessionReader) -> None:
    """Programs take its path too, so a line in a profile could hide a session; the watcher gets the usual name."""
    with showing({"DISPLAY": f"/tmp/.X11-unix/X{NUMBER}"}):
        (session,) = find(reader, f":{NUMBER}")
    assert (session.kind, session.environment["DISPLAY"]) == ("x11", f":{NUMBER}")


def test_wayland_beside_a_display_hides_neither(reader: SessionReader) -> None:
    """Under Wayland there is an X11 server too; whoever only says that he is under Wayland has that server as well."""
    name = f"wayland-{NUMBER}"
    with showing({"DISPLAY": f":{NUMBER}", "WAYLAND_DISPLAY": name}):
        found = find(reader, name, f":{NUMBER}")
    assert {(session.kind, session.display) for session in found} == {("wayland", name), ("x11", f":{NUMBER}")}


UNCLEAR = (
    {"DISPLAY": f"/home/pupil/link-to-{NUMBER}"},
    {"DISPLAY": f"unix/:{NUMBER}"},
    {"DISPLAY": ":" + f"{NUMBER}".zfill(MAX_VALUE_CHARACTERS + 1)},
    {"DISPLAY": f":{NUMBER}\x1b"},
    {"PADDING": "x" * (MAX_ENVIRONMENT_BYTES - 1000), "MORE": "x" * 1000, "DISPLAY": f":{NUMBER}"},
)


@pytest.mark.parametrize("environment", UNCLEAR, ids=range(len(UNCLEAR)))
def test_a_display_that_we_do_not_understand_is_each_that_nobody_names(
    reader: SessionReader, environment: dict[str, str]
) -> None:
    """A value that hides where somebody is shows him on every server that nobody else is on."""
    with showing(environment, {"DISPLAY": f":{NUMBER + 1}"}):
        (session,) = find(reader, f":{NUMBER}")
    assert session.environment["DISPLAY"] == f":{NUMBER}"


def test_what_a_server_left_behind_is_no_session(reader: SessionReader) -> None:
    """A process outlives its server; another machine's server cannot be seen, so what names it counts."""
    elsewhere = f"localhost:{NUMBER + 2}"
    with showing({"DISPLAY": f":{NUMBER + 2}"}, {"DISPLAY": elsewhere}):
        with serving(NUMBER + 2):
            assert len(find(reader, f":{NUMBER + 2}", elsewhere)) == 2
        (left,) = find(reader, f":{NUMBER + 2}", elsewhere)
    assert left.display == elsewhere


def test_a_false_environment_adds_and_takes_nothing_away(reader: SessionReader) -> None:
    """Whoever says that he is under Wayland, or on another display, is watched where he is all the same."""
    with showing(
        {"DISPLAY": f":{NUMBER}"},
        {"DISPLAY": f":{NUMBER}", "WAYLAND_DISPLAY": f"invented-{NUMBER}"},
        {"DISPLAY": f":{NUMBER + 1}", "XAUTHORITY": "/elsewhere"},
        {"DISPLAY": f":{NUMBER + 2}"},
    ):
        found = find(reader, f":{NUMBER}", f":{NUMBER + 1}", f":{NUMBER + 2}", f"invented-{NUMBER}")
    assert sorted((session.display, session.kind) for session in found) == sorted(
        [(f":{NUMBER}", "x11"), (f":{NUMBER + 1}", "x11"), (f"invented-{NUMBER}", "wayland")]
    )


def test_a_sitting_is_the_same_while_one_of_its_programs_is(reader: SessionReader) -> None:
    """Also when the first has ended, and for an agent that was started anew while it has not."""
    environment = {"DISPLAY": f":{NUMBER}"}
    began = []
    with ExitStack() as later:
        with showing(environment):
            began += [find(each, f":{NUMBER}")[0].began for each in (reader, SessionReader(own_pid=0))]
            later.enter_context(showing(environment))
            find(reader, f":{NUMBER}")
        began.append(find(reader, f":{NUMBER}")[0].began)
    assert len(set(began)) == 1


def test_the_next_sitting_on_a_display_is_another(reader: SessionReader) -> None:
    """After all programs have ended, or where a program was left behind and the server is a new one."""
    began = []
    for _ in range(2):
        # The kernel counts the start of a process in hundredths of a second.
        time.sleep(0.02)
        with showing({"DISPLAY": f":{NUMBER}"}):
            began.append(find(reader, f":{NUMBER}")[0].began)
    with showing({"DISPLAY": f":{NUMBER + 2}"}):
        for _ in range(2):
            with serving(NUMBER + 2):
                began.append(find(reader, f":{NUMBER + 2}")[0].began)
    assert len(set(began)) == 4


def test_what_was_first_on_a_display_says_how_it_is_reached(reader: SessionReader) -> None:
    """A program that came later cannot lead a watcher astray."""
    with showing({"DISPLAY": f":{NUMBER}", "XAUTHORITY": "/right"}):
        find(reader, f":{NUMBER}")
        with showing({"DISPLAY": f":{NUMBER}", "XAUTHORITY": "/wrong"}):
            (session,) = find(reader, f":{NUMBER}")
    assert session.environment["XAUTHORITY"] == "/right"


def test_invented_displays_have_a_limit(reader: SessionReader) -> None:
    """A user who invents many keeps some, the oldest first."""
    displays = [f":{NUMBER + number}" for number in range(SESSIONS_OF_ONE_USER + 4)]
    user = NOBODY if os.geteuid() == 0 else None
    more = range(NUMBER + 2, NUMBER + len(displays))
    with serving(*more), showing(*({"DISPLAY": display} for display in displays), user=user):
        found = [session.display for session in find(reader, *displays)]
    assert len(found) <= SESSIONS_OF_ONE_USER
    assert displays[0] in found


HOSTILE = (
    {"DISPLAY": f":{NUMBER + 2}"},
    {"DISPLAY": ""},
    {"WAYLAND_DISPLAY": f"wayland {NUMBER}\n"},
    {"WAYLAND_DISPLAY": "w" * 200},
    {"MY_DISPLAY": f":{NUMBER}"},
)


@pytest.mark.parametrize("environment", HOSTILE, ids=range(len(HOSTILE)))
def test_text_that_is_no_display_is_no_session(reader: SessionReader, environment: dict[str, str]) -> None:
    """It neither crashes nor leads anywhere."""
    with showing(environment):
        assert not any(str(number) in each.display for each in reader.read() for number in (NUMBER, NUMBER + 2))


STRANGE = (f":{NUMBER}\x1b[2J", f":{NUMBER};rm -rf /", f"{NUMBER}", "x" * (MAX_VALUE_CHARACTERS + 1))


@pytest.mark.parametrize("display", STRANGE, ids=range(len(STRANGE)))
def test_strange_text_goes_nowhere(reader: SessionReader, display: str) -> None:
    """Not even where it stands for a session on a server that nobody names."""
    with showing({"DISPLAY": display}):
        sessions = reader.read()
    assert sessions
    assert display not in {text for each in sessions for text in (each.display, *each.environment.values())}
    assert all(session.display.isprintable() and len(session.display) < 100 for session in sessions)


def test_values_that_are_no_ordinary_text_are_left_out(reader: SessionReader) -> None:
    """The session stays; what could not be read is not passed on."""
    environment = {"DISPLAY": f":{NUMBER}", "LANG": "C\n", "XAUTHORITY": "/x" * MAX_VALUE_CHARACTERS}
    with showing({**environment, "XDG_RUNTIME_DIR": os.fsdecode(b"/run/\xff")}):
        (session,) = find(reader, f":{NUMBER}")
    assert session.environment == {"DISPLAY": f":{NUMBER}"}


def test_own_children_make_no_session() -> None:
    """A watcher is on the display that it watches: it must not keep a session alive that has ended."""
    with showing({"DISPLAY": f":{NUMBER}"}):
        assert find(SessionReader(), f":{NUMBER}") == []


def test_a_process_that_turns_into_another_is_read_again() -> None:
    """One that had no display yet is looked at again at the next look; an older one after a while."""
    clock = FakeClock()
    reader = SessionReader(clock_s=clock, own_pid=0)
    turn = f"import os, sys; sys.stdin.readline(); os.execve('/bin/cat', ['cat'], {{'DISPLAY': ':{NUMBER}'}})"
    process = subprocess.Popen(
        [sys.executable, "-ISc", turn], env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for _ in range(3):
            assert find(reader, f":{NUMBER}") == []
        process.stdin.write(b"go\nsaid by cat\n")
        process.stdin.flush()
        # Python may have read the second line as well; a third is cat's own.
        process.stdin.write(b"x\n" * 5000)
        process.stdin.flush()
        process.stdout.read(2)
        clock.advance(ALL_AGAIN_S)
        assert find(reader, f":{NUMBER}")
    finally:
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process takes root")
def test_another_users_session_is_theirs(reader: SessionReader) -> None:
    """Root sees it, under the other's id; another user sees only his own."""
    with showing({"DISPLAY": f":{NUMBER}"}, user=NOBODY), showing({"DISPLAY": f":{NUMBER + 1}"}):
        found = {session.display: session.uid for session in find(reader, f":{NUMBER}", f":{NUMBER + 1}")}
        assert found == {f":{NUMBER}": NOBODY, f":{NUMBER + 1}": 0}
        os.seteuid(NOBODY)
        try:
            seen = find(SessionReader(own_pid=0), f":{NUMBER}", f":{NUMBER + 1}")
        finally:
            os.seteuid(0)
    assert f":{NUMBER + 1}" not in {session.display for session in seen}
