# SPDX-License-Identifier: Apache-2.0
"""What a source of installed software is. It finds programs below the root folder, and in each person's folder.

It starts no program and asks no daemon, and it judges nothing. What it cannot read, it says to the survey.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.system.linux.sources.survey import Survey
from proto.events import Program

Finds = Iterator[Program | None]
"""Programs as they are found; None is a place where the look may pause, for there may be very much to look at."""


class Source:
    """One way in which software comes to a Linux machine. A source finds nothing where it does not say otherwise."""

    def find(self, survey: Survey) -> Finds:  # noqa: ARG002 - a source may have nothing there
        """Find what is installed for all."""
        yield from ()

    def find_in_home(self, survey: Survey, home: Path) -> Finds:  # noqa: ARG002
        """Find what is installed in one person's folder."""
        yield from ()
