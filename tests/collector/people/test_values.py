# SPDX-License-Identifier: Apache-2.0
"""Tests of the values of a list. What is refused, with its reason, is in the files of `test_roster`."""

import pytest

from collector.people.values import LONGEST_SHOWN, READERS, UnfitError, cut

read_accounts = READERS["accounts"][1]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("directory:anna.smith", "directory:anna.smith"),
        ("directory:SCHOOL\\anna", "directory:SCHOOL\\anna"),
        ("directory:anna@school.example", "directory:anna@school.example"),
        ("directory:zoë", "directory:zoë"),
        ("local:00112233445566aa:1000", "local:00112233445566aa:1000"),
        ("sid:s-1-5-21-7-8-9-1001", "sid:S-1-5-21-7-8-9-1001"),
        ("entra:0F8FAD5B-D9CB-469F-A165-70867728950E", "entra:0f8fad5b-d9cb-469f-a165-70867728950e"),
    ],
)
def test_account_is_kept_as_devices_write_it(typed: str, kept: str) -> None:
    """One account has one form, or it would not be found; the case of a name is the directory's business."""
    assert read_accounts(typed) == (kept,)


@pytest.mark.parametrize(
    "typed",
    [
        "anna",
        "directory:",
        "directory:anna smith",
        "directory:a:b",
        "Directory:anna",
        "local:00112233445566AA:1000",
        "local:00112233445566aa:01000",
        "local:00112233445566aa:-1",
        "local:00112233445566aa:anna",
        "sid:S-2-5-21",
        "entra:0F8FAD5BD9CB469FA16570867728950E",
        "machine",
        "directory:" + "x" * 300,
    ],
)
def test_account_of_no_form_is_refused(typed: str) -> None:
    """With the forms that there are."""
    with pytest.raises(UnfitError, match="is no account") as refused:
        read_accounts(typed)
    assert "directory:NAME" in refused.value.hint


def test_long_value_is_cut_in_a_sentence() -> None:
    """And stands in quotes."""
    assert cut("x" * 500) == f"'{'x' * LONGEST_SHOWN}…'"
    assert cut("a\x1bb") == "'a\\x1bb'"
