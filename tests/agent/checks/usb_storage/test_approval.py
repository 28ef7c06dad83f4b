# SPDX-License-Identifier: Apache-2.0
"""Tests of the register of approved devices."""

from datetime import date

import pytest

from agent.checks.usb_storage.approval import find_approved, identify
from proto.events import UsbDevice
from rules.settings import Medium

STICK = UsbDevice("0951", "160d", serial="AB12cd")
ENTRY = Medium(vendor_id="0951", product_id="160d", serial="ab12cd")
TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("entry", "is_approved"),
    [
        (ENTRY, True),
        (Medium(vendor_id="0951", product_id="160d", serial="ab12cd", until="2026-03-31"), True),
        (Medium(vendor_id="0951", product_id="160d", serial="ab12cd", until="2026-03-30"), False),
        (Medium(vendor_id="0951", product_id="160d", serial="ab12ce"), False),
        (Medium(vendor_id="0951", product_id="160e", serial="ab12cd"), False),
    ],
)
def test_a_device_is_known_by_both_ids_and_its_serial(entry: Medium, is_approved: bool):
    """Whatever the case of the serial, until the day that the entry names."""
    assert (identify(STICK) in find_approved([STICK], [entry], TODAY)) is is_approved


def test_a_device_without_a_serial_is_never_approved():
    """It cannot be told from the next one of its kind."""
    nameless = UsbDevice("0951", "160d")
    entry = Medium(vendor_id="0951", product_id="160d", serial="")
    assert find_approved([nameless], [entry], TODAY) == frozenset()


def test_two_that_say_to_be_the_same_are_neither():
    """One of them is a copy."""
    assert find_approved([STICK, STICK], [ENTRY], TODAY) == frozenset()
