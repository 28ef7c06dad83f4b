# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about files that come to users' folders. The seam of `checks.downloads`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that was written and closed, or moved to where it is."""

    path: str
    place: str
    """downloads, desktop, programs, temporary or home."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came since the last question."""

    files: tuple[Arrival, ...]
    is_complete: bool = True
    """False: more came than could be told."""


@dataclass(frozen=True, slots=True)
class ArrivalCoverage:
    """How much of the users' folders is watched."""

    watched: int
    """Folders."""
    gaps: tuple[str, ...] = ()
    """What is not, and why, in words without a name."""


class ArrivalWatch(ABC):
    """Tells of files as they come."""

    @abstractmethod
    def take(self) -> Arrivals:
        """Return what came since the last call."""

    @abstractmethod
    def coverage(self) -> ArrivalCoverage:
        """Return how much is watched now."""

    @abstractmethod
    def close(self) -> None:
        """End the watch. A second call does nothing."""
