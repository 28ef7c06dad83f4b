# SPDX-License-Identifier: Apache-2.0
"""USB devices of any make that the guest plays to itself: a card reader, a stick that encrypts by itself.

    with Gadget(machine, VAULT) as gadget:
        gadget.insert(1, "/var/medium.img")

The guest's kernel has a USB controller of which both ends are its own, so every layer above it is real. There is one
socket. Plain sticks are plugged by `machine`.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.rigs.machine import Machine

FOLDER = "/sys/kernel/config/usb_gadget/rig"


@dataclass(frozen=True, slots=True)
class Unit:
    """One of the disks of a device; without a medium until one is put in."""

    name: str = "Rig Disk"
    """As the disk calls itself: 8 characters of a vendor, 16 of a product."""
    is_optical: bool = False
    is_removable: bool = True


@dataclass(frozen=True, slots=True)
class Make:
    """What a device says it is."""

    vendor_id: str
    """Four hexadecimal digits, as are those of the product."""
    product_id: str
    vendor: str
    product: str
    units: tuple[Unit, ...]
    serial: str = "0123456789"


VAULT = Make(
    "0951",
    "160d",
    "Kingston",
    "DT Vault Privacy",
    (Unit("Kingston DTVP Launcher", is_optical=True), Unit("Kingston DataTraveler VP")),
)
"""Encrypts by itself. Locked until its own program, on the disc that it shows, has the passphrase: then its disk has a
size."""
UNLISTED_VAULT = Make("1209", "0a01", "Rig", "Vault", VAULT.units)
"""The same shape by a maker whom no table knows."""
PRETENDER = Make(VAULT.vendor_id, VAULT.product_id, VAULT.vendor, VAULT.product, (Unit("Kingston DataTraveler VP"),))
"""Says that it is such a stick and is a plain one: anybody can make it."""
CARD_READER = Make("1209", "0a02", "Rig", "Card Reader", (Unit("Rig     SD"), Unit("Rig     CF"), Unit("Rig     MS")))


class Gadget:
    """One device, plugged in as long as the block lasts."""

    def __init__(self, machine: Machine, make: Make, media: dict[int, str] | None = None) -> None:
        """`media` are the files that lie in its disks from the first moment."""
        self._machine = machine
        self._make = make
        self._media = media or {}

    def __enter__(self) -> Self:
        self._machine.check(" && ".join(self._describe()))
        for unit, path in self._media.items():
            self.insert(unit, path)
        self._machine.check(f"ls /sys/class/udc > {FOLDER}/UDC")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._machine.run(
            f"cd {FOLDER} && echo > UDC; rm -f configs/c.1/storage; rmdir configs/c.1/strings/* configs/c.1;"
            "for unit in functions/mass_storage.0/lun.[1-9]; do rmdir $unit; done;"
            f"rmdir functions/mass_storage.0 strings/*; cd / && rmdir {FOLDER}"
        )

    def insert(self, unit: int, path: str) -> None:
        """Put a medium, a file of the guest's, into one of its disks."""
        self._machine.check(f"echo {path} > {self._unit(unit)}/file")

    def eject(self, unit: int) -> None:
        """Take the medium out, whatever the guest still does with it."""
        self._machine.check(f"echo 1 > {self._unit(unit)}/forced_eject")

    def _unit(self, number: int) -> str:
        return f"{FOLDER}/functions/mass_storage.0/lun.{number}"

    def _describe(self) -> list[str]:
        make = self._make
        lines = [
            f"mkdir -p {FOLDER}/strings/0x409 {FOLDER}/configs/c.1/strings/0x409 {FOLDER}/functions/mass_storage.0",
            f"echo 0x{make.vendor_id} > {FOLDER}/idVendor",
            f"echo 0x{make.product_id} > {FOLDER}/idProduct",
            f"echo 0x0200 > {FOLDER}/bcdUSB",
            f"echo '{make.vendor}' > {FOLDER}/strings/0x409/manufacturer",
            f"echo '{make.product}' > {FOLDER}/strings/0x409/product",
            f"echo '{make.serial}' > {FOLDER}/strings/0x409/serialnumber",
        ]
        for number, unit in enumerate(make.units):
            place = self._unit(number)
            lines += [
                f"mkdir -p {place}",
                f"echo {int(unit.is_optical)} > {place}/cdrom",
                f"echo {int(unit.is_optical)} > {place}/ro",
                f"echo {int(unit.is_removable or unit.is_optical)} > {place}/removable",
                f"echo '{unit.name}' > {place}/inquiry_string",
            ]
        return [*lines, f"ln -s {FOLDER}/functions/mass_storage.0 {FOLDER}/configs/c.1/storage"]
