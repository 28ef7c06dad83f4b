# SPDX-License-Identifier: Apache-2.0
"""What the posture reader says of volumes that the guest's kernel has really opened, layered and mounted.

The guest has one built-in disk, plain, with `/`. Others come by USB and count because `/home` lies on them; swap
would not, and is not tried here.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rigs.machine import PYTHON, Machine
from tests.rigs.sticks import PASSPHRASE

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

READ = """
import json
from dataclasses import asdict
from agent.system.linux.posture.reader import LinuxPosture
print(json.dumps(asdict(LinuxPosture().disk_encryption())))
"""
SECTORS = 40_000
"""Of 512 bytes: what is taken of each disk for a layer above it."""


@pytest.fixture
def disk(machine: Machine, stick: Callable[[str], Path]) -> Iterator[Callable[[str], None]]:
    """Attaches a disk of one of the kinds of stick, called /dev/sda, then /dev/sdb; leaves nothing open or mounted."""
    plugged: list[str] = []

    def plug(kind: str) -> None:
        path = f"/dev/sd{'ab'[len(plugged)]}"
        plugged.append(kind)
        machine.plug(kind, stick(kind))
        machine.wait_for(lambda: machine.run(f"test -b {path}").code == 0, path)

    yield plug
    machine.run("umount /home /mnt; dmsetup remove upper; cryptsetup close vault")
    for kind in plugged:
        machine.unplug(kind)
    machine.wait_for(lambda: machine.run("ls /dev/sd?").code != 0, "the disks to go")


def read(machine: Machine) -> tuple[list[str], list[str]]:
    """Return what encrypts, and where plain volumes are mounted, as the reader has it in the guest."""
    said = json.loads(machine.check(f"{PYTHON} -", given=READ))
    return said["by"], said["plain_mounts"]


def open_vault(machine: Machine) -> None:
    """Open the LUKS volume on the first disk."""
    machine.check("cryptsetup open /dev/sda vault", given=PASSPHRASE)


def mount_new(machine: Machine, device: str, place: str) -> None:
    """Format a device and mount it."""
    machine.check(f"mke2fs -q -F -t ext4 {device} && mount {device} {place}")


def test_an_encrypted_home_does_not_hide_a_plain_root(machine: Machine, disk: Callable[[str], None]) -> None:
    """A LUKS volume that is opened and mounted at /home is encrypted; the root stays plain, and is named."""
    assert read(machine) == ([], ["/"])
    disk("luks2")
    open_vault(machine)
    mount_new(machine, "/dev/mapper/vault", "/home")
    assert read(machine) == (["luks2"], ["/"])


def test_a_plain_disk_counts_where_the_system_lies_on_it(machine: Machine, disk: Callable[[str], None]) -> None:
    """A plain disk on USB is left to another check, until /home lies on it."""
    disk("ext4")
    machine.check("mount /dev/sda /mnt")
    assert read(machine) == ([], ["/"])
    machine.check("umount /mnt && mount /dev/sda /home")
    assert read(machine) == ([], ["/", "/home"])


def test_a_volume_on_an_encrypted_and_a_plain_disk_is_plain(machine: Machine, disk: Callable[[str], None]) -> None:
    """Of a layer above the encrypted one, each way down to a disk counts: one plain way is enough."""
    disk("luks2")
    open_vault(machine)
    table = f"0 {SECTORS} linear /dev/mapper/vault 0\n"
    machine.check("dmsetup create upper", given=table)
    mount_new(machine, "/dev/mapper/upper", "/home")
    assert read(machine) == (["luks2"], ["/"])
    machine.check("umount /home && dmsetup remove upper")
    disk("ext4")
    machine.check("dmsetup create upper", given=f"{table}{SECTORS} {SECTORS} linear /dev/sdb 0\n")
    mount_new(machine, "/dev/mapper/upper", "/home")
    assert read(machine) == (["luks2"], ["/", "/home"])
