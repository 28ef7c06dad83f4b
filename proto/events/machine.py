# SPDX-License-Identifier: Apache-2.0
"""The machine itself: its hardware, its posture, and how much it sends and receives."""

from dataclasses import dataclass, field
from typing import ClassVar

from proto.events.header import Kind, Leaves


@dataclass(frozen=True, slots=True)
class Disk:
    """One built-in disk."""

    model: str
    serial: str = ""
    size_bytes: int = 0
    technology: str = ""
    """ssd, hdd, or empty when it is not known."""


@dataclass(frozen=True, slots=True)
class HardwareListed(Kind):
    """The machine's hardware, once and after every change."""

    kind: ClassVar[str] = "hardware.listed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "hardware"
    manufacturer: str
    product: str
    serial: str = ""
    """Of the machine, as its maker wrote it into the firmware."""
    firmware: str = ""
    """Its version and date."""
    processor: str = ""
    cores: int = 0
    memory_bytes: int = 0
    disks: tuple[Disk, ...] = ()


@dataclass(frozen=True, slots=True)
class PostureFound(Kind):
    """One thing about the machine's security is not as the policy asks, or cannot be known."""

    kind: ClassVar[str] = "posture.found"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    item: str
    """disk_encryption, antivirus, firewall, updates, os_support, administrators, password_age, switched_on or
    guest_account; see `agent.checks.posture`."""
    state: str
    """fail or unknown."""
    summary: str
    facts: dict[str, str] = field(default_factory=dict)
    """Counts and plain words; the only names are those of local administrators whom the policy does not list."""


@dataclass(frozen=True, slots=True)
class TrafficSustained(Kind):
    """One program sent or received a lot for minutes on end. Counts only: neither with whom nor what."""

    kind: ClassVar[str] = "traffic.sustained"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    program_name: str
    """Basename of its executable."""
    received_bytes: int = 0
    sent_bytes: int = 0
    duration_s: int = 0
    mean_mbit_s: float = 0.0
    """10^6 bits a second, both ways together, averaged over the duration."""
