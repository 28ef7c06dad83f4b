# SPDX-License-Identifier: Apache-2.0
"""What a rule needs to know a program by its content: the lines for a `[[rule.program]]`, out of the program's file.

It judges no program and sends nothing; a technician copies the lines into a rule of the school's own.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.errors import AgentError, ParseError
from agent.parsing.interface import Parsing

_PAYLOAD_BYTES = 64 * 1024
_CARRIES = (
    "it carries something inside that it runs (as an AppImage does), so only its digest says what it is; "
    "unpack it and take the fingerprint of the program inside"
)
_SCRIPT = "it is a script: any change, even of a comment, makes another digest"
_TOO_FEW = "it holds too few texts for a sketch"
_NO_ID = "its linker left no build id"


class NoProgramError(AgentError):
    """There is no program of which a fingerprint could be taken."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a program is known by."""

    file: str
    sha256: str
    build_id: str
    sketch: str
    notes: tuple[str, ...]
    """What is missing and why, one plain sentence each."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"notes": list(self.notes)}

    def to_lines(self) -> list[str]:
        """Return lines of a rule file."""
        known = {"sha256": self.sha256, "build_ids": self.build_id, "sketches": self.sketch}
        return [
            f"# {self.file}",
            *(f"# {note}" for note in self.notes),
            *(f'{key} = ["{value}"]' for key, value in known.items() if value),
        ]


def take_fingerprint(path: Path, parsing: Parsing) -> Fingerprint:
    """Return what a program is known by.

    Raises:
        NoProgramError: it is no program of Linux and no script.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(4)
        inside: Mapping[str, Any] = {}
        if start == b"\x7fELF":
            try:
                inside = parsing.parse("elf", stream.fileno())
            except ParseError as error:
                raise NoProgramError(f"{path}: {error.message}") from error
        elif not start.startswith(b"#!"):
            hint = "give an executable file of Linux (ELF) or a script"
            raise NoProgramError(f"{path} is no program that is known here", hint=hint)
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if not inside:
        return Fingerprint(str(path), sha256, "", "", (_SCRIPT,))
    if inside["is_appimage"] or inside["inside_bytes"] > _PAYLOAD_BYTES:
        return Fingerprint(str(path), sha256, "", "", (_CARRIES,))
    notes = [note for key, note in (("build_id", _NO_ID), ("sketch", _TOO_FEW)) if not inside[key]]
    return Fingerprint(str(path), sha256, inside["build_id"], inside["sketch"], tuple(notes))
