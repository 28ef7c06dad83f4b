# SPDX-License-Identifier: Apache-2.0
"""Tests of the watch on USB, on trees that were recorded from real sticks and on some made by hand."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.system.linux.usb.watch import LinuxUsbWatch
from agent.system.usb import AttachedUsb, UsbListing
from tests.agent.system.linux.usb.tree import build_tree
from tests.fakes import FakeClock


class Room:
    """A machine below a folder, and the watch on it, which reads all at each look."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self._watch: LinuxUsbWatch | None = None

    def add(self, *names: str) -> None:
        build_tree(self.root, *names)

    def write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content, "utf-8")

    def look(self) -> UsbListing:
        if self._watch is None:
            self._watch = LinuxUsbWatch(lambda: None, self.root, self.clock)
        self.clock.advance(100)
        return self._watch.list_devices()

    def count(self) -> UsbListing:
        assert self._watch is not None
        return self._watch.list_devices()

    @property
    def only(self) -> AttachedUsb:
        (device,) = self.look().devices
        return device

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()


@pytest.mark.parametrize(
    ("case", "protection", "by", "volumes"),
    [
        ("fat", "plain", "vfat", 1),
        ("fat_in_partition", "plain", "vfat", 1),
        ("exfat", "plain", "exfat", 1),
        ("ntfs", "plain", "ntfs", 1),
        ("ext4", "plain", "ext4", 1),
        ("luks1", "encrypted", "luks1", 1),
        ("luks2", "encrypted", "luks2", 1),
        ("luks2_in_partition", "encrypted", "luks2", 1),
        ("two_luks", "encrypted", "luks2, luks1", 2),
        ("luks_beside_fat", "partly", "luks2", 2),
        ("bitlocker", "encrypted", "bitlocker", 1),
        ("bitlocker_to_go", "encrypted", "bitlocker", 1),
        ("veracrypt_volume", "unknown", "its first bytes cannot be read", 1),
        ("blank", "unknown", "its first bytes cannot be read", 1),
    ],
)
def test_each_kind_of_stick_is_told_as_it_is(room: Room, case: str, protection: str, by: str, volumes: int):
    """BitLocker's false table of partitions does not hide it, and what cannot be read is unknown."""
    room.add(case)
    room.look()
    for thread in threading.enumerate():
        if thread.name == "usb sample":
            thread.join()
    told = room.only
    assert told.is_settled
    assert (told.device.protection, told.device.protection_by, told.device.volumes) == (protection, by, volumes)
    assert (told.device.vendor_id, told.device.product_id, told.device.vendor) == ("46f4", "0001", "QEMU")
    assert (told.device.form, told.device.driver) == ("disk", "usb-storage")
    assert told.device.serial == f"RIG{case.upper().replace('_', '-')}"


def test_a_machine_without_usb_says_so(room: Room):
    """Not that nothing is attached."""
    assert not room.look().has_usb
    room.add("fat")
    assert room.look().has_usb


def test_udev_is_waited_for(room: Room):
    """Until it has looked at all of a disk, nothing of it is called encrypted."""
    room.add("two_luks")
    (room.root / "run/udev/data/b8:2").rename(room.root / "record")
    assert not room.only.is_settled
    assert room.only.device.protection == "unknown"
    (room.root / "record").rename(room.root / "run/udev/data/b8:2")
    assert room.only.is_settled
    assert room.only.device.protection == "encrypted"


def test_a_disk_that_has_not_appeared_is_waited_for(room: Room):
    """Between the device and its disk lies a second."""
    room.add("fat")
    (room.root / "sys/block/sda").unlink()
    assert not room.only.is_settled


def test_what_is_written_is_counted_without_reading_all_again(room: Room):
    """From where the disk appeared, in sectors of 512 bytes whatever its own are."""
    room.add("fat")
    place = next((room.root / "sys/devices").rglob("sda")) / "stat"
    assert room.only.written_bytes == 0
    place.write_text("9 0 4096 5 7 0 200 3 0 4 16", "ascii")
    (told,) = room.count().devices
    assert (told.read_bytes, told.written_bytes) == (4096 * 512, 200 * 512)


def test_another_medium_is_counted_from_where_it_came(room: Room):
    """What was written to the last card is not this one's."""
    room.add("fat")
    disk = next((room.root / "sys/devices").rglob("sda"))
    disk.joinpath("stat").write_text("9 0 4096 5 7 0 200 3 0 4 16", "ascii")
    assert room.only.written_bytes == 200 * 512
    disk.joinpath("diskseq").write_text("99", "ascii")
    assert room.only.written_bytes == 0
    disk.joinpath("stat").write_text("9 0 4096 5 7 0 201 3 0 4 16", "ascii")
    assert room.only.written_bytes == 512


def test_a_device_that_was_taken_away_is_gone(room: Room):
    """And the next one in its place has a key of its own."""
    room.add("fat")
    before = room.only.key
    (room.root / "sys/block/sda").unlink()
    (interface,) = (room.root / "sys/bus/usb/devices").iterdir()
    interface.unlink()
    assert room.look().devices == ()
    device = next((room.root / "sys/devices").rglob("idVendor")).parent
    device.rename(room.root / "gone")
    room.add("fat")
    assert room.only.key != before


def test_what_a_device_calls_itself_is_cut_and_printable(room: Room):
    """It is anybody's text."""
    room.add("fat")
    device = next((room.root / "sys/devices").rglob("idVendor")).parent
    device.joinpath("manufacturer").write_bytes(b"Evil\x1b[31m\xff\xe2\x80\xae" + b"A" * 5000)
    device.joinpath("product").write_bytes(b"\x00\r\n" * 40)
    device.joinpath("serial").unlink()
    told = room.only.device
    assert told.vendor.startswith("Evil\N{REPLACEMENT CHARACTER}[31m")
    assert len(told.vendor) == 128
    assert told.vendor.isprintable()
    assert told.product.isprintable()
    assert told.serial == ""


def test_mounted_volumes_are_seen_also_through_what_decrypts_them(room: Room):
    """An open LUKS volume is mounted by its mapper."""
    room.add("luks2", "opened_luks2")
    told = room.only.device
    assert (told.protection, told.is_unlocked, told.is_mounted) == ("encrypted", True, True)


def test_veracrypt_is_certain_while_the_kernel_decrypts_it(room: Room):
    """By the name that it gives the mapper, or by cryptsetup's."""
    room.add("veracrypt_volume", "opened_veracrypt")
    told = room.only.device
    assert (told.protection, told.protection_by, told.is_unlocked) == ("encrypted", "veracrypt", True)


def test_a_forged_mark_of_encryption_hides_no_partition(room: Room):
    """The first bytes of a disk say LUKS, and the partition behind them is used as ever."""
    room.add("fat_in_partition")
    record = room.root / "run/udev/data/b8:0"
    record.write_text(f"{record.read_text()}\nE:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_USAGE=crypto\nE:ID_FS_VERSION=1")
    assert room.only.device.protection == "plain"


def test_the_partition_that_to_go_seems_to_have_counts_once_it_is_used(room: Room):
    """Windows never makes one there; whoever does may keep files in it."""
    room.add("bitlocker_to_go")
    assert room.only.device.protection == "encrypted"
    room.write("proc/1/mountinfo", "60 22 8:1 / /media/x rw,relatime - vfat /dev/sda1 rw")
    assert room.only.device.protection == "plain"


def test_what_is_mounted_as_it_is_was_not_encrypted(room: Room):
    """Whatever mark it carries."""
    room.add("luks2")
    room.write("proc/1/mountinfo", "60 22 8:0 / /media/x rw,relatime - vfat /dev/sda rw")
    told = room.only.device
    assert (told.protection, told.protection_by, told.is_unlocked) == ("plain", "vfat", False)


def test_the_disk_that_the_system_runs_from_is_left_out(room: Room):
    """It is nothing that somebody attached."""
    room.add("fat")
    assert len(room.look().devices) == 1
    room.write("proc/1/mountinfo", "23 1 8:0 / / rw,noatime shared:1 - vfat /dev/sda rw")
    assert room.look().devices == ()


@pytest.mark.parametrize(
    ("case", "form", "driver"),
    [("phone_mtp", "phone", "mtp"), ("phone_android", "phone", "mtp"), ("camera", "phone", "ptp")],
)
def test_phones_are_told_by_their_interface(room: Room, case: str, form: str, driver: str):
    """They show no disk."""
    room.add(case)
    told = room.only
    assert told.is_settled
    assert (told.device.form, told.device.driver, told.device.protection) == (form, driver, "not_applicable")
    assert told.takes_unseen


def test_a_reader_of_cards_with_a_driver_of_its_own(room: Room):
    """Its disk is no SCSI disk, and hangs on USB all the same, behind two hubs."""
    room.add("card_reader_rtsx")
    told = room.only.device
    assert (told.form, told.driver, told.protection, told.size_bytes) == ("card_reader", "rtsx_usb", "plain", 1 << 30)


def test_a_card_in_a_reader_that_is_not_on_usb_is_told(room: Room):
    """As most laptops have it; a disk that is soldered in is no card."""
    room.add("card_reader_pci")
    told = room.only
    assert (told.device.vendor_id, told.device.product_id, told.device.vendor) == ("", "", "")
    assert (told.device.product, told.device.serial) == ("SC32G", "0x12ab34cd")
    assert (told.device.form, told.device.protection, told.device.size_bytes) == ("card_reader", "plain", 1 << 30)
    assert (told.written_bytes, told.is_settled, room.look().has_usb) == (200 * 512, True, True)
    (room.root / "sys/block/mmcblk0").unlink()
    assert room.look().devices == ()


def test_a_card_that_the_system_runs_from_is_left_out(room: Room):
    """Small computers have no other disk."""
    room.add("card_reader_pci")
    room.write("proc/1/mountinfo", "23 1 179:1 / / rw,noatime shared:1 - vfat /dev/mmcblk0p1 rw")
    assert room.look().devices == ()


def test_thirty_devices_on_hubs_with_the_same_serial(room: Room):
    """Each is told, and each has a key of its own."""
    for number in range(1, 31):
        path = f"sys/devices/pci0000:00/usb1/1-1/1-1.{number}"
        for name, content in {"idVendor": "0781", "idProduct": "5581", "serial": "0123"}.items():
            room.write(f"{path}/{name}", content)
        disk = f"{path}/1-1.{number}:1.0/host{number}/target/lun/block/sd{number}"
        for name, content in {"dev": f"8:{number}", "size": "2048", "removable": "1"}.items():
            room.write(f"{disk}/{name}", content)
        (room.root / "sys/block").mkdir(exist_ok=True)
        (room.root / f"sys/block/sd{number}").symlink_to(os.path.relpath(room.root / disk, room.root / "sys/block"))
        room.write(f"run/udev/data/b8:{number}", "I:1\nE:ID_FS_TYPE=vfat\nE:ID_FS_USAGE=filesystem")
    room.write("run/udev/control", "")
    (room.root / "sys/bus/usb/devices").mkdir(parents=True)
    devices = room.look().devices
    assert len({each.key for each in devices}) == 30
    assert {each.device.protection for each in devices} == {"plain"}


def test_this_machine_can_be_asked():
    """Whatever hangs on it, the watch begins, answers and ends."""
    watch = LinuxUsbWatch(lambda: None)
    try:
        assert isinstance(watch.list_devices(), UsbListing)
    finally:
        watch.close()
