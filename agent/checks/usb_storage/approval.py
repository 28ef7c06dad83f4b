# SPDX-License-Identifier: Apache-2.0
"""Which of the attached devices the school's register has. A serial is a label and no proof: it can be copied."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from proto.events import UsbDevice
from rules.settings import Medium

Identity = tuple[str, str, str]


def find_approved(devices: Iterable[UsbDevice], media: Iterable[Medium], today: date) -> frozenset[Identity]:
    """Return the identities that are approved today.

    An entry is for one device. When two are attached that say they are it, nobody can tell which, so neither is.
    """
    attached = Counter(identify(each) for each in devices)
    return frozenset(
        identity
        for each in media
        if attached[identity := (each.vendor_id, each.product_id, each.serial)] == 1
        and identity[2]
        and (not each.until or each.until >= today.isoformat())
    )


def identify(device: UsbDevice) -> Identity:
    """Return what the register knows a device by."""
    return device.vendor_id, device.product_id, device.serial.casefold()
