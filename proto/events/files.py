# SPDX-License-Identifier: Apache-2.0
"""Files that came to users' folders and can be run, and how much of media there is. No document makes an event."""

from dataclasses import dataclass
from typing import ClassVar

from proto.events.header import Kind, Leaves


@dataclass(frozen=True, slots=True)
class FileArrived(Kind):
    """Something that can be run, or an archive with such a thing in it, came into a folder of a user."""

    kind: ClassVar[str] = "file.arrived"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    name: str
    """Of the file, without its folder."""
    place: str
    """downloads, desktop, programs, temporary or home."""
    format: str
    """elf, pe, appimage, msi, deb, rpm, jar, apk, script, document, shortcut, iso, zip, tar, 7z, rar, gzip, xz, bzip2,
    zstd or unknown."""
    contains: str = ""
    """For an archive or a document with macros:
    executable, script, encrypted (nobody could look), unknown, or empty for nothing of the sort."""
    is_executable: bool = False
    """It may be run as it lies there, or holds what may."""
    size_bytes: int = 0
    sha256: str = ""
    """Hex; empty when the content could not be read in time."""


@dataclass(frozen=True, slots=True)
class MediaCounted(Kind):
    """How much music, video and pictures there is in users' folders, counted over all of them; never a name."""

    kind: ClassVar[str] = "media.counted"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    audio_files: int = 0
    audio_bytes: int = 0
    video_files: int = 0
    video_bytes: int = 0
    picture_files: int = 0
    picture_bytes: int = 0
