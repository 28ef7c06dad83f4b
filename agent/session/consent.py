# SPDX-License-Identifier: Apache-2.0
"""Whether the pupil has accepted the notice, and when it is shown: until then nothing is read.

What the notice says is `notice`'s part; that reading begins, `watcher`'s.
"""

from collections.abc import Callable

from agent.errors import NotWatchedError
from agent.session.messages import Setup
from agent.session.notice import Answer, Notice

AGAIN_S = 600.0
"""After the notice was closed and not accepted."""


class Consent:
    """The notice of one session."""

    def __init__(self, setup: Setup, tell: Callable[[Answer], None]) -> None:
        self.is_given = setup.is_accepted
        self._setup = setup
        self._tell = tell
        self._notice: Notice | None = None
        self._due_s: float | None = None

    def show(self) -> None:
        """Show the notice, if it is not on the screen."""
        if self._notice is None:
            self._due_s = None
            self._notice = Notice(self._setup.notice_title, self._setup.notice_text, self._tell)

    def look(self, now_s: float) -> None:
        """Show the notice again when its time has come."""
        if self._due_s is not None and now_s >= self._due_s:
            self.show()

    def take(self, answer: Answer, now_s: float) -> bool:
        """Take how the notice ended and return whether it was accepted just now.

        Raises:
            NotWatchedError: nothing here can show it.
        """
        self._notice = None
        if self.is_given:
            return False  # it was shown again because the sign was clicked
        if answer is Answer.CANNOT_SHOW:
            raise NotWatchedError("nothing on this machine can show the notice")
        self.is_given = answer is Answer.READ
        if not self.is_given:
            self._due_s = now_s + AGAIN_S
        return self.is_given

    def close(self) -> None:
        """Take it from the screen."""
        if self._notice is not None:
            self._notice.close()
