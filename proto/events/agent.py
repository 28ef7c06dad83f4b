# SPDX-License-Identifier: Apache-2.0
"""What the agent says of itself: that it runs, under which policy, what a check found, what it had to drop."""

from dataclasses import dataclass, field
from typing import ClassVar

from proto.events.header import Kind


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
    check: str = ""
    """The check that was slowed or paused for it; empty: all of them."""


@dataclass(frozen=True, slots=True)
class AgentRekeyed(Kind):
    """The first event of a device that goes on for another: two machines had one identity, or one was set back."""

    kind: ClassVar[str] = "agent.rekeyed"
    severity: ClassVar[int] = 3
    former_device_id: str
    former_epoch: int
    former_seq: int
    """The last event that this machine and the former device have in common, as far as it knows."""
    reason: str
    """forked, rolled_back or enrolled_again"""
    carried: int = 0
    """How many events of the former device that no collector has taken are told again under the new one."""


@dataclass(frozen=True, slots=True)
class ChainRestarted(Kind):
    """A new epoch begins: the queue was lost, or the collector no longer holds what this device has forgotten."""

    kind: ClassVar[str] = "chain.restarted"
    severity: ClassVar[int] = 3
    reason: str
    """lost, damaged, reset (back to its image, as declared), collector_restored or quarantined; in older ones, words"""
    previous_epoch: int
    lost_first_seq: int = 0
    """Numbers of the former epoch that neither side holds any more, first and last; 0 when none is known."""
    lost_last_seq: int = 0
    carried: int = 0
    """How many events that still waited are told again in the new epoch."""


@dataclass(frozen=True, slots=True)
class ClockStepped(Kind):
    """The machine's clock was set, or went wrong: it is away from where the monotonic clock says it should be."""

    kind: ClassVar[str] = "clock.stepped"
    severity: ClassVar[int] = 2
    expected_ns: int
    """What the clock said last, moved on by the monotonic clock."""
    found_ns: int


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
    """repeated, flood, queue_full, quarantined, or disk when it takes nothing; of flags also flood_<tier>,
    before_notice, unsealed and switched_off"""
    count: int


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
