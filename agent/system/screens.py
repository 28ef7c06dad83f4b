# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about idle and locked sessions. The seam of `checks.idle_lock`; `system.linux.screens`
answers it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from agent.system.interface import Session


@dataclass(frozen=True, slots=True)
class LockSetting:
    """How a session's desktop is set to lock itself, as far as its files and its display say."""

    is_on: bool | None = None
    """None: not known."""
    after_s: int | None = None
    """From the last key to the lock, delays added up; None: not known or never."""
    source: str = ""
    """Where it was read: `gnome`, `cinnamon`, `mate`, `kde`, `xscreensaver`, `xss-lock`; empty: nowhere."""
    is_enforced: bool = False
    """The user cannot change it: an administrator locked the setting."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One session at a screen of this machine, idle or not, locked or not."""

    key: str
    """Tells it from all other sessions until the machine starts anew. Never leaves the machine."""
    session: Session
    is_locked: bool | None
    """A fact of the system or the display, never a wish; None: not known."""
    idle_s: float | None
    """Since the last input, at the time of measuring and at least; None: not known."""
    measured_by: str = ""
    """logind or x11; empty when neither tells."""
    desktop: str = ""
    """What the session calls its desktop, cut and printable."""
    setting: LockSetting = LockSetting()
    is_fresh: bool = True
    """Measured at this look. False: as it was at an earlier one, because it cannot have come to its limit since, or
    because the answer is not there yet."""
    fault: str = ""
    """Why measuring it gave nothing, in words without a name."""
    is_desktop_confirmed: bool = False
    """The system says too that the desktop runs there whose setting this is; else a program's name says so."""

    @property
    def is_awaited(self) -> bool:
        """Whether it is being measured for the first time: nothing is known yet, and soon will be."""
        return not self.is_fresh and self.is_locked is None and self.idle_s is None


@dataclass(frozen=True, slots=True)
class ScreenListing:
    """All sessions at screens of this machine; none that somebody has from another machine."""

    screens: tuple[Screen, ...]
    unread: tuple[str, ...] = ()
    """What could not be read and why, in words without a name. Empty: everything was read."""


class Screens(ABC):
    """Looks at the screens of this machine."""

    @abstractmethod
    def list_screens(self, find_limit_s: Callable[[Session], float]) -> ScreenListing:
        """Return all sessions and how idle they are.

        `find_limit_s` says when a session must have been locked; 0 for one that need not be, which is not measured.
        What is costly to measure is left as it was while the session cannot have come to its limit.
        """

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether something is being measured, so that another look soon tells more."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. A second call does nothing."""
