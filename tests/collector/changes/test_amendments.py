# SPDX-License-Identifier: Apache-2.0
"""Tests of what can be changed, as it is kept while it waits."""

import pytest

from collector.changes import Amendment, FileAdded, FileRemoved, PackChosen, PauseBegun, WentBack
from collector.changes.amendments import dump_amendment, load_amendment


@pytest.mark.parametrize(
    ("amendment", "subject"),
    [
        (FileAdded("own.toml", 'x = "ü\n"'), "rule file own.toml"),
        (FileRemoved("own.toml"), "rule file own.toml removed"),
        (PackChosen("western"), "pack western"),
        (PauseBegun("check:usb_storage", 9000), "pause of check:usb_storage for 2 hours 30 minutes"),
        (WentBack(12), "back to version 12"),
    ],
)
def test_amendment_is_what_it_was_after_waiting(amendment: Amendment, subject: str) -> None:
    """The table of changes gives back what it was given, and people are told what it is."""
    assert load_amendment(dump_amendment(amendment)) == amendment
    assert amendment.subject == subject
