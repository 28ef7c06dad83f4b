# SPDX-License-Identifier: Apache-2.0
"""Who is at the machine, without a name: accounts by reference, and screens that were left open."""

from dataclasses import dataclass
from typing import ClassVar

from proto.events.header import Kind, Leaves


@dataclass(frozen=True, slots=True)
class AccountSignedIn(Kind):
    """Somebody began a session."""

    kind: ClassVar[str] = "account.signed_in"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "accounts"
    account_ref: bytes
    """16 bytes: the same for one directory account on all devices, see `proto.sealed.make_account_ref`. It cannot be
    compared with the references in safeguarding flags."""
    session_ref: bytes
    """8 random bytes that tell this session's end."""
    account_kind: str
    """personal, shared, guest or administrator, as the policy's patterns and the machine's groups say."""
    is_local: bool
    """The machine's own account and not the directory's."""
    session_type: str
    """x11, wayland, tty or remote."""
    others: int = 0
    """How many other people have a session here at the same time."""


@dataclass(frozen=True, slots=True)
class AccountSignedOut(Kind):
    """That session ended."""

    kind: ClassVar[str] = "account.signed_out"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "accounts"
    account_ref: bytes
    session_ref: bytes


@dataclass(frozen=True, slots=True)
class SessionLeftOpen(Kind):
    """A session was idle for longer than it may be and was not locked. Whose it is, is not told."""

    kind: ClassVar[str] = "session.left_open"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    session_type: str
    """x11, wayland or tty."""
    desktop: str
    """What the session calls its desktop, cut; empty when it does not."""
    limit_s: int
    idle_s: int
    """Measured, so at least this; so far, or in all when `is_over`."""
    measured_by: str
    """logind or x11."""
    is_over: bool = False
    """It was locked, used again or ended since."""
