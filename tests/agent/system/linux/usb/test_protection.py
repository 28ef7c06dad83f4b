# SPDX-License-Identifier: Apache-2.0
"""Tests of the judgement from what was read of a device to how it is protected."""

from dataclasses import replace

import pytest

from agent.system.linux.usb.facts import Content, Role, Unit, UsbFacts, Volume
from agent.system.linux.usb.known import ENCRYPTING, find_encrypting
from agent.system.linux.usb.protection import judge_device, judge_volume, name_form, sum_written

MB = 1024 * 1024
FAT = Volume("sda1", 64 * MB, "vfat", "FAT32", "filesystem")
LUKS = Volume("sda2", 64 * MB, "crypto_LUKS", "2", "crypto")
LUKS1 = replace(LUKS, version="1")
BITLOCKER = Volume("sda2", 64 * MB, "BitLocker", "2", "crypto")
APFS = Volume("sda2", 64 * MB, "apfs", "", "filesystem")
NOISE = Volume("sda3", 64 * MB, content=Content.RANDOM)
BLANK = Volume("sda4", 64 * MB, content=Content.BLANK)
ODD = Volume("sda5", 64 * MB, content=Content.OTHER)
RESERVED = Volume("sda1", 16 * MB, role=Role.RESERVED)
EFI = replace(FAT, role=Role.EFI, size_bytes=200 * MB)
DISC = Unit("sr0", is_optical=True, size_bytes=8 * MB)
EMPTY = Unit("sda", is_removable=True)
SECURE_KEY = ("0984", "1407")


def make(*units: Unit, ids: tuple[str, str] = ("0781", "5581"), was_locked: bool = False) -> UsbFacts:
    return UsbFacts("1-1:7", "/devices/usb1/1-1", *ids, units=units, was_locked=was_locked)


def make_disk(*volumes: Volume) -> UsbFacts:
    return make(Unit("sda", size_bytes=128 * MB, volumes=volumes))


@pytest.mark.parametrize(
    ("volumes", "protection", "by"),
    [
        ([FAT], "plain", "vfat"),
        ([replace(FAT, file_system="ext4")], "plain", "ext4"),
        ([LUKS], "encrypted", "luks2"),
        ([LUKS1], "encrypted", "luks1"),
        ([BITLOCKER], "encrypted", "bitlocker"),
        ([LUKS, BITLOCKER], "encrypted", "luks2, bitlocker"),
        ([LUKS, FAT], "partly", "luks2"),
        ([FAT, LUKS, NOISE, BLANK], "partly", "luks2"),
        ([FAT, NOISE], "plain", "vfat"),
        ([FAT, APFS], "plain", "vfat"),
        ([APFS], "unknown", "apfs: cannot be told"),
        ([LUKS, APFS], "unknown", "apfs: cannot be told"),
        ([LUKS, NOISE], "possibly_encrypted", "random content: veracrypt, or wiped"),
        ([NOISE], "possibly_encrypted", "random content: veracrypt, or wiped"),
        ([ODD], "unknown", "no known signature"),
        ([NOISE, ODD], "unknown", "no known signature"),
        ([BLANK], "blank", ""),
        ([], "blank", "no volumes"),
        ([BLANK, LUKS], "encrypted", "luks2"),
        ([replace(FAT, is_ambiguous=True, file_system="")], "unknown", "it carries signatures of several file systems"),
        ([replace(ODD, content=Content.DENIED)], "unknown", "its first bytes cannot be read"),
        ([Volume("sda1", MB, "LVM2_member", "", "raid")], "unknown", "LVM2_member"),
        ([Volume("sda1", MB, "swap", "1", "other")], "unknown", "swap"),
    ],
)
def test_volumes_together_say_what_a_disk_is(volumes: list[Volume], protection: str, by: str):
    """All encrypted, some, or none; and what cannot be told is never taken for encrypted."""
    assert judge_device(make_disk(*volumes))[:2] == (protection, by)


@pytest.mark.parametrize(
    ("opened_as", "by"),
    [("LUKS2", "luks2"), ("BITLK", "bitlocker"), ("TCRYPT", "veracrypt"), ("PLAIN", "dm-crypt"), ("NEW", "dm-crypt")],
)
def test_what_the_kernel_decrypts_is_encrypted_and_unlocked(opened_as: str, by: str):
    """Also VeraCrypt, which shows nothing of itself while it is locked."""
    assert judge_volume(replace(NOISE, opened_as=opened_as)) == ("encrypted", by, True)


def test_a_veracrypt_volume_that_was_opened_here_stays_known():
    """As long as it still looks random; once a file system is there, that counts."""
    assert judge_volume(replace(NOISE, was_opened=True))[:2] == ("encrypted", "veracrypt")
    assert judge_volume(replace(FAT, was_opened=True))[:2] == ("plain", "vfat")


@pytest.mark.parametrize(
    ("volumes", "protection"),
    [
        ([RESERVED, BITLOCKER], "encrypted"),
        ([EFI, BITLOCKER], "encrypted"),
        ([replace(EFI, is_mounted=True), BITLOCKER], "partly"),
        ([replace(EFI, written_bytes=4096), BITLOCKER], "partly"),
        ([EFI], "plain"),
        ([EFI, RESERVED], "plain"),
        ([Volume("sda1", 1024, role=Role.EXTENDED), LUKS], "encrypted"),
    ],
)
def test_partitions_that_systems_make_for_themselves_count_once_they_are_used(volumes: list[Volume], protection: str):
    """A Mac leaves 200 MB for firmware beside every volume, which nobody sees; mounted, it is a place for files."""
    assert judge_device(make_disk(*volumes)).protection == protection


@pytest.mark.parametrize(
    ("facts", "protection", "is_unlocked"),
    [
        (make(DISC, EMPTY, ids=SECURE_KEY, was_locked=True), "hardware_encrypted", False),
        (make(DISC, *make_disk(FAT).units, ids=SECURE_KEY, was_locked=True), "hardware_encrypted", True),
        (make(*make_disk(FAT).units, ids=SECURE_KEY), "possibly_encrypted", True),
        (make(*make_disk(LUKS).units, ids=SECURE_KEY), "encrypted", False),
        (make(DISC, EMPTY, was_locked=True), "no_medium", False),
        (make(DISC, *make_disk(FAT).units, was_locked=True), "possibly_encrypted", True),
        (make(DISC, *make_disk(FAT).units), "plain", False),
        (make(EMPTY), "no_medium", False),
        (make(DISC), "not_applicable", False),
        (make(), "unknown", False),
        (replace(make(), is_phone=True), "not_applicable", False),
        (replace(make_disk(FAT), is_phone=True), "plain", False),
    ],
)
def test_a_device_that_encrypts_by_itself_needs_its_number_and_its_shape(
    facts: UsbFacts, protection: str, is_unlocked: bool
):
    """A number can be copied, and a modem has the same shape: one of them alone is a possibility."""
    judged = judge_device(facts)
    assert (judged.protection, judged.is_unlocked) == (protection, is_unlocked)


def test_the_table_says_who_published_each_number_and_when():
    """It is named in what a verdict rests on."""
    for (vendor, product), known in ENCRYPTING.items():
        assert len(vendor) == len(product) == 4
        assert (vendor + product) == (vendor + product).lower()
        assert known.source[-10:-6].isdigit(), known
    assert judge_device(make(*make_disk(FAT).units, ids=SECURE_KEY)).by.startswith("Apricorn Aegis Secure Key 3.0: ")
    assert find_encrypting("0951", "16d5") is None


def test_only_what_went_beside_the_encrypted_part_counts_where_there_is_one():
    """A teacher who fills the encrypted part of a stick has done right."""
    unit = Unit("sda", size_bytes=128 * MB, written_bytes=10 * MB)
    luks = replace(LUKS, written_bytes=9 * MB)
    assert sum_written(make(replace(unit, volumes=(luks, replace(FAT, written_bytes=MB))))) == MB
    assert sum_written(make(replace(unit, volumes=(luks,)))) == 10 * MB
    assert sum_written(make(replace(unit, volumes=(FAT,)))) == 10 * MB


@pytest.mark.parametrize(
    ("units", "form"),
    [
        ((Unit("sda", size_bytes=MB),), "disk"),
        ((EMPTY,), "disk"),
        ((EMPTY, Unit("sdb", is_removable=True)), "card_reader"),
        ((Unit("mmcblk0", is_card=True, size_bytes=MB),), "card_reader"),
        ((DISC,), "optical"),
        ((DISC, EMPTY), "disk"),
        ((), "other"),
    ],
)
def test_the_form_follows_from_the_drives(units: tuple[Unit, ...], form: str):
    """One disk is a stick, several slots are a reader."""
    assert name_form(make(*units)) == form


def test_a_phone_without_a_disk_is_a_phone():
    """It shows its files by a protocol of its own."""
    assert name_form(replace(make(), is_phone=True)) == "phone"
