# SPDX-License-Identifier: Apache-2.0
"""What the agent asks a system about storage on USB. The seam of `checks.usb_storage`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from proto.events import UsbDevice


@dataclass(frozen=True, slots=True)
class AttachedUsb:
    """One device that is attached now."""

    key: str
    """The same as long as it stays attached, and never again in this boot after it was taken away."""
    device: UsbDevice
    """All but `is_approved`, which the policy says. What a device says of itself is cut and printable."""
    written_bytes: int = 0
    """Since it was attached, or since its medium came, by the counters of its disks. If only a part of it is encrypted:
    to the rest."""
    read_bytes: int = 0
    """Since the same moment, from all of it."""
    is_settled: bool = True
    """False: the system has not finished looking at it, so what its protection is will be known in a moment."""
    takes_unseen: bool = False
    """It takes files in a way that no counter shows, as phones and cameras do."""


@dataclass(frozen=True, slots=True)
class UsbListing:
    """What is attached now."""

    devices: tuple[AttachedUsb, ...]
    unread: tuple[str, ...] = ()
    """What could not be read and why, in words. Empty: everything was read."""
    has_usb: bool = True
    """False: this machine has no USB at all, and no memory card in another reader."""


class UsbWatch(ABC):
    """Tells what is attached, and wakes its owner when that changes."""

    @abstractmethod
    def list_devices(self) -> UsbListing:
        """Return what is attached now. It MUST be cheap enough for every second."""

    @abstractmethod
    def close(self) -> None:
        """End the watch. A second call does nothing."""
