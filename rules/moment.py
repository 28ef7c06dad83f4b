# SPDX-License-Identifier: Apache-2.0
"""When, where and before whom something happened, as far as whoever asks a policy knows it.

A device knows its own clock, its id and who has a session there; the collector knows people and groups as well. What is
not known is None or 0, and nothing that is not known excuses anything: a rule that is meant for some matches then.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The circumstances of one event."""

    at_ns: int = 0
    """Nanoseconds since 1970 by the device's clock; 0: not known, and then every timetable holds."""
    device_id: str = ""
    account_kinds: frozenset[str] | None = None
    """Of those who have a session on the device: personal, shared, guest, administrator. Empty: nobody has."""
    account_refs: frozenset[str] | None = None
    """Their references in hexadecimal digits, see `proto.sealed.make_account_ref`; empty: nobody has."""
    roles: frozenset[str] | None = None
    """pupil, staff, supply or guest, as the school's register of people has them."""
    years: frozenset[str] | None = None
    """Year groups of those of them who are pupils, as the register writes them."""


UNKNOWN = Moment()
"""Nothing is known of it."""
