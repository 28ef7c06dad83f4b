# SPDX-License-Identifier: Apache-2.0
"""Programs that lie about in people's folders: ELF files with the execute bit or without, and AppImages.

It walks what is not hidden, down to some depth. What is deeper, hidden or on another file system is seen when it runs.
Scripts, and what has just arrived, are the business of the check `downloads`.
"""

from collections import deque
from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.linux.sources.appimage import to_program
from agent.system.linux.sources.folders import Entry
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

MAX_DEPTH = 4
"""`~` is at depth 0."""
MAX_FOLDERS = 5000
"""In one home. More of them are a gap."""
LEFT_OUT = frozenset({"site-packages", "node_modules", "__pycache__", "snap"})
"""Folders that hold the parts of what other sources find."""
_WHAT = "programs that lie in home folders"


class PortableSource(Source):
    """Walks a person's folder."""

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find every program that lies there."""
        waiting = deque([(str(home), 0)])
        device = None
        looked_at = 0
        seen: set[int] = set()
        while waiting:
            folder, depth = waiting.popleft()
            looked_at += 1
            if looked_at > MAX_FOLDERS:
                survey.gaps.add(_WHAT, f"a home with more than {MAX_FOLDERS} folders")
                return
            yield None
            contents = survey.look_into(folder, _WHAT, with_magic=True)
            if contents is None:
                continue
            device = contents.device if device is None else device
            if contents.device != device:
                continue  # something is mounted there
            for entry in contents.entries:
                if entry.is_elf or entry.is_appimage:
                    # A hard link costs its maker nothing; all are on one device, so the inode is enough.
                    if entry.inode not in seen:
                        seen.add(entry.inode)
                        yield _to_program(entry, to_text(f"{folder}/{entry.name}"))
                elif entry.is_folder and depth < MAX_DEPTH and _is_walked(entry.name):
                    waiting.append((f"{folder}/{entry.name}", depth + 1))


def _is_walked(name: str) -> bool:
    return not name.startswith(".") and name not in LEFT_OUT


def _to_program(entry: Entry, path: str) -> Program:
    name = to_text(entry.name)
    return to_program(name, path) if entry.is_appimage else Program(name, path=path, source="file")
