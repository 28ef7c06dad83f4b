# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about how much programs send and receive. The seam of `checks.traffic`.

Counts only: an implementation sees addresses where it must and returns none.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Volume:
    """Bytes since the last question."""

    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """What went over the network since the last question."""

    programs: Mapping[str, Volume]
    """By basename of the executable."""
    total: Volume
    """Of all interfaces but the loopback; what no program could be found for is in here only."""
    unread: tuple[str, ...] = ()


class TrafficMeter(ABC):
    """Counts."""

    @abstractmethod
    def sample(self) -> TrafficSample:
        """Return what went over the network since the last call; the first is all zeros."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. A second call does nothing."""
