# SPDX-License-Identifier: Apache-2.0
"""The service's side: starts a watcher in somebody's session, as that user, hears it and ends it.

The account of what a watcher says is the one it was started as; nothing it says about itself is asked for. Which
sessions are watched, and what becomes of a finding, are the service's part.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.errors import ChannelError, NotWatchedError
from agent.session.channel import Channel, open_pair
from agent.session.messages import Order, Report, Setup, decode_report

STOP_TIMEOUT_S = 3.0
PATH = "/usr/local/bin:/usr/bin:/bin"
PASSED_ON = ("XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "LANG", "LC_ALL", "LC_CTYPE")
"""What a watcher needs from the session's environment. The rest, a user may set as he likes, stays out."""


class Session(Protocol):
    """Somebody's session, as the operating system tells it."""

    @property
    def uid(self) -> int:
        """The user."""
        ...

    @property
    def gid(self) -> int:
        """The user's group."""
        ...

    @property
    def groups(self) -> Sequence[int]:
        """The user's further groups."""
        ...

    @property
    def home(self) -> str:
        """The user's home folder."""
        ...

    @property
    def display(self) -> str:
        """The X11 display, as in DISPLAY."""
        ...

    @property
    def kind(self) -> str:
        """x11, wayland or tty."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The session's environment, as far as it can be read."""
        ...


OnMessage = Callable[[Report], None]


class WatcherProcess:
    """A watcher that was started. Its messages come on a thread of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: Channel, on_message: OnMessage) -> None:
        self._process = process
        self._channel = channel
        self._on_message = on_message
        self._fault = ""
        self._reader = threading.Thread(target=self._read, name=f"watcher {process.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs and its channel is whole."""
        return self._reader.is_alive() and self._process.poll() is None

    @property
    def fault(self) -> str:
        """Why its channel ended, when it did."""
        return self._fault

    def send(self, order: Order) -> None:
        """Tell it something.

        Raises:
            ChannelError: it has ended.
        """
        self._channel.send(order)

    def stop(self) -> None:
        """End it: it sees that the channel is closed, and is killed when it does not. A second call does nothing."""
        self._channel.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if threading.current_thread() is not self._reader:
            self._reader.join(STOP_TIMEOUT_S)

    def _read(self) -> None:
        """Hear it until the channel ends. The first thing that may not be said ends it."""
        try:
            while True:
                self._on_message(decode_report(self._channel.receive()))
        except ChannelError as error:
            self._fault = error.message
        finally:
            self._channel.close()


def start_watcher(session: Session, setup: Setup, on_message: OnMessage) -> WatcherProcess:
    """Start a watcher in a session and give it its setup.

    It dies with the thread that starts it, so start it from one that lives as long as the service. `on_message` is
    called on another thread.

    Raises:
        NotWatchedError: the session has no X11 display, or is somebody else's and this process is not root.
        ChannelError: the watcher ended at once.
    """
    if session.kind != "x11" or not session.display:
        raise NotWatchedError(f"only X11 sessions can be watched, and this one is {session.kind}")
    if os.geteuid() not in (0, session.uid):
        raise NotWatchedError("only root can start a watcher in somebody else's session")
    service_end, watcher_end = open_pair()
    with watcher_end:
        try:
            process = _spawn(session, watcher_end)
        except OSError as error:
            service_end.close()
            raise NotWatchedError("the watcher cannot be started") from error
    channel = Channel(service_end)
    watcher = WatcherProcess(process, channel, on_message)
    try:
        channel.send(setup)
    except ChannelError:
        watcher.stop()
        raise
    return watcher


def make_environment(session: Session) -> dict[str, str]:
    """Return all that a watcher gets of a session's environment."""
    passed = {name: session.environment[name] for name in PASSED_ON if session.environment.get(name)}
    return {**passed, "DISPLAY": session.display, "HOME": session.home, "PATH": PATH}


def _spawn(session: Session, end: socket.socket) -> "subprocess.Popen[bytes]":
    descriptor = end.fileno()
    # Isolated (-I): no folder and no variable of the user decides what is imported.
    command = [sys.executable, "-I", "-m", "agent.session.process", str(descriptor)]
    is_own = os.geteuid() != 0 or session.uid == 0
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        cwd="/",
        env=make_environment(session),
        user=None if is_own else session.uid,
        group=None if is_own else session.gid,
        extra_groups=None if is_own else list(session.groups),
        start_new_session=True,
    )
