# SPDX-License-Identifier: Apache-2.0
"""What is read of one device on USB before anyone judges it: its disks, their volumes, and what each of them shows.

Plain values. `devices` reads them, `protection` says what they mean.
"""

from dataclasses import dataclass
from enum import StrEnum


class Content(StrEnum):
    """What the first bytes of a volume look like when nobody has recognised a file system."""

    NOT_READ = "its first bytes were not read"
    AWAITED = "its first bytes are being read"
    DENIED = "its first bytes cannot be read"
    BLANK = "blank"
    RANDOM = "random"
    OTHER = "no known signature"


class Role(StrEnum):
    """What the partition table says that a partition is for."""

    DATA = "data"
    EXTENDED = "extended"
    """Only holds others."""
    RESERVED = "reserved"
    """Microsoft's reserved partition, without a file system."""
    EFI = "efi"
    """What firmware starts from; desktops do not show it."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A partition, or a whole disk that is not divided."""

    name: str
    size_bytes: int
    file_system: str = ""
    """As libblkid calls it: vfat, crypto_LUKS, BitLocker; empty when none was recognised."""
    version: str = ""
    usage: str = ""
    """As libblkid groups file systems: filesystem, crypto, raid, other."""
    is_ambiguous: bool = False
    """It carries the signatures of several."""
    role: Role = Role.DATA
    opened_as: str = ""
    """How the kernel decrypts it now: LUKS2, BITLK, TCRYPT; empty when it does not."""
    was_opened: bool = False
    """It was decrypted as such since it is there, and looks as it did then."""
    content: Content = Content.NOT_READ
    is_mounted: bool = False
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """What the device shows as one drive."""

    name: str
    is_optical: bool = False
    is_card: bool = False
    """It says that it takes memory cards."""
    is_removable: bool = False
    """Its medium can be taken out, it says; many sticks say so, and no disk on UAS does."""
    size_bytes: int = 0
    """0: it has no medium, or keeps it locked."""
    read_bytes: int = 0
    written_bytes: int = 0
    volumes: tuple[Volume, ...] = ()


@dataclass(frozen=True, slots=True)
class UsbFacts:
    """One device."""

    key: str
    path: str
    """Below /sys, as the kernel's events call it."""
    vendor_id: str
    product_id: str
    vendor: str = ""
    product: str = ""
    serial: str = ""
    driver: str = ""
    is_phone: bool = False
    units: tuple[Unit, ...] = ()
    is_complete: bool = True
    """False: a disk of it has not appeared yet, or udev has not looked at all of them."""
    is_system: bool = False
    """This very system runs from it."""
    was_locked: bool = False
    """Since it is there, it has shown a CD-ROM beside a disk without a medium: the shape of a locked drive."""
