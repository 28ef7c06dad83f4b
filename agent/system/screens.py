# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about idle and locked sessions. The seam of `checks.idle_lock`; `system.linux.screens`
answers it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from agent.system.interface import Session


@dataclass(frozen=True, slots=True)
class LockSetting:
    """How a session's desktop is set to lock itself, as far as its files and its display say."""

    is_on: bool | None
    """None: not known."""
    after_s: int | None = None
    """From the last key to the lock, delays added up; None: not known or never."""
    source: str = ""
    """Where it was read: `gnome`, `kde`, `xscreensaver`, `xss-lock`, `logind`; empty: nowhere."""
    is_enforced: bool = False
    """The user cannot change it: an administrator locked the setting."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One session, idle or not, locked or not."""

    session: Session
    is_locked: bool | None
    """A fact of the system or the display, never a wish; None: not known."""
    idle_s: float | None
    """Since the last input; None: not known."""
    measured_by: str = ""
    """logind or x11; empty when neither tells."""
    desktop: str = ""
    setting: LockSetting = field(default_factory=lambda: LockSetting(None))


@dataclass(frozen=True, slots=True)
class ScreenListing:
    """All sessions at screens."""

    screens: tuple[Screen, ...]
    unread: tuple[str, ...] = ()
    """What could not be read and why, in words without a name. Empty: everything was read."""


class Screens(ABC):
    """Looks at the screens of this machine."""

    @abstractmethod
    def list_screens(self, *, shortest_limit_s: float) -> ScreenListing:
        """Return all sessions and how idle they are.

        `shortest_limit_s` is the shortest time after which a lock is due: what is costly to measure may be left as it
        was while no session can have come near it.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. A second call does nothing."""
