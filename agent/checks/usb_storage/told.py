# SPDX-License-Identifier: Apache-2.0
"""What was told of each attached device, kept over a restart of the agent as long as the machine runs and the device
stays attached. It only avoids repetition: when the file is lost or broken, it is told once more.
"""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.checks.memory import Memory
from proto.events import UsbDevice

FILE_NAME = "usb-told.json"


class Shown(NamedTuple):
    """What a change of which is told."""

    protection: str
    is_unlocked: bool
    is_mounted: bool
    size_bytes: int

    @classmethod
    def of(cls, device: UsbDevice) -> "Shown":
        """Return it of a device."""
        return cls(device.protection, device.is_unlocked, device.is_mounted, device.size_bytes)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one device."""

    shown: Shown
    written_bytes: int = 0
    """0: not told that anything was written."""


class ToldDevices:
    """By key of the device. Without a folder it remembers them until the agent ends."""

    def __init__(self, folder: Path | None, boot: str) -> None:
        """What was told in another boot than `boot` counts no more; an empty one is like no other."""
        self._memory = Memory(folder if boot else None, FILE_NAME)
        self._boot = boot
        self._devices: dict[str, Told] = {}
        self._is_changed = False
        entries = self._memory.load("told")
        if all(_is_entry(entry) for entry in entries):
            self._devices = {key: Told(Shown(*shown), written) for of, key, shown, written in entries if of == boot}

    def find(self, key: str) -> Told | None:
        """Return what was told of a device, or None."""
        return self._devices.get(key)

    def note(self, key: str, told: Told) -> None:
        """Remember what was told of a device."""
        if self._devices.get(key) != told:
            self._devices[key] = told
            self._is_changed = True

    def forget_others(self, present: Container[str]) -> None:
        """Forget all that is not there any more."""
        for key in [key for key in self._devices if key not in present]:
            del self._devices[key]
            self._is_changed = True

    def keep(self) -> None:
        """Bring it to the disk, if it has changed."""
        if self._is_changed:
            entries = [[self._boot, key, list(each.shown), each.written_bytes] for key, each in self._devices.items()]
            self._memory.keep("told", entries)
            self._is_changed = False


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 4:
        return False
    boot, key, shown, written = entry
    if not isinstance(boot, str) or not isinstance(key, str) or type(written) is not int:
        return False
    return isinstance(shown, list) and [type(each) for each in shown] == [str, bool, bool, int]
