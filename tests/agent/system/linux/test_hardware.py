# SPDX-License-Identifier: Apache-2.0
"""Tests of reading what a machine is made of, on trees as kernels show them, and on the one that runs the tests."""

import os
from pathlib import Path

import pytest

from agent.system.linux.hardware import MAX_TEXT_CHARACTERS, read_hardware
from proto.events import Disk, HardwareListed

CPU = (
    "processor\t: {n}\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nphysical id\t: 0\ncore id\t: {core}\n\n"
)


class Tree:
    """A root folder with a laptop of two cores and four threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/cpuinfo", "".join(CPU.format(n=number, core=number % 2) for number in range(4)))
        self.write("proc/meminfo", "MemTotal:        8052348 kB\nMemFree: 1 kB\n")

    def write(self, place: str, content: str) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def say(self, **fields: str) -> None:
        for name, text in fields.items():
            self.write(f"sys/class/dmi/id/{name}", f"{text}\n")

    def put_disk(self, name: str, *, bus: str = "pci0000:00/ata1", **files: str) -> None:
        """Put a disk where the kernel has it, and a link to it in /sys/block."""
        real = f"sys/devices/{bus}/block/{name}"
        usual = {"size": "1000215216", "removable": "0", "queue/rotational": "0"}
        for file, text in (usual | {file.replace("__", "/"): text for file, text in files.items()}).items():
            self.write(f"{real}/{file}", f"{text}\n")
        (self.root / real / "device").mkdir(exist_ok=True)
        (self.root / "sys/block").mkdir(parents=True, exist_ok=True)
        (self.root / "sys/block" / name).symlink_to(self.root / real)

    def read(self) -> HardwareListed:
        found = read_hardware(self.root)
        assert found is not None
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path.resolve())


def test_a_laptop_is_read(tree: Tree):
    """What its maker wrote into the firmware, and what the kernel found; cores and not threads."""
    tree.say(
        sys_vendor="LENOVO", product_name="20L5", product_serial="PF1ABC", bios_version="N24", bios_date="02/14/2023"
    )
    tree.put_disk("nvme0n1", device__model="SAMSUNG MZVLB512      ", device__serial="S4EWNX0  ")

    assert tree.read() == HardwareListed(
        manufacturer="LENOVO",
        product="20L5",
        serial="PF1ABC",
        firmware="N24 (02/14/2023)",
        processor="Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz",
        cores=2,
        memory_bytes=8052348 * 1024,
        disks=(Disk("SAMSUNG MZVLB512", "S4EWNX0", 1000215216 * 512, "ssd"),),
    )


def test_an_arm_machine_is_read(tree: Tree):
    """It says who it is elsewhere, with a zero at the end; each of its processors is a core."""
    tree.write("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\n\nprocessor\t: 1\nBogoMIPS\t: 108.00\n\n")
    tree.write("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    tree.write("proc/device-tree/serial-number", "10000000a1b2c3d4\0")
    tree.put_disk("mmcblk0", bus="platform/emmc2", device__type="MMC", device__name="BJTD4R", device__serial="0x1234")
    tree.put_disk("mmcblk0boot0", bus="platform/emmc2")
    tree.put_disk("mmcblk1", bus="platform/sd", device__type="SD")

    found = tree.read()
    assert (found.product, found.serial, found.cores) == ("Raspberry Pi 4 Model B Rev 1.4", "10000000a1b2c3d4", 2)
    assert [(disk.model, disk.serial) for disk in found.disks] == [("BJTD4R", "0x1234")]


@pytest.mark.parametrize("name", ["loop0", "ram0", "zram0", "dm-0", "md127", "sr0", "fd0", "nbd0", "mmcblk0boot0"])
def test_what_is_no_built_in_disk_is_left_out(tree: Tree, name: str):
    """Whatever size it has."""
    tree.put_disk(name)

    assert tree.read().disks == ()


def test_disks_on_usb_and_removable_ones_are_left_out(tree: Tree):
    """Also a large one that does not say that it can be removed, and a reader without a card."""
    tree.put_disk("sda", bus="pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4")
    tree.put_disk("sdb", removable="1")
    tree.put_disk("sdc", size="0")
    tree.put_disk("sdd", size="a lot")
    tree.put_disk("nvme0c0n1", hidden="1")

    assert tree.read().disks == ()


def test_a_turning_disk_is_told_from_one_without_parts_that_move(tree: Tree):
    """Of a disk that a host makes up it is not known. Their order is that of their models, not of their names."""
    tree.put_disk("sda", device__model="WDC WD10", queue__rotational="1")
    tree.put_disk("sdb", device__model="CT500")
    tree.put_disk("vda", serial="made-up", queue__rotational="1")

    assert [(disk.model, disk.technology) for disk in tree.read().disks] == [
        ("", ""),
        ("CT500", "ssd"),
        ("WDC WD10", "hdd"),
    ]


def test_the_serial_number_of_a_sata_disk_stands_in_a_page(tree: Tree):
    """Behind four bytes."""
    tree.put_disk("sda")
    (tree.root / "sys/block/sda/device/vpd_pg80").write_bytes(b"\0\x80\0\x14      WD-WCC4J0000001")

    assert tree.read().disks[0].serial == "WD-WCC4J0000001"


@pytest.mark.parametrize(
    "text", ["To Be Filled By O.E.M.", "Default string", "None", "0000000", "System Serial Number"]
)
def test_what_a_maker_did_not_fill_in_is_empty(tree: Tree, text: str):
    """A hundred machines with one serial number would be one machine."""
    tree.say(sys_vendor=text, product_serial=text)

    assert (tree.read().manufacturer, tree.read().serial) == ("", "")


def test_a_serial_number_that_may_not_be_read_is_empty(tree: Tree):
    """The rest is read all the same."""
    tree.say(product_name="20L5")
    (tree.root / "sys/class/dmi/id/product_serial").mkdir()

    assert (tree.read().product, tree.read().serial) == ("20L5", "")


def test_odd_text_is_made_fit_to_show(tree: Tree):
    """Firmware can hold anything."""
    tree.say(product_name="a\x1b[31m\u202eb\n c" + "x" * 999, bios_version="1")

    assert tree.read().product.startswith("a[31mb c")
    assert len(tree.read().product) == MAX_TEXT_CHARACTERS
    assert tree.read().firmware == "1"


@pytest.mark.parametrize("file", ["cpuinfo", "meminfo"])
def test_a_machine_without_processor_or_memory_cannot_be_read(tree: Tree, file: str):
    """There is none, so /proc is not what it should be."""
    tree.write(f"proc/{file}", "nothing of use\n")

    assert read_hardware(tree.root) is None


def test_this_machine_is_read():
    """With as many cores as it has processors, or fewer, and the memory that the kernel tells."""
    found = read_hardware(Path("/"))

    assert found is not None
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
