# SPDX-License-Identifier: Apache-2.0
"""What a policy asks of single checks, beside rules: limits, groups and registers. Frozen values, nothing else.

`settings_grammar` reads them from the rule files; a school's own table takes the place of the pack's of that name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """`[[medium]]`: one device of the register of approved USB devices."""

    vendor_id: str
    """Four hexadecimal digits in lower case."""
    product_id: str
    serial: str
    """As the device tells it, case folded; a device that tells none cannot be approved."""
    note: str = ""
    """Whose it is or what for, in the school's words."""
    until: str = ""
    """ISO date: the last day on which it is approved; empty: no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockLimit:
    """One of `[[lock.group]]`."""

    groups: tuple[str, ...]
    """Groups of the operating system or directory."""
    limit_s: int
    """0: never asked, as for log-ins that a whole year group shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """`[lock]`: after how much idle time a session must be locked."""

    limit_s: int = 900
    """15 minutes, as the CIS benchmarks ask."""
    groups: tuple[LockLimit, ...] = ()
    """The first one that an account is a member of counts; else `limit_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """`[posture]`: what the machine's security is measured against."""

    administrators: tuple[str, ...] = ("root",)
    """Local accounts that may administer the machine; wildcards allowed."""
    password_max_age_days: int = 0
    """Of local accounts with a password; 0: not asked."""
    update_grace_days: int = 14
    """From the release of a security update to its installation: Cyber Essentials."""
    signatures_max_age_days: int = 7
    """Of the antivirus."""
    off_after: str = ""
    """Local time after which the machine should be off: `18:00`. Empty: not asked."""
    off_until: str = "06:00"
    """Until when that holds in the next morning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """`[hardware]`: whether devices send what they are made of."""

    ask: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """`[accounts]`: whether devices tell when sessions begin and end, by reference, and which accounts are no one's."""

    ask: bool = False
    reason: str = ""
    """Required when asked; shown by `schoolwarden-agent explain`."""
    shared: tuple[str, ...] = ()
    """Names of accounts that several people use by arrangement; wildcards allowed: `year-*`."""
    guest: tuple[str, ...] = ("guest", "guest-*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """`[downloads]`: whether users' folders are looked at for media."""

    count_media: bool = False
    reason: str = ""
    """Required with `count_media`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them."""

    media: tuple[Medium, ...] = ()
    lock: Lock = Lock()
    posture: Posture = Posture()
    hardware: Hardware = Hardware()
    accounts: Accounts = Accounts()
    downloads: Downloads = Downloads()
