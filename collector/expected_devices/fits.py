# SPDX-License-Identifier: Apache-2.0
"""Compares what a machine says of itself with the free rows of the school's list. Pure.

Host name and serial number are what a device claims. Whoever stole a token that is good for many machines can claim
both, when he has seen the sticker on one machine: what fits is a reason to look, and never a proof of which machine
it is. So only one case settles itself: one row that was never taken fits in both facts exactly (`Fit.is_exact`, used
by `matching`). What that leaves open is bounded: a false device takes the place of a machine that is expected and has
not come yet, once, and when that machine comes it finds its row taken and stays to be looked at.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from collector.expected_devices.listing import ExpectedDevice
from collector.expected_devices.sheet import fold_hostname, to_serial


@dataclass(frozen=True, slots=True)
class Fit:
    """A free row that a machine may be."""

    row: ExpectedDevice
    has_hostname: bool
    """It says the same host name."""
    has_serial: bool
    """It says the same serial number."""
    is_contradicted: bool
    """One fact is the same, and the other is given on both sides and is not."""

    @property
    def is_exact(self) -> bool:
        """Whether both facts are the same and nobody was ever matched to the row."""
        return self.has_hostname and self.has_serial and self.row.device_id is None


class FreeRows:
    """The rows that no device has that may speak or that was retired."""

    def __init__(self, rows: Iterable[ExpectedDevice]) -> None:
        self._by_hostname: defaultdict[str, list[ExpectedDevice]] = defaultdict(list)
        self._by_serial: defaultdict[str, list[ExpectedDevice]] = defaultdict(list)
        for row in rows:
            self._by_hostname[fold_hostname(row.hostname)].append(row)
            self._by_serial[row.serial].append(row)

    def list_fits(self, hostname: str, serial: str) -> list[Fit]:
        """Return the rows that have one fact or both in common with a machine, those with both first."""
        name, number = fold_hostname(hostname), to_serial(serial)
        found = {
            row.id: row
            for row in (
                *(self._by_serial.get(number, ()) if number else ()),
                *(self._by_hostname.get(name, ()) if name else ()),
            )
        }
        fits = [_compare(row, name, number) for row in found.values()]
        return sorted(fits, key=lambda fit: (-(fit.has_hostname + fit.has_serial), fit.is_contradicted, fit.row.id))

    def find_sole_fit(self, hostname: str, serial: str) -> Fit | None:
        """Return the one row that a machine fits without a contradiction; None when there is none or more than one.

        A row with both facts counts before one that has one only.
        """
        fits = [fit for fit in self.list_fits(hostname, serial) if not fit.is_contradicted]
        whole = [fit for fit in fits if fit.has_hostname and fit.has_serial]
        best = whole or fits
        return best[0] if len(best) == 1 else None


def _compare(row: ExpectedDevice, name: str, number: str) -> Fit:
    listed_name = fold_hostname(row.hostname)
    has_hostname, has_serial = name != "" and listed_name == name, number != "" and row.serial == number
    other_name = bool(name and listed_name) and not has_hostname
    other_serial = bool(number and row.serial) and not has_serial
    return Fit(row, has_hostname, has_serial, other_name or other_serial)
