# SPDX-License-Identifier: Apache-2.0
"""What a device can say: the header of an event and one frozen dataclass for each kind.

It holds no protobuf; `wire` turns these into bytes, by field name. A kind says of itself when it may leave the
device (`leaves`), and `PRIVACY.md` has a row for each: a test compares the two.
"""

from dataclasses import dataclass, field
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


class Leaves(StrEnum):
    """When an event may leave the device."""

    ALWAYS = "always"
    """It is about the agent itself."""

    ON_MATCH = "when a rule names the program"
    """Only if a rule of the signed policy matches it."""

    SEALED = "when words of the lexicon were typed, sealed to their readers"
    """Never in the clear; only if every precondition of watching holds."""

    ON_REQUEST = "when the policy asks for the inventory"
    """Only if the signed policy asks for the software inventory and says why."""


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


@dataclass(frozen=True, slots=True)
class Program:
    """One program, installed or running."""

    name: str
    """Basename of the executable, or name of the package."""
    path: str = ""
    """Absolute path; empty for a package."""
    sha256: str = ""
    """Hex; empty when the content was not read."""
    source: str = ""
    """dpkg, flatpak, snap, file or process."""
    version: str = ""


class Kind:
    """What every kind of event says of itself."""

    kind: ClassVar[str]
    """`noun.past`."""
    schema_version: ClassVar[int] = 1
    audience: ClassVar[Audience] = Audience.SECURITY
    severity: ClassVar[int] = 1
    """Used when no rule gives one."""
    leaves: ClassVar[Leaves] = Leaves.ALWAYS


@dataclass(frozen=True, slots=True)
class AgentStarted(Kind):
    """The agent started; with what the machine is and what cannot be seen on it."""

    kind: ClassVar[str] = "agent.started"
    agent_version: str
    hostname: str
    os: str
    os_version: str
    architecture: str
    checks: tuple[str, ...] = ()
    not_watched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentStopped(Kind):
    """The agent was told to stop."""

    kind: ClassVar[str] = "agent.stopped"
    reason: str


@dataclass(frozen=True, slots=True)
class AgentThrottled(Kind):
    """The agent went over its own limits and slowed down, or came back to normal."""

    kind: ClassVar[str] = "agent.throttled"
    level: str
    cpu_percent: float
    """Of one core, over the last minute."""
    memory_mb: float
    """Proportional set size in 10^6 bytes."""


@dataclass(frozen=True, slots=True)
class ChainRestarted(Kind):
    """The device lost its queue, or the queue and the identity no longer fit: events not yet sent are gone."""

    kind: ClassVar[str] = "chain.restarted"
    severity: ClassVar[int] = 3
    reason: str
    previous_epoch: int


@dataclass(frozen=True, slots=True)
class CheckChanged(Kind):
    """A check came to another answer."""

    kind: ClassVar[str] = "check.changed"
    check: str
    state: str
    summary: str
    facts: dict[str, str] = field(default_factory=dict)
    first_failed_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class CheckCrashed(Kind):
    """A check ended with an error; only the type of the error leaves."""

    kind: ClassVar[str] = "check.crashed"
    severity: ClassVar[int] = 2
    check: str
    error: str


@dataclass(frozen=True, slots=True)
class EventsDropped(Kind):
    """What was not sent, counted."""

    kind: ClassVar[str] = "events.dropped"
    dropped_kind: str
    reason: str
    """repeated, flood, queue_full, or disk when it takes nothing; of flags also flood_<tier>, before_notice, unsealed
    and switched_off"""
    count: int


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
class PolicyApplied(Kind):
    """A signed policy came into force."""

    kind: ClassVar[str] = "policy.applied"
    bundle_version: int
    bundle_sha256: str


@dataclass(frozen=True, slots=True)
class PolicyRefused(Kind):
    """A policy was refused: not signed by our collector, older than ours, or not readable."""

    kind: ClassVar[str] = "policy.refused"
    severity: ClassVar[int] = 4
    bundle_version: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProgramFound(Kind):
    """A program that a rule names is installed."""

    kind: ClassVar[str] = "program.found"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    program: Program


@dataclass(frozen=True, slots=True)
class ProgramInstalled(Kind):
    """A program that is on no list was installed after the first scan."""

    kind: ClassVar[str] = "program.installed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    program: Program


@dataclass(frozen=True, slots=True)
class ProgramStarted(Kind):
    """A program that a rule names was started, or ran already when the agent started."""

    kind: ClassVar[str] = "program.started"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    program: Program
    already_running: bool = False


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


@dataclass(frozen=True, slots=True)
class SoftwareListed(Kind):
    """The installed software, as one event."""

    kind: ClassVar[str] = "software.listed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    programs: tuple[Program, ...]
    first: bool = True
    """The first list of this device; otherwise several programs that came at once."""


KINDS: dict[str, type[Kind]] = {
    each.kind: each
    for each in (
        AgentStarted,
        AgentStopped,
        AgentThrottled,
        ChainRestarted,
        CheckChanged,
        CheckCrashed,
        EventsDropped,
        FlagRaised,
        NoticeAccepted,
        PolicyApplied,
        PolicyRefused,
        ProgramFound,
        ProgramInstalled,
        ProgramStarted,
        RecipientsApplied,
        RecipientsRefused,
        SoftwareListed,
    )
}
"""Every kind of event, by name."""
