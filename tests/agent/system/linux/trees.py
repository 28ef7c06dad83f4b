# SPDX-License-Identifier: Apache-2.0
"""Small trees of files in place of a whole system, for tests of what is read below a root folder."""

import os
from pathlib import Path


class Tree:
    """A root folder that a test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, place: str, content: str | bytes = "", *, at_ns: int | None = None) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if at_ns is not None:
            os.utime(path, ns=(at_ns, at_ns))

    def link(self, place: str, target: str) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def run(self, pid: int, program: str, uid: int = 0) -> None:
        """Make a process of the system's, or of a person's."""
        self.write(f"proc/{pid}/status", f"Name:\tsomething\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        self.link(f"proc/{pid}/exe", program)

    # Disks, as the kernel shows them

    def disk(self, name: str, number: str, *, bus: str = "pci0000:00/ata1") -> str:
        return self._block(f"devices/{bus}/block/{name}", number)

    def partition(self, disk: str, name: str, number: str) -> str:
        place = self._block(f"{disk}/{name}", number)
        self.write(f"sys/{place}/partition", "1\n")
        return place

    def mapped(self, name: str, number: str, uuid: str, *below: str, label: str = "") -> str:
        """Make a device of LVM or dm-crypt over others."""
        place = self._over(name, number, below)
        self.write(f"sys/{place}/dm/uuid", f"{uuid}\n")
        self.write(f"sys/{place}/dm/name", f"{label or name}\n")
        return place

    def raid(self, name: str, number: str, *below: str) -> str:
        return self._over(name, number, below)

    def mount(self, *lines: str) -> None:
        """Mount: `8:1 / ext4 /dev/sda1` and so on."""
        text = ""
        for line in lines:
            number, place, kind, source = line.split()
            text += f"27 1 {number} / {place} rw,relatime shared:1 - {kind} {source} rw\n"
        self.write("proc/1/mountinfo", text)

    def _over(self, name: str, number: str, below: tuple[str, ...]) -> str:
        place = self._block(f"devices/virtual/block/{name}", number)
        for each in below:
            self.link(f"sys/{place}/slaves/{each.rpartition('/')[2]}", str(self.root / "sys" / each))
        return place

    def _block(self, place: str, number: str) -> str:
        (self.root / "sys" / place).mkdir(parents=True)
        self.link(f"sys/dev/block/{number}", f"../../{place}")
        self.link(f"sys/class/block/{place.rpartition('/')[2]}", f"../../{place}")
        return place
