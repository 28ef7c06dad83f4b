# SPDX-License-Identifier: Apache-2.0
"""Sessions as logind tells of them, and a logind that says what a test wants; for the tests of screens."""

from typing import Any

from agent.system.linux.screens.logind import Login, Logind


def make_login(**changes: Any) -> Login:
    """Return the login of the pupil of `make_session`, at the first screen."""
    values: dict[str, Any] = {
        "id": "2",
        "uid": 1007,
        "kind": "x11",
        "display": ":0",
        "terminal": "tty2",
        "desktop": "",
        "is_locked": False,
        "is_idle": False,
        "idle_since_s": 0.0,
        "idle_since_ns": 0,
    }
    return Login(**(values | changes))


class FakeLogind(Logind):
    """Says what it was told to say; None: it does not answer."""

    def __init__(self, *logins: Login) -> None:
        super().__init__()
        self.logins: tuple[Login, ...] | None = logins

    def find_logins(self) -> tuple[Login, ...] | None:
        self.fault = "logind does not answer: a test" if self.logins is None else ""
        return self.logins
