# SPDX-License-Identifier: Apache-2.0
"""What every event has: its header, in the clear and signed, its payload, and what a kind says of itself."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar


class Audience(IntEnum):
    """Who an event is for."""

    UNSPECIFIED = 0
    SECURITY = 1
    SAFEGUARDING = 2
    STAFF_CONDUCT = 3


class Tier(IntEnum):
    """How soon a person should look at a safeguarding flag."""

    UNSPECIFIED = 0
    COUNT = 1
    REVIEW = 2
    ALERT = 3
    CALL = 4


class Missing(IntEnum):
    """Why an event came without its content."""

    NO = 0
    QUEUE_FULL = 1
    DAMAGED = 2
    TOO_LARGE = 3
    ERASED = 4
    """At the collector, which says so in a signed tombstone. No device sends it."""


class Leaves(StrEnum):
    """When an event may leave the device."""

    ALWAYS = "always"
    """It is about the agent itself."""

    ON_MATCH = "when a rule of the policy matches it"
    """Only if a rule of the signed policy matches it; of a program, only if one names it."""

    SEALED = "when words of the lexicon were typed, sealed to their readers"
    """Never in the clear; only if every precondition of watching holds."""

    ON_REQUEST = "when the policy asks for it"
    """Only if the signed policy asks for it, in the table that `asked_in` names, and says why."""


class State(StrEnum):
    """Answer of a check. Unknown is never pass."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Header of one event: in the clear, signed, and without any name of a person."""

    school_id: str
    device_id: str
    epoch: int
    """Counts from 1; new after a re-key or when the device lost its queue."""
    seq: int
    """Counts from 1 within the epoch, without gaps."""
    kind: str
    schema_version: int
    audience: Audience
    severity: int = 0
    """1 (information) to 5 (act now); 0 for a flag."""
    tier: Tier = Tier.UNSPECIFIED
    route: str = ""
    drill: bool = False
    wall_clock_ns: int
    """Nanoseconds since 1970 by the device's own clock, which nobody vouches for."""
    monotonic_ns: int
    """Nanoseconds since the boot named by `boot_id`."""
    boot_id: bytes
    bundle_version: int = 0
    """The policy in force; 0 before the first."""
    payload_commitment: bytes
    """SHA-256(salt || body), 32 bytes."""
    previous_hash: bytes
    """Hash of the event before, 32 bytes; zeros for the first of an epoch."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Content of one event, apart from its header so that it can be erased."""

    salt: bytes
    """32 random bytes; empty when the content is missing."""
    body: bytes
    missing: Missing = Missing.NO


class Kind:
    """What every kind of event says of itself."""

    kind: ClassVar[str]
    """`noun.past`."""
    schema_version: ClassVar[int] = 1
    audience: ClassVar[Audience] = Audience.SECURITY
    severity: ClassVar[int] = 1
    """Used when no rule gives one."""
    leaves: ClassVar[Leaves] = Leaves.ALWAYS
    asked_in: ClassVar[str] = ""
    """The table of the policy that asks for it: inventory, hardware or accounts; only with `Leaves.ON_REQUEST`."""
