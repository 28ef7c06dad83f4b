# SPDX-License-Identifier: Apache-2.0
"""What a check remembers over a restart: one small private JSON file, whole or not there. What is in it is not known
here.

It only avoids repetition: a file that is lost, broken or too large is as good as none, and things are told once more.
"""

import json
import logging
from pathlib import Path
from typing import Any

from proto.files import write_private

log = logging.getLogger(__name__)

FORMAT = 1
MAX_FILE_BYTES = 16 * 1024 * 1024


class Memory:
    """One such file. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / name if folder else None

    def load(self, field: str) -> list[Any]:
        """Return the list that was kept under that name; an empty one if there is none that can be read."""
        try:
            if self._path is None or self._path.stat().st_size > MAX_FILE_BYTES:
                return []
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return []
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return []
        kept = content.get(field)
        return kept if isinstance(kept, list) else []

    def keep(self, field: str, content: list[Any]) -> None:
        """Replace what was kept. If that cannot be written down, it is remembered until the agent ends."""
        if self._path is None:
            return
        try:
            write_private(self._path, json.dumps({"format": FORMAT, field: content}).encode())
        except OSError as error:
            log.warning("what was told will be told again after a restart: %s", error)
