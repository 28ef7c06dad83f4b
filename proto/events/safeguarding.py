# SPDX-License-Identifier: Apache-2.0
"""Flags, and who could read them. What is inside a flag is in `proto.sealed`."""

from dataclasses import dataclass
from typing import ClassVar

from proto.events.header import Audience, Kind, Leaves


@dataclass(frozen=True, slots=True)
class FlagRaised(Kind):
    """A sentence that should worry an adult. Who, what and why are inside, sealed; see `sealed.FlagContent`."""

    kind: ClassVar[str] = "flag.raised"
    audience: ClassVar[Audience] = Audience.SAFEGUARDING
    severity: ClassVar[int] = 0
    leaves: ClassVar[Leaves] = Leaves.SEALED
    sealed: bytes
    """An age file; empty when nobody is left who may read it."""
    subject_ref: bytes
    """16 bytes, see `sealed.make_subject_ref`."""
    recipients_version: int
    drill_nonce: bytes = b""
    """Empty unless the header says that it is a drill."""


@dataclass(frozen=True, slots=True)
class NoticeAccepted(Kind):
    """Somebody read the notice that the keyboard is watched, and said so."""

    kind: ClassVar[str] = "notice.accepted"
    audience: ClassVar[Audience] = Audience.SAFEGUARDING
    leaves: ClassVar[Leaves] = Leaves.ALWAYS
    subject_ref: bytes
    notice_version: str


@dataclass(frozen=True, slots=True)
class RecipientsApplied(Kind):
    """A signed set of people who may read flags came into force, or what came with it unsigned changed: who is away."""

    kind: ClassVar[str] = "recipients.applied"
    recipients_version: int
    recipients_sha256: str
    root_fingerprint: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class RecipientsRefused(Kind):
    """A set of recipients was refused: not signed by the root that this device pinned, older than ours, or broken."""

    kind: ClassVar[str] = "recipients.refused"
    severity: ClassVar[int] = 4
    recipients_version: int
    reason: str
