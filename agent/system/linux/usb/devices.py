# SPDX-License-Identifier: Apache-2.0
"""Reads what is attached to USB from sysfs, the udev database and the table of mounts, and memory cards also where
their reader is not on USB. What it means is `protection`'s to say; when to read is `watch`'s.

libblkid has looked for file systems in a worker of udev. Only where it found none, or where there is no udev, the first
bytes are asked for (`sample`). Every text of a device is anybody's: it is cut and made printable here.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.system.linux.files import load_words
from agent.system.linux.usb.blocks import BlockReader
from agent.system.linux.usb.facts import Unit, UsbFacts
from agent.system.linux.usb.sample import Sample

MAX_TEXT = 128
MAX_DEVICES = 256
_MASS_STORAGE = "08"
_STILL_IMAGE = ("06", "01", "01")
_VENDOR_SPECIFIC = "ff"
# .../usb1/1-2/1-2.4/1-2.4:1.0/host6/...: the device is what the last interface belongs to.
_INTERFACE = re.compile(r"^(?P<device>.*/(?P<name>\d+-\d+(?:\.\d+)*))/(?P=name):\d+\.\d+(?:/|$)")
# .../mmc_host/mmc0/mmc0:aaaa/block/mmcblk0: a card is a device by itself, and its slot is none.
_CARD = re.compile(r"^(?P<device>.*/mmc\d+:[0-9a-f]+)/block/mmcblk\d+$")
_MEMORY_CARD = "SD"
"""How the kernel calls one; what is soldered in is called MMC."""
_NOT_PRINTABLE = "\N{REPLACEMENT CHARACTER}"


class Attached(NamedTuple):
    """What one reading found."""

    devices: tuple[UsbFacts, ...]
    has_usb: bool
    unread: tuple[str, ...] = ()


class _Names(NamedTuple):
    """What a device is called and calls itself."""

    vendor_id: str
    product_id: str
    vendor: str
    product: str
    serial: str


class UsbReader:
    """Reads the devices that store something. It remembers what a locked drive looked like."""

    def __init__(self, root: Path, find_sample: Callable[[str, str, str], Sample]) -> None:
        """Read below `root`; `find_sample` gives the first bytes of a disk by name, number and identity."""
        self._sys = root / "sys"
        self._blocks = BlockReader(root, find_sample)
        self._locked: set[str] = set()

    def read(self) -> Attached:
        """Return what is attached now. What goes away meanwhile is left out."""
        try:
            names = sorted(os.listdir(self._sys / "bus/usb/devices"))
        except FileNotFoundError:
            names = []
        except OSError as error:
            return Attached((), has_usb=True, unread=(f"/sys/bus/usb: {os.strerror(error.errno or 0)}",))
        blocks = self._find_blocks()
        found: dict[str, list[str]] = {path: [] for path in blocks}
        for path, interface in self._find_interfaces(name for name in names if ":" in name):
            found.setdefault(path, []).append(interface)
        self._blocks.begin()
        devices = []
        for path, interfaces in sorted(found.items())[:MAX_DEVICES]:
            facts = self._read_device(path, interfaces, blocks.get(path, []))
            if facts is not None:
                devices.append(facts)
        self._locked &= {each.key for each in devices}
        unread = (f"more than {MAX_DEVICES} devices",) if len(found) > MAX_DEVICES else ()
        return Attached(tuple(devices), has_usb=bool(names or devices), unread=unread)

    def count_written(self, facts: UsbFacts) -> tuple[Unit, ...]:
        """Return the units of a device with what its counters say now; nothing else of them is read again."""
        return tuple(self._blocks.count_written(unit) for unit in facts.units)

    def _find_blocks(self) -> dict[str, list[str]]:
        """Return the names of the disks of each USB device, and of each memory card, by the path of the device."""
        found: dict[str, list[str]] = {}
        try:
            names = os.listdir(self._sys / "block")
        except OSError:
            return found
        for name in sorted(names):
            path = self._resolve(self._sys / "block" / name)
            device = _INTERFACE.match(path or "") or self._match_card(path or "")
            if device:
                found.setdefault(device["device"], []).append(name)
        return found

    def _match_card(self, path: str) -> re.Match[str] | None:
        card = _CARD.match(path)
        return card if card and read_text(Path(f"{self._sys}{card['device']}/type")) == _MEMORY_CARD else None

    def _find_interfaces(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the path of the device and the kind of each interface that stores something: storage, mtp or ptp."""
        for name in names:
            folder = self._sys / "bus/usb/devices" / name
            kind = _name_interface(folder)
            path = self._resolve(folder) if kind else None
            interface = _INTERFACE.match(path or "")
            if interface:
                yield interface["device"], kind

    def _read_device(self, path: str, interfaces: list[str], names: list[str]) -> UsbFacts | None:
        folder = Path(f"{self._sys}{path}")
        try:
            # Each new entry of sysfs has a number of its own until the machine starts anew.
            key = f"{folder.name}:{folder.stat().st_ino}"
            names_of = self._name_card(folder) if folder.name.startswith("mmc") else self._name_device(folder, names)
        except (OSError, ValueError):
            return None  # taken away, or no device at all
        units = []
        for name in names:
            unit = self._blocks.read_unit(name)
            if unit is not None:
                units.append(unit)
        disks = [unit for unit in units if not unit.is_optical]
        if len(units) > len(disks) > 0 and not any(unit.size_bytes for unit in disks):
            self._locked.add(key)
        phone = next((each for each in interfaces if each in ("mtp", "ptp")), "")
        return UsbFacts(
            key=key,
            path=path,
            vendor_id=names_of.vendor_id,
            product_id=names_of.product_id,
            vendor=names_of.vendor,
            product=names_of.product,
            serial=names_of.serial,
            driver=self._blocks.find_driver(path, names) or phone,
            is_phone=bool(phone),
            units=tuple(units),
            is_complete=len(units) == len(names)
            and (bool(units) or "storage" not in interfaces)
            and all(self._blocks.is_known(unit) for unit in units),
            is_system=any(self._blocks.runs_system(unit) for unit in units),
            was_locked=key in self._locked,
        )

    def _name_device(self, folder: Path, disks: list[str]) -> _Names:
        ids = [(folder / name).read_text("ascii").strip().lower() for name in ("idVendor", "idProduct")]
        vendor = read_text(folder / "manufacturer") or self._ask_disk(disks, "vendor")
        product = read_text(folder / "product") or self._ask_disk(disks, "model")
        return _Names(ids[0], ids[1], vendor, product, read_text(folder / "serial"))

    def _name_card(self, folder: Path) -> _Names:
        return _Names("", "", "", read_text(folder / "name") or "memory card", read_text(folder / "serial"))

    def _ask_disk(self, names: list[str], what: str) -> str:
        return next((read_text(self._sys / "block" / name / "device" / what) for name in names), "")

    def _resolve(self, link: Path) -> str | None:
        """Return where a link of sysfs leads, as the kernel's events call it: /devices/pci..."""
        try:
            path = os.path.normpath(os.path.join(link.parent, os.readlink(link)))
        except OSError:
            return None
        return path.removeprefix(str(self._sys)) if path.startswith(f"{self._sys}/") else None


def read_text(path: Path) -> str:
    """Return what a device says of itself, cut and printable; empty when it says nothing."""
    content = load_words(path, 4 * MAX_TEXT)
    return "".join(each if each.isprintable() else _NOT_PRINTABLE for each in content[:MAX_TEXT])


def _name_interface(folder: Path) -> str:
    class_ = read_text(folder / "bInterfaceClass")
    if class_ == _MASS_STORAGE:
        return "storage"
    if class_ == _VENDOR_SPECIFIC:
        # Many Android phones speak MTP on an interface that only says so by its name.
        return "mtp" if "MTP" in read_text(folder / "interface").split() else ""
    if class_ != _STILL_IMAGE[0]:
        return ""
    kind = (class_, read_text(folder / "bInterfaceSubClass"), read_text(folder / "bInterfaceProtocol"))
    if kind != _STILL_IMAGE:
        return ""
    return "mtp" if "MTP" in read_text(folder / "interface") else "ptp"
