# SPDX-License-Identifier: Apache-2.0
"""Devices that encrypt by themselves, as far as somebody has published their USB ids. To the computer they look plain.

Only models that encrypt everything, each with where its ids come from and the date of that. Left out on purpose:
Kingston DataTraveler Locker (0951:1616, it has a public zone), Corsair Flash Padlock (1b1c:0890, the first one did not
encrypt), Kanguru "Secure Pen drive" and SanDisk "Encrypted" (which models, nobody says), Lexar JumpDrive Secure (in
software). Many vendors publish no ids, so a device that is not here may encrypt all the same; and ids can be forged,
which is why they alone prove nothing: see `protection`.
"""

from typing import NamedTuple

_USB_IDS = "linux-usb.org usb.ids 2026-06-10"
_VP50 = "github.com/DavidCarliez/ironkey-vp50 2026-11-22"
_LOCKER = "github.com/SimuZSkyNeT/ironkey-linux-gui 2026-11-22"


class KnownDevice(NamedTuple):
    """One model."""

    name: str
    source: str
    """Who published its ids, and when."""


ENCRYPTING: dict[tuple[str, str], KnownDevice] = {
    ("0951", "1539"): KnownDevice("Kingston IronKey D300", _USB_IDS),
    ("0951", "1576"): KnownDevice("Kingston IronKey Vault Privacy 50", _VP50),
    ("0951", "159d"): KnownDevice("Kingston IronKey Locker+ 50 G2", _LOCKER),
    ("0951", "160d"): KnownDevice("Kingston DataTraveler Vault Privacy", _USB_IDS),
    ("0951", "169d"): KnownDevice("Kingston DataTraveler Locker+ G3", _USB_IDS),
    ("0984", "1407"): KnownDevice("Apricorn Aegis Secure Key 3.0", _USB_IDS),
    ("124c", "3200"): KnownDevice("MXI Stealth MXP", _USB_IDS),
    ("1953", "0202"): KnownDevice("IronKey S200", _USB_IDS),
    ("2009", "5004"): KnownDevice("iStorage datAshur 4 GB", _USB_IDS),
    ("2009", "5016"): KnownDevice("iStorage datAshur 16 GB", _USB_IDS),
    ("2009", "5032"): KnownDevice("iStorage datAshur 32 GB", _USB_IDS),
}
"""By vendor and product, four hexadecimal digits each. For a repository the date is when it was read."""


def find_encrypting(vendor_id: str, product_id: str) -> KnownDevice | None:
    """Return the model that is known by these ids to encrypt by itself, or None."""
    return ENCRYPTING.get((vendor_id, product_id))
