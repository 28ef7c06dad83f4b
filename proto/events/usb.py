# SPDX-License-Identifier: Apache-2.0
"""Storage on USB: what is attached, how it is protected, and that something was written to it. Never a file's name."""

from dataclasses import dataclass
from typing import ClassVar

from proto.events.header import Kind, Leaves


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One device on USB, or a memory card, that can take files away."""

    vendor_id: str
    """Four hexadecimal digits in lower case, as are those of the product; both empty for a memory card in a reader that
    is not on USB."""
    product_id: str
    vendor: str = ""
    """As the device calls itself: anybody's text."""
    product: str = ""
    serial: str = ""
    form: str = "disk"
    """disk, card_reader, optical, phone, or other."""
    driver: str = ""
    """usb-storage, uas, mtp, ptp; empty when none has it."""
    protection: str = "unknown"
    """encrypted, hardware_encrypted, possibly_encrypted, plain, partly (some volumes are plain), blank, no_medium,
    not_applicable (a phone, an optical disc), or unknown."""
    protection_by: str = ""
    """What it rests on: luks1, luks2, bitlocker, apfs, veracrypt, a table of devices with its date, a shape."""
    is_unlocked: bool = False
    """Its encrypted volume is open here."""
    is_mounted: bool = False
    is_approved: bool = False
    """The school's register of approved devices has it."""
    size_bytes: int = 0
    volumes: int = 0


@dataclass(frozen=True, slots=True)
class UsbAttached(Kind):
    """Storage was attached, or was there when the agent started."""

    kind: ClassVar[str] = "usb.attached"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    device: UsbDevice
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class UsbChanged(Kind):
    """Attached storage was unlocked, mounted, or got another medium."""

    kind: ClassVar[str] = "usb.changed"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    device: UsbDevice


@dataclass(frozen=True, slots=True)
class UsbWritten(Kind):
    """Something was written to attached storage, as the device's own counters say."""

    kind: ClassVar[str] = "usb.written"
    leaves: ClassVar[Leaves] = Leaves.ON_MATCH
    device: UsbDevice
    written_bytes: int = 0
    """Since it was attached. Opening a volume for writing costs some thousand bytes by itself: see the check."""
