# SPDX-License-Identifier: Apache-2.0
"""The service's side: starts a watcher in somebody's session, as that user, hears it and ends it.

The account of what a watcher says is the one it was started as; nothing it says about itself is asked for. Which
sessions are watched, and what becomes of a finding, are the service's part.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.errors import ChannelError, NotWatchedError
from agent.reaper import Reaper
from agent.session.channel import Channel, open_pair
from agent.session.messages import Order, Report, Setup, Stop, decode_report

STOP_TIMEOUT_S = 3.0
"""So long a watcher may take to say what it has still found, and to end."""
KILLED_TIMEOUT_S = 1.0
MESSAGES_A_SECOND = 50
MESSAGES_AT_ONCE = 250
"""A watcher says a few words a minute. One that says more than this, for seconds, is none."""
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


_REAPER = Reaper()
"""A watcher runs as the user, who can have it traced: then it does not go when it is killed."""
OnMessage = Callable[[Report], None]


class WatcherProcess:
    """A watcher that was started. Its messages come on a thread of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: Channel, on_message: OnMessage) -> None:
        self._process = process
        self._channel = channel
        self._on_message = on_message
        self._fault = ""
        self._stop_due_s: float | None = None
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
        """Tell it something. It is not waited for: the user can have it stand still.

        Raises:
            ChannelError: it has ended, or does not listen.
        """
        self._channel.send(order, may_wait=False)

    def begin_stop(self) -> None:
        """Tell it to end, and go on; from now on it has STOP_TIMEOUT_S. A second call does nothing."""
        if self._stop_due_s is None:
            self._stop_due_s = time.monotonic() + STOP_TIMEOUT_S
            with contextlib.suppress(ChannelError):
                # One that does not listen is killed when its time is over.
                self.send(Stop())

    def stop(self) -> None:
        """End it, and hear all that it still says; one that takes longer than it may is killed.

        Who ends several calls `begin_stop` of each first: then they take their time together. A second call does
        nothing.
        """
        self.begin_stop()
        self._reader.join(self._find_rest_s())
        try:
            self._process.wait(self._find_rest_s())
        except subprocess.TimeoutExpired:
            _REAPER.end(self._process)
        # What it had sent before it was killed is heard too, unless another process holds its end of the channel.
        self._reader.join(KILLED_TIMEOUT_S)
        self._channel.close()
        self._reader.join()

    def _find_rest_s(self) -> float:
        return max(0.0, (self._stop_due_s or 0.0) - time.monotonic())

    def _read(self) -> None:
        """Hear it until the channel ends. The first thing that may not be said ends it, and so does too much."""
        allowed, before_s = float(MESSAGES_AT_ONCE), time.monotonic()
        try:
            while True:
                report = decode_report(self._channel.receive())
                now_s = time.monotonic()
                allowed = min(MESSAGES_AT_ONCE, allowed + (now_s - before_s) * MESSAGES_A_SECOND) - 1
                before_s = now_s
                if allowed < 0:
                    raise ChannelError("it says too much")
                self._on_message(report)
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
        watcher.send(setup)
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
