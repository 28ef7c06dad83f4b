# SPDX-License-Identifier: Apache-2.0
"""Complete stand-ins for watchers in sessions, in memory: a test lets them say things, or die.

starter = FakeStarter()
watcher = starter(session, setup, on_message)
watcher.watch()
watcher.say(make_found("i want to die"))
"""

from collections.abc import Callable

from agent.errors import ChannelError
from agent.session.messages import Accepted, DrillOrder, Found, Order, Ready, Report, Setup, State
from agent.system.interface import Session


class FakeWatcher:
    """One watcher."""

    def __init__(self, session: Session, setup: Setup, on_message: Callable[[Report], None]) -> None:
        self.pid = id(self)
        self.session = session
        self.setup = setup
        self.say = on_message
        self.sent: list[Order] = []
        self.is_alive = True
        self.is_stopped = False
        self.is_deaf = False
        self.is_asked_to_stop = False
        self.last_words: list[Found] = []
        """What it still says when it is stopped."""
        self.calls: list[str] = []
        """The beginnings and ends of stops, of all watchers in their order."""

    def send(self, order: Order) -> None:
        if not self.is_alive or self.is_deaf:
            raise ChannelError("it does not listen")
        self.sent.append(order)

    def begin_stop(self) -> None:
        if not self.is_asked_to_stop:
            self.calls.append("begin_stop")
        self.is_asked_to_stop = True

    def stop(self) -> None:
        self.begin_stop()
        self.calls.append("stop")
        while self.last_words and self.is_alive:
            self.say(self.last_words.pop(0))
        self.is_alive = False
        self.is_stopped = True

    # What a test lets it do

    def begin(self) -> None:
        """Say what it can see, and that it waits for the notice, or watches if that was accepted before."""
        self.say(Ready(password_fields=True))
        self.say(State("watching" if self.setup.is_accepted else "waiting"))

    def watch(self) -> None:
        """Begin, have the notice accepted, and watch."""
        self.begin()
        if not self.setup.is_accepted:
            self.say(Accepted(self.setup.notice_version))
            self.say(State("watching"))

    def die(self) -> None:
        self.is_alive = False

    @property
    def nonces(self) -> list[str]:
        """The orders to drill that it got."""
        return [order.nonce for order in self.sent if isinstance(order, DrillOrder)]


class FakeStarter:
    """Starts fake watchers and remembers them; an error that is set is raised instead."""

    def __init__(self) -> None:
        self.started: list[FakeWatcher] = []
        self.error: Exception | None = None
        self.calls: list[str] = []

    def __call__(self, session: Session, setup: Setup, on_message: Callable[[Report], None]) -> FakeWatcher:
        if self.error is not None:
            raise self.error
        self.started.append(FakeWatcher(session, setup, on_message))
        self.started[-1].calls = self.calls
        return self.started[-1]

    @property
    def running(self) -> list[FakeWatcher]:
        """Those that were neither stopped nor have died."""
        return [watcher for watcher in self.started if watcher.is_alive]
