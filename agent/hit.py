# SPDX-License-Identifier: Apache-2.0
"""A sentence that matched, on its way from a watcher to the seal: the only typed text that the service ever holds.

`checks.keywords` makes one of what a watcher tells, `seal` seals it. It is never written, logged or sent as it is.
"""

from dataclasses import dataclass, field

from agent.session.messages import Found

PUPIL, STAFF, DRILL, DRAFT = "pupil", "staff", "drill", "draft"
"""Kinds of account."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Hit:
    """What was found and in whose session. It has no repr: a log or an error text must not show it."""

    found: Found
    found_at_ns: int
    """Nanoseconds since 1970 by the device's clock."""
    account: str
    """By the kernel and the directory, see `system.interface.Session.to_account`; `drill` for a drill, `draft` for a
    count of drafts."""
    account_name: str
    account_kind: str
    notice_version: str
    """The notice that was accepted in the session."""
    drill_nonce: bytes = b""
    """Only of an order that was verified here: it makes the flag a drill."""
    around: str = field(default="", repr=False)
    """What was typed around the sentence. Names are looked for in it, and it is never sealed."""

    def __repr__(self) -> str:
        return "Hit(...)"
