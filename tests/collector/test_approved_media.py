# SPDX-License-Identifier: Apache-2.0
"""Tests of the register of approved USB devices."""

import tomllib
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector import approved_media
from collector.approved_media import (
    APPROVED_A_FILE,
    MAX_SERIAL_CHARACTERS,
    Approval,
    MediumKey,
    find_key,
    list_approved_media,
    to_toml_string,
    write_rule_files,
)
from collector.audit import list_entries, verify_audit
from collector.errors import UsageError
from collector.policies import add_rule_file, approve_medium, list_publications, load_policy, withdraw_medium
from collector.store.engine import reading
from proto.keys import Signer, load_signer
from rules.load import MAX_FILE_BYTES, parse_files
from rules.settings import Medium
from tests.collector.school import OWN_RULE, School
from tests.rules.sample import PACK_FILE

STICK = MediumKey("0951", "1666", "60a44c413d")
ANY_CHARACTER = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def signer(school: School) -> Signer:
    """The school's signing key."""
    return load_signer(school.config.signing_key)


def approve(school: School, signer: Signer, key: MediumKey, note: str = "the office", until: str = "") -> int:
    """Approve a device as anna."""
    return approve_medium(
        school.engine, school.id, signer, key, note=note, until=until, actor="anna", now_ns=school.now_ns
    )


def approved_of(school: School) -> list[Approval]:
    """Return the register."""
    with reading(school.engine) as connection:
        return list_approved_media(connection, school.id)


def approval_of(key: MediumKey, until: str = "") -> Approval:
    """Return a row of the register."""
    return Approval(key=key, note="for the office", until=until, approved_by="anna", approved_at_ns=1)


def test_approved_device_is_in_the_policy_until_it_is_withdrawn(school: School, signer: Signer) -> None:
    """Devices get ids, serial and last day, signed, and never whose it is."""
    assert approve(school, signer, STICK, note="Mrs Green, pupil data", until="2027-07-31") == 2
    policy = load_policy(school.engine, school.config)
    medium = Medium(vendor_id="0951", product_id="1666", serial="60a44c413d", until="2027-07-31")
    assert policy.settings.media == (medium,)
    publication = list_publications(school.engine, school.id)[0]
    assert "Green" not in repr(policy) + publication.reason
    assert withdraw_medium(school.engine, school.id, signer, STICK, actor="ben", now_ns=school.now_ns) == 3
    assert load_policy(school.engine, school.config).settings.media == ()
    done = [(each.actor, each.action, each.subject) for each in list_entries(school.engine, school.id)]
    assert [each for each in done if each[1].startswith("medium")] == [
        ("ben", "medium.withdrawn", "medium/0951:1666 60a44c413d"),
        ("anna", "medium.approved", "medium/0951:1666 60a44c413d"),
    ]
    verify_audit(school.engine, school.id)


def test_approving_again_changes_the_row(school: School, signer: Signer) -> None:
    """One device is in the register once, with the newest note and day."""
    approve(school, signer, STICK)
    approve(school, signer, STICK, note="the library", until="2027-01-31")
    (row,) = approved_of(school)
    assert (row.note, row.until, row.approved_by) == ("the library", "2027-01-31", "anna")
    assert row.is_over(date(2027, 2, 1))
    assert not row.is_over(date(2027, 1, 31))


@pytest.mark.parametrize(
    ("key", "note", "until", "words"),
    [
        (MediumKey("0951", "1666", ""), "x", "", "tells no serial number"),
        (MediumKey("0951", "1666", "a\u202eb"), "x", "", "cannot be seen"),
        (STICK, "  ", "", "say whose it is"),
        (STICK, "x" * 201, "", "not one line"),
        (STICK, "a\nb", "", "not one line"),
        (STICK, "x", "31/07/2027", "not a day"),
        (STICK, "x", "2027-02-30", "not a day"),
        (STICK, "x", "2026-11-20", "is over already"),
    ],
)
def test_what_cannot_be_in_the_register_changes_nothing(
    school: School, signer: Signer, key: MediumKey, note: str, until: str, words: str
) -> None:
    """A sentence says why, and the policy in force stays."""
    with pytest.raises(UsageError, match=words):
        approve(school, signer, key, note, until)
    assert approved_of(school) == []
    assert len(list_publications(school.engine, school.id)) == 1


def test_register_is_bounded(school: School, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It travels to every device, so it has an end, and says what to do there; a row can still be changed."""
    monkeypatch.setattr(approved_media, "MAX_APPROVED", 2)
    other = MediumKey("0951", "1666", "other")
    approve(school, signer, STICK)
    approve(school, signer, other)
    with pytest.raises(UsageError, match="holds 2 devices already"):
        approve(school, signer, MediumKey("0951", "1666", "third"))
    approve(school, signer, other, note="changed")


def test_withdrawing_what_is_not_there_is_said(school: School, signer: Signer) -> None:
    """And no policy is published."""
    with pytest.raises(UsageError, match="not in the register"):
        withdraw_medium(school.engine, school.id, signer, STICK, actor="anna", now_ns=school.now_ns)
    assert len(list_publications(school.engine, school.id)) == 1


def test_own_rule_file_cannot_take_the_name_of_the_register(school: School, signer: Signer) -> None:
    """Nobody puts a device into the register past its audit log by naming a file as it is named."""
    with pytest.raises(UsageError, match="the register of USB devices"):
        add_rule_file(
            school.engine,
            school.id,
            signer,
            name="approved-media.toml",
            text=OWN_RULE,
            actor="anna",
            now_ns=school.now_ns,
        )


def test_longest_register_is_a_policy_that_devices_take() -> None:
    """2,000 of the longest serials: every file is small enough, and all of them are read back."""
    full = [
        approval_of(MediumKey("0951", "1666", f"{number:04d}".rjust(MAX_SERIAL_CHARACTERS, "\U0001f4be")))
        for number in range(2000)
    ]
    files = write_rule_files(full)
    assert len(files) == 2000 / APPROVED_A_FILE
    assert all(len(text.encode()) <= MAX_FILE_BYTES for text in files.values())
    policy = parse_files({"pack.toml": PACK_FILE} | {f"school/{name}": text for name, text in files.items()})
    assert len(policy.settings.media) == 2000


@settings(deadline=None)
@given(ANY_CHARACTER)
@example('"""\\\x00\x1f\x7f\r\n\b\f\u2028\ud7ff\U0010ffff')
def test_any_text_comes_back_from_toml(text: str) -> None:
    """Whatever a stick is called, it is one text in the file and nothing else."""
    assert tomllib.loads(f"key = {to_toml_string(text)}") == {"key": text}


@settings(deadline=None)
@given(ANY_CHARACTER, st.sampled_from(["", "2027-07-31"]))
def test_register_comes_back_from_its_rule_files(serial: str, until: str) -> None:
    """A serial that is hostile TOML adds no key and no device."""
    key = find_key("0951", "1666", serial)
    assert key is not None
    assert len(key.serial) <= MAX_SERIAL_CHARACTERS
    (text,) = write_rule_files([approval_of(key, until)]).values()
    wanted = {"vendor_id": "0951", "product_id": "1666", "serial": key.serial} | ({"until": until} if until else {})
    assert tomllib.loads(text) == {"medium": [wanted]}


@pytest.mark.parametrize("ids", [("0951", "16"), ("0951", "166G"), ("0951", "AB12"), ("", ""), ("0951\n", "1666")])
def test_ids_are_four_digits(ids: tuple[str, str]) -> None:
    """Nothing else names a USB device."""
    assert find_key(*ids, "x") is None
