# SPDX-License-Identifier: Apache-2.0
"""Screens in memory, and a policy with limits; for the tests of the check and of its parts."""

from collections.abc import Callable
from typing import Any

from agent.policy import InForce
from agent.system.interface import Session
from agent.system.screens import Screen, ScreenListing, Screens
from rules.evaluate import Evaluator
from rules.model import Policy
from rules.settings import Lock, Settings
from tests.agent.safeguarding import make_session


def make_screen(key: str = "login 2", *, session: dict[str, Any] | None = None, **changes: Any) -> Screen:
    """Return an open display of a pupil, just touched."""
    values: dict[str, Any] = {"is_locked": False, "idle_s": 0.0, "measured_by": "x11", "desktop": "GNOME"}
    return Screen(key=key, session=make_session(**(session or {})), **(values | changes))


def make_rules(lock: Lock | None = None) -> InForce:
    """Return a policy in force that has no rule."""
    policy = Policy(pack="test", title="Test", rules=(), settings=Settings(lock=lock or Lock()))
    return InForce(policy, Evaluator(policy), b"")


class FakeScreens(Screens):
    """Shows what a test puts there."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.unread: tuple[str, ...] = ()
        self.limits: dict[str, float] = {}
        """What the check asked for, by the screen's key."""
        self.is_measuring = False
        self.is_closed = False

    def list_screens(self, find_limit_s: Callable[[Session], float]) -> ScreenListing:
        self.limits = {screen.key: find_limit_s(screen.session) for screen in self.screens}
        return ScreenListing(tuple(self.screens), self.unread)

    @property
    def is_waiting(self) -> bool:
        return self.is_measuring

    def close(self) -> None:
        self.is_closed = True
