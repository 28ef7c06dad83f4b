# SPDX-License-Identifier: Apache-2.0
"""What is known of a program by its content, whatever it is called and wherever it lies."""

from dataclasses import dataclass, replace

from proto.events import Program

ALL_CONTENT = frozenset({"sha256", "build_id", "sketch"})
"""All that can be asked for."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was asked for of one program. "" is: not asked for, or there is none."""

    sha256: str = ""
    build_id: str = ""
    """As `proto.events.Program` has it."""
    sketch: str = ""
    """See `rules.likeness`."""
    is_complete: bool = True
    """False: something that was asked for could not be read, so nobody knows what it is."""

    def add_to(self, program: Program) -> Program:
        """Return the program with what is known of its content."""
        return replace(
            program,
            sha256=self.sha256 or program.sha256,
            build_id=self.build_id or program.build_id,
            sketch=self.sketch or program.sketch,
        )
