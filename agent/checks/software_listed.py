# SPDX-License-Identifier: Apache-2.0
"""Which ordinary programs were told to the collector already, kept over a restart in one small file.

It only avoids repetition: when the file is lost or broken, the list is told once more.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from proto.events import Program
from proto.files import write_private

log = logging.getLogger(__name__)

FILE_NAME = "software-listed.json"
FORMAT = 1
MAX_FILE_BYTES = 16 * 1024 * 1024


class ListedPrograms:
    """The names of programs that were told. Without a folder it remembers them until the agent ends."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / FILE_NAME if folder else None
        self._names = self._load()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told yet: the next list is the first."""
        return not self._names

    def __contains__(self, program: Program) -> bool:
        return _to_name(program) in self._names

    def add(self, programs: Iterable[Program]) -> None:
        """Remember programs as told. If that cannot be written down, it is remembered until the agent ends."""
        self._names.update(_to_name(program) for program in programs)
        if self._path is None:
            return
        try:
            write_private(self._path, json.dumps({"format": FORMAT, "names": sorted(self._names)}).encode())
        except OSError as error:
            log.warning("the list of software will be sent again after a restart: %s", error)

    def _load(self) -> set[str]:
        try:
            if self._path is None or self._path.stat().st_size > MAX_FILE_BYTES:
                return set()
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return set()
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return set()
        names = content.get("names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return set()
        return set(names)


def _to_name(program: Program) -> str:
    return f"{program.source}:{program.name.casefold()}"
