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
class Look:
    """What a file that came is, as far as it can be run; the fields of `proto.events.FileArrived`."""

    format: str
    """Empty: nothing that can be run, and no archive. `unknown`: whoever looked at it did not survive it."""
    contains: str = ""
    is_executable: bool = False
    size_bytes: int = 0
    sha256: str = ""
    name: str = ""
    """Of the file, without its folder, as it may be told: printable, and not longer than 128 characters."""


@dataclass(frozen=True, slots=True)
class MediaCount:
    """Files and bytes of media in users' folders, over all of them."""

    audio_files: int = 0
    audio_bytes: int = 0
    video_files: int = 0
    video_bytes: int = 0
    picture_files: int = 0
    picture_bytes: int = 0
    is_complete: bool = True


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
    def look(self, file: Arrival) -> Look | None:
        """Return what a file is; None when it has gone or cannot be read."""

    @abstractmethod
    def count_media(self) -> MediaCount:
        """Count, over and over, a slice at each call; each complete count is another object and stands until the next.

        Before there is any, the count says that it is not complete.
        """

    @abstractmethod
    def coverage(self) -> ArrivalCoverage:
        """Return how much is watched now."""

    @abstractmethod
    def close(self) -> None:
        """End the watch. A second call does nothing."""
