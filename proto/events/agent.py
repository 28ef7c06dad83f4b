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
