# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about its own security. The seam of `checks.posture`; `system.linux.posture` answers it.

An implementation answers and judges nothing: how old is too old, and who may administer, the policy says.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encryption:
    """Whether what users write on built-in disks is encrypted."""

    is_encrypted: bool | None
    """All of it; None: not known."""
    by: str = ""
    """luks2, bitlocker, filevault..."""
    plain_mounts: tuple[str, ...] = ()
    """Where plain volumes are mounted."""


@dataclass(frozen=True, slots=True)
class Antivirus:
    """A protection against malware."""

    name: str
    is_running: bool | None
    signatures_at_ns: int | None
    """When its signatures were made, or fetched; None: not known."""


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """A security update that is offered and not installed."""

    package: str
    version: str
    released_at_ns: int | None
    """None: the system does not tell. `seen_at_ns` is then the best there is."""
    seen_at_ns: int
    """When this machine first knew of it."""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account of this machine that somebody can sign in with."""

    name: str
    is_administrator: bool
    has_password: bool
    password_changed_at_ns: int | None
    is_guest: bool = False
    """It needs no password, or the system calls it a guest's."""


class PostureReader(ABC):
    """Reads files and asks the kernel; starts nothing. Each method returns None when it cannot be known, and
    `find_gap` then says why."""

    @abstractmethod
    def disk_encryption(self) -> Encryption | None:
        """Return whether the built-in disks are encrypted."""

    @abstractmethod
    def antivirus(self) -> tuple[Antivirus, ...] | None:
        """Return the protections that are installed; empty for none."""

    @abstractmethod
    def is_firewall_on(self) -> bool | None:
        """Return whether rules of a firewall restrict what comes in."""

    @abstractmethod
    def pending_updates(self) -> tuple[PendingUpdate, ...] | None:
        """Return the security updates that wait."""

    @abstractmethod
    def supported_until(self) -> str | None:
        """Return the ISO date on which the makers' security support of this system ends."""

    @abstractmethod
    def local_accounts(self) -> tuple[LocalAccount, ...] | None:
        """Return the local accounts that somebody can sign in with."""

    @abstractmethod
    def find_gap(self, question: str) -> str:
        """Return why the method of that name last returned None, in one sentence; empty if it did not."""
