# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about its own security. The seam of `checks.posture`; `system.linux.posture` answers it.

An implementation answers, judges nothing and remembers nothing: how old is too old, who may administer and since when
something is as it is, are the check's business.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass


class NotKnownError(Exception):
    """It cannot be known, and its text says why in one sentence: without a name of a person, without a home."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """Whether what users and the system write on built-in disks is encrypted."""

    by: tuple[str, ...]
    """luks2, bitlk, filevault...: what encrypts those volumes that are."""
    plain_mounts: tuple[str, ...] = ()
    """Where plain volumes are mounted, by the first part of the path only; `swap` for swap."""


@dataclass(frozen=True, slots=True)
class Antivirus:
    """A protection against malware that is installed."""

    name: str
    is_running: bool | None
    """None: not known."""
    signatures_at_ns: int | None
    """When its signatures were made, or fetched; None: not known."""
    is_on_access: bool | None = None
    """Whether files are looked at as they are opened, and not only when somebody asks; None: not known."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """Whether what comes in is dropped unless something lets it in."""

    open_to: tuple[str, ...]
    """ipv4, ipv6: ways of coming in that nothing closes. Empty: the firewall is on."""


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """A security update that is offered and not installed."""

    package: str
    version: str
    released_at_ns: int | None = None
    """None: the system does not tell."""


@dataclass(frozen=True, slots=True)
class Updates:
    """What the machine's own lists of security updates say."""

    waiting: tuple[PendingUpdate, ...]
    listed_at_ns: int
    """From when the oldest of the lists is: a later update is not in it."""
    is_automatic: bool | None = None
    """Whether the system installs security updates by itself; None: not known."""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account of this machine that somebody can sign in with."""

    name: str
    is_administrator: bool
    has_password: bool
    password_changed_at_ns: int | None = None
    """None: it has none, or the system does not tell."""
    needs_no_password: bool = False
    """Its password is empty, or the machine signs it in by itself."""


@dataclass(frozen=True, slots=True)
class LocalAccounts:
    """The accounts that stand in the machine's own lists."""

    accounts: tuple[LocalAccount, ...]
    other_administrators: tuple[str, ...] = ()
    """Names that the machine's lists let administer and that are no account of its own: the directory's, or gone."""
    unread: tuple[str, ...] = ()
    """What was not understood, in words: there may be more administrators than are named."""


class PostureReader(ABC):
    """Reads files and asks the kernel; starts nothing."""

    @abstractmethod
    def disk_encryption(self) -> Encryption:
        """Return whether the built-in disks are encrypted.

        Raises:
            NotKnownError: that cannot be told.
        """

    @abstractmethod
    def antivirus(self) -> tuple[Antivirus, ...]:
        """Return the protections that are installed; empty for none.

        Raises:
            NotKnownError: that cannot be told.
        """

    @abstractmethod
    def firewall(self) -> Firewall:
        """Return what may come in.

        Raises:
            NotKnownError: that cannot be told.
        """

    @abstractmethod
    def pending_updates(self) -> Updates:
        """Return the security updates that wait.

        Raises:
            NotKnownError: that cannot be told.
        """

    @abstractmethod
    def supported_until(self) -> str:
        """Return the ISO date of the last day on which the makers give security updates for this system.

        Raises:
            NotKnownError: that cannot be told.
        """

    @abstractmethod
    def local_accounts(self) -> LocalAccounts:
        """Return the local accounts that somebody can sign in with, and who may administer.

        Raises:
            NotKnownError: that cannot be told.
        """
