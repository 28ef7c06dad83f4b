# SPDX-License-Identifier: Apache-2.0
"""Tests of what the kernel says about encrypted disks, on small trees of /proc and /sys."""

from pathlib import Path

import pytest

from agent.system.linux.posture.disks import read_encryption
from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import Encryption, NotKnownError
from tests.agent.system.linux.trees import Tree

LUKS = "CRYPT-LUKS2-0123456789abcdef-name"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def read(tree: Tree) -> Encryption:
    return read_encryption(SystemFiles(tree.root))


def test_an_ordinary_installation_is_plain(tree: Tree):
    """One disk with partitions and nothing between."""
    disk = tree.disk("sda", "8:0")
    tree.partition(disk, "sda1", "8:1")
    tree.partition(disk, "sda2", "8:2")
    tree.mount("8:1 / ext4 /dev/sda1", "0:21 /proc proc proc", "8:2 /home/alice xfs /dev/sda2")

    assert read(tree) == Encryption((), ("/", "/home"))


def test_volumes_of_lvm_on_luks_are_encrypted_and_boot_may_be_plain(tree: Tree):
    """What Debian's installer makes of a guided encryption: swap is a volume too."""
    disk = tree.disk("nvme0n1", "259:0")
    _, _, rest = (tree.partition(disk, f"nvme0n1p{number}", f"259:{number}") for number in (1, 2, 3))
    crypt = tree.mapped("dm-0", "253:0", LUKS, rest)
    tree.mapped("dm-1", "253:1", "LVM-abc", crypt, label="vg-root")
    tree.mapped("dm-2", "253:2", "LVM-def", crypt, label="vg-swap")
    tree.mount(
        "253:1 / ext4 /dev/mapper/vg-root", "259:2 /boot ext4 /dev/nvme0n1p2", "259:1 /boot/efi vfat /dev/nvme0n1p1"
    )
    tree.write("proc/swaps", "Filename Type Size Used Priority\n/dev/mapper/vg-swap partition 1 0 -2\n")

    assert read(tree) == Encryption(("luks2",))


def test_swap_on_a_plain_partition_counts_as_plain(tree: Tree):
    """Memory is written there; swap in compressed memory is none."""
    disk = tree.disk("sda", "8:0")
    tree.partition(disk, "sda2", "8:2")
    tree.mapped("dm-0", "253:0", LUKS, tree.partition(disk, "sda1", "8:1"))
    tree.raid("zram0", "252:0")
    tree.mount("253:0 / ext4 /dev/mapper/root")
    tree.write("proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    assert read(tree) == Encryption(("luks2",))

    tree.write("proc/swaps", "Filename Type\n/dev/zram0 partition\n/dev/sda2 partition\n/swapfile file\n")
    assert read(tree) == Encryption(("luks2",), ("swap",))


def test_memory_that_is_written_to_a_disk_is_as_plain_as_the_disk(tree: Tree):
    """zram can have one behind it."""
    disk = tree.disk("sda", "8:0")
    tree.partition(disk, "sda2", "8:2")
    tree.mapped("dm-0", "253:0", LUKS, tree.partition(disk, "sda1", "8:1"))
    zram = tree.raid("zram0", "252:0")
    tree.mount("253:0 / ext4 /dev/mapper/root")
    tree.write("proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    for backing, plain in (("none\n", ()), ("/dev/dm-0\n", ()), ("/dev/sda2\n", ("swap",))):
        tree.write(f"sys/{zram}/backing_dev", backing)
        assert read(tree) == Encryption(("luks2",), plain)


def test_every_disk_of_a_raid_has_to_be_encrypted(tree: Tree):
    """Half of an encrypted mirror is a plain one."""
    first, second = tree.disk("sda", "8:0"), tree.disk("sdb", "8:16")
    crypt = tree.mapped("dm-0", "253:0", LUKS, first)
    tree.raid("md0", "9:0", crypt, second)
    tree.partition("devices/virtual/block/md0", "md0p1", "259:1")
    tree.mount("259:1 / ext4 /dev/md0p1")

    assert read(tree) == Encryption(("luks2",), ("/",))


@pytest.mark.parametrize("uuid", ["CRYPT-VERITY-abc-root", "CRYPT-INTEGRITY-abc", "LVM-CRYPT-LUKS2", "crypt-luks2"])
def test_what_only_looks_like_encryption_is_none(tree: Tree, uuid: str):
    """Verity and integrity come from the same program, and a volume can be called anything."""
    tree.mapped("dm-0", "253:0", uuid, tree.disk("sda", "8:0"))
    tree.mount("253:0 / ext4 /dev/mapper/root")

    assert read(tree).plain_mounts == ("/",)


def test_btrfs_is_as_encrypted_as_all_its_devices(tree: Tree):
    """It has a number of its own, so its devices are found by name."""
    first, second = tree.disk("sda", "8:0"), tree.disk("sdb", "8:16")
    tree.mapped("dm-0", "253:0", LUKS, first, label="luks-root")
    tree.mount("0:30 / btrfs /dev/mapper/luks-root", "0:30 /home btrfs /dev/mapper/luks-root")
    assert read(tree) == Encryption(("luks2",))

    for name in ("dm-0", "sdb"):
        tree.link(f"sys/fs/btrfs/0123/devices/{name}", f"../../../../{second}")
    assert read(tree) == Encryption(("luks2",), ("/",))


def test_sticks_images_and_other_machines_are_left_out(tree: Tree):
    """A stick is another check's business, an image lies on a volume that is judged, a server is elsewhere."""
    tree.mapped("dm-0", "253:0", LUKS, tree.disk("sda", "8:0"))
    stick = tree.disk("sdb", "8:16", bus="pci0000:00/0000:00:14.0/usb1/1-2")
    tree.partition(stick, "sdb1", "8:17")
    tree.raid("loop0", "7:0")
    tree.mount(
        "253:0 / ext4 /dev/mapper/root",
        "8:17 /media/alice/STICK vfat /dev/sdb1",
        "7:0 /snap/core/1 squashfs /dev/loop0",
        "7:1 /mnt/image ext4 /dev/loop1",
        "0:50 /home nfs4 server:/home",
    )
    tree.raid("loop1", "7:1")

    assert read(tree) == Encryption(("luks2",))


def test_a_volume_that_nobody_can_write_to_does_not_count(tree: Tree):
    """Such as the snapshots that ZFS mounts by itself, and what only looks like a volume."""
    tree.mapped("dm-0", "253:0", LUKS, tree.disk("sda", "8:0"))
    tree.mount("253:0 / ext4 /dev/mapper/root", "0:40 /run/user/1000 tmpfs tmpfs", "0:41 /mnt/x overlay overlay")
    with (tree.root / "proc/1/mountinfo").open("a") as stream:
        stream.write("30 1 0:52 / /data/.zfs/snapshot/a ro,relatime - zfs tank/data@a ro,xattr\n")

    assert read(tree) == Encryption(("luks2",))


def test_a_system_on_a_stick_is_judged(tree: Tree):
    """What the system lies on is its disk, wherever it is plugged in."""
    tree.disk("sda", "8:0", bus="pci0000:00/usb2/2-1")
    tree.mount("8:0 / ext4 /dev/sda")

    assert read(tree).plain_mounts == ("/",)


@pytest.mark.parametrize(
    ("mounts", "words"),
    [
        (("0:30 / zfs rpool/ROOT",), "/ is on zfs"),
        (("0:30 / overlay overlay",), "/ is on overlay"),
        (("0:30 /data zfs tank/data",), "/data is on zfs"),
        (("0:31 /srv/alice bcachefs /dev/sda:/dev/sdb",), "/srv is on bcachefs"),
        (("8:1 / ext4 /dev/sda1",), "does not tell what / lies on"),
        (("0:30 / btrfs /dev/mapper/none",), "does not tell what / lies on"),
        (("0:21 /proc proc proc",), "no volume on a built-in disk"),
    ],
)
def test_what_the_kernel_does_not_tell_is_not_known(tree: Tree, mounts: tuple[str, ...], words: str):
    """The reason is a sentence, and nothing is taken for encrypted."""
    tree.mount(*mounts)

    with pytest.raises(NotKnownError, match=words):
        read(tree)


@pytest.mark.parametrize("place", [".fscrypt/x", "home/.fscrypt/x", "home/.ecryptfs/x", "home/someone.home"])
def test_homes_that_are_encrypted_one_by_one_are_not_known(tree: Tree, place: str):
    """The disk is plain, and that is not all."""
    tree.disk("sda", "8:0")
    tree.mount("8:0 / ext4 /dev/sda")
    tree.write(place)

    with pytest.raises(NotKnownError, match="one by one"):
        read(tree)


def test_a_user_cannot_make_the_disks_unknown(tree: Tree):
    """His own mounts may claim to lie on anything, and have any name."""
    tree.disk("sda", "8:0")
    tree.write("proc/1/mountinfo", "")
    tree.mount(
        "8:0 / ext4 /dev/sda", "0:60 /home/eve/x fuse.made-up /dev/sdz9", r"0:61 /home/eve/\040\012 fuse.x /dev/../x"
    )
    with (tree.root / "proc/1/mountinfo").open("ab") as stream:
        stream.write(b"\xff\xff \x00 nonsense\n36 35 - \n\n" + b"x" * 100_000)

    assert read(tree) == Encryption((), ("/",))


def test_layers_without_an_end_are_not_known(tree: Tree):
    """A kernel never shows such; a tree of files can."""
    place = tree.raid("md0", "9:0")
    tree.link(f"sys/{place}/slaves/md0", f"../../../../../{place}")
    tree.mount("9:0 / ext4 /dev/md0")

    with pytest.raises(NotKnownError, match="no end"):
        read(tree)
