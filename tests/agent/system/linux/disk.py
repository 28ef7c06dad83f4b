# SPDX-License-Identifier: Apache-2.0
"""A root folder that a test fills: a small Debian machine with one person, alice."""

import json
from pathlib import Path
from typing import Any

from agent.system.interface import InstalledSoftware
from agent.system.linux.installed import InstalledReader
from proto.events import Program
from tests.agent.parsing.direct import DirectParsing

LISTS = Path(__file__).parent / "lists"


class Disk:
    """The root folder, and what reads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parsing = DirectParsing()
        self.write("var/lib/dpkg/status", (LISTS / "dpkg-good").read_bytes())
        self.write("etc/passwd", b"root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
        (root / "home/alice").mkdir(parents=True)

    def write(self, place: str, content: bytes = b"", *, mode: int = 0o644) -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def write_json(self, place: str, content: Any) -> Path:
        return self.write(place, json.dumps(content).encode())

    def link(self, place: str, target: str | Path) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def deploy_flatpak(self, top: str, name: str, metadata: bytes) -> None:
        self.write(f"{top}/{name}/x86_64/stable/abc/metadata", metadata)
        self.link(f"{top}/{name}/x86_64/stable/active", "abc")
        self.link(f"{top}/{name}/current", "x86_64/stable")

    def make_reader(self, **options: Any) -> InstalledReader:
        return InstalledReader(self.root, lambda: self.parsing, **options)

    def look(self) -> InstalledSoftware:
        """Return what a new reader finds."""
        return read_all(self.make_reader())

    def read(self) -> tuple[set[Program], tuple[str, ...]]:
        """Return what is installed beside the packages of dpkg, and what could not be read."""
        found = self.look()
        return {program for program in found.programs if program.source != "dpkg"}, found.unread


def read_all(reader: InstalledReader) -> InstalledSoftware:
    """Ask until there is no more."""
    while True:
        found = reader.read()
        if not found.has_more:
            return found
