# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of mounts."""

from pathlib import Path

import pytest

from agent.system.linux.usb.mounts import Mounts, find_mountinfo

TABLE = rb"""22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw
60 22 8:1 / /media/My\040Stick rw,relatime shared:2 master:1 - vfat /dev/sda1 rw,fmask=0022
61 22 0:55 / /media/disk rw,relatime - btrfs /dev/sdb1 rw
62 22 253:0 / /media/safe rw,relatime shared:4 - ext4 /dev/mapper/safe rw
63 22 0:23 / /sys rw - sysfs sysfs rw
"""


def test_devices_are_found_by_number_and_by_source():
    """Btrfs has a number of its own."""
    mounts = Mounts(TABLE)
    assert mounts.has("8:1", "sda1")
    assert mounts.has("8:17", "sdb1")
    assert mounts.has("9:9", "dm-0", "mapper/safe")
    assert not mounts.has("8:2", "sda2")
    assert (mounts.find_type("8:1"), mounts.find_type("8:2")) == ("vfat", "")


def test_the_system_is_what_the_root_is_on():
    """Its disk is not somebody's stick."""
    mounts = Mounts(TABLE)
    assert mounts.runs_system("254:0", "vda")
    assert not mounts.runs_system("8:1", "sda1")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"- - -", b"1 2 3", b"\xff\xfe - x y", b"a b c d e f - g"])
def test_a_broken_table_tells_nothing(content: bytes):
    """And nothing is raised."""
    assert not Mounts(content).has("8:1", "sda1")


def test_the_table_of_the_machine_comes_before_our_own(tmp_path: Path):
    """The agent's service may have a namespace of its own."""
    assert find_mountinfo(tmp_path) == tmp_path / "proc/self/mountinfo"
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mountinfo").touch()
    assert find_mountinfo(tmp_path) == tmp_path / "proc/1/mountinfo"
    assert not Mounts.load(tmp_path / "none").has("8:1")
