# SPDX-License-Identifier: Apache-2.0
"""Programs and packages: installed, started, listed."""

from dataclasses import dataclass
from typing import ClassVar

from proto.events.header import Kind, Leaves


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
    """dpkg, rpm, flatpak, snap, appimage, pip, npm, extension, file or process."""
    version: str = ""
    build_id: str = ""
    """Hex; what the linker wrote into the executable. It outlives renaming and stripping. Empty: none, or not read."""
    sketch: str = ""
    """How alike its content is to another's, see `rules.likeness`. Empty when it was not made."""


@dataclass(frozen=True, slots=True)
class ProgramFound(Kind):
    """A program that a rule names is installed."""

    kind: ClassVar[str] = "program.found"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    program: Program


@dataclass(frozen=True, slots=True)
class ProgramInstalled(Kind):
    """A program that no list of this device holds was installed after the first scan."""

    kind: ClassVar[str] = "program.installed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "inventory"
    program: Program


@dataclass(frozen=True, slots=True)
class ProgramRemoved(Kind):
    """A program that was told of in a list is not installed any more."""

    kind: ClassVar[str] = "program.removed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "inventory"
    program: Program


@dataclass(frozen=True, slots=True)
class ProgramStarted(Kind):
    """A program that a rule names was started, or ran already when the agent started."""

    kind: ClassVar[str] = "program.started"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    program: Program
    already_running: bool = False


@dataclass(frozen=True, slots=True)
class SoftwareListed(Kind):
    """The installed software, as one event."""

    kind: ClassVar[str] = "software.listed"
    leaves: ClassVar[Leaves] = Leaves.ON_REQUEST
    asked_in: ClassVar[str] = "inventory"
    programs: tuple[Program, ...]
    first: bool = True
    """The first list of this device; otherwise programs that came together, or other versions of what it has."""
