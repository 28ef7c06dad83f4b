# SPDX-License-Identifier: Apache-2.0
"""Images of USB disks, one of each kind, all made without root and without a kernel that can open them.

What `cryptsetup` makes is real, and the guest opens it; VeraCrypt's too, whose header is written in `veracrypt`. The
headers of BitLocker and APFS in `headers` are written by hand: no Windows and no Mac made them.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.rigs import headers, veracrypt
from tests.rigs.guest.image import RigError

MIB = 1 << 20
SECTOR = 512
FIRST = 2048
"""The sector where a first partition begins, as every tool has it."""
TABLE_AT = 446
"""Where in the first sector a table of partitions lies."""
PASSPHRASE = "a passphrase of the rig"


def _make(path: Path, mib: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    return path


def _run(*command: str | Path, given: str = "") -> None:
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise RigError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")


def _write_at(path: Path, content: bytes, at_bytes: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(at_bytes)
        file.write(content)


def _divide(path: Path, *partitions: str) -> None:
    _run("sfdisk", "-q", path, given="".join(f"{line}\n" for line in partitions))


def _format_luks(path: Path, version: int) -> None:
    # A cheap key derivation: the guest is slow, and what it costs is not what is tested.
    cheap = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000".split()
    _run("cryptsetup", "luksFormat", "-q", "--type", f"luks{version}", *cheap, path, "-", given=PASSPHRASE)


def _put_luks(path: Path, version: int, first_sector: int, mib: int) -> None:
    """Write a LUKS volume into a partition."""
    part = _make(path.with_suffix(".part"), mib)
    _format_luks(part, version)
    _write_at(path, part.read_bytes(), first_sector * SECTOR)
    part.unlink()


def fat(path: Path) -> None:
    """A whole disk of FAT."""
    _run("mkfs.vfat", "-n", "PLAIN", _make(path, 48))


def fat_in_partition(path: Path) -> None:
    """As sticks come from the shop."""
    _divide(_make(path, 64), f"start={FIRST}, type=c")
    _run("mkfs.vfat", "--offset", str(FIRST), "-n", "PLAIN", path, str((64 * MIB - FIRST * SECTOR) // 1024))


def exfat(path: Path) -> None:
    """A whole disk of exFAT."""
    _run("mkfs.exfat", _make(path, 48))


def ntfs(path: Path) -> None:
    """A whole disk of NTFS, not encrypted."""
    _run("mkfs.ntfs", "-q", "-F", "-f", _make(path, 48))


def ext4(path: Path) -> None:
    """A whole disk of ext4."""
    _run("mke2fs", "-q", "-t", "ext4", _make(path, 48))


def luks1(path: Path) -> None:
    """A whole disk of LUKS1."""
    _format_luks(_make(path, 48), 1)


def luks2(path: Path) -> None:
    """A whole disk of LUKS2."""
    _format_luks(_make(path, 48), 2)


def luks2_in_partition(path: Path) -> None:
    """LUKS2 in the only partition."""
    _divide(_make(path, 64), f"start={FIRST}, type=83")
    _put_luks(path, 2, FIRST, 60)


def two_luks(path: Path) -> None:
    """Two partitions, both LUKS."""
    second = FIRST + 32 * MIB // SECTOR
    _divide(_make(path, 64), f"start={FIRST}, size={32 * MIB // SECTOR}, type=83", f"start={second}, type=83")
    _put_luks(path, 2, FIRST, 32)
    _put_luks(path, 1, second, 30)


def luks_beside_fat(path: Path) -> None:
    """Two partitions, of which one is plain."""
    second = FIRST + 32 * MIB // SECTOR
    _divide(_make(path, 64), f"start={FIRST}, size={32 * MIB // SECTOR}, type=83", f"start={second}, type=c")
    _put_luks(path, 2, FIRST, 32)
    _run("mkfs.vfat", "--offset", str(second), path, str((64 * MIB - second * SECTOR) // 1024))


def fat_behind_luks_header(path: Path) -> None:
    """A plain partition on a disk whose first bytes, which nobody uses, claim to be LUKS."""
    fat_in_partition(path)
    _write_at(path, headers.luks1())


def fat_behind_bitlocker_header(path: Path) -> None:
    """The same, claiming to be BitLocker, with metadata where no partition is."""
    fat_in_partition(path)
    (_, sector), *blocks = headers.bitlocker(64 * MIB, to_go=False, blocks=(MIB // 4, MIB // 2, MIB * 3 // 4))
    _write_at(path, sector[:TABLE_AT])
    for at_bytes, content in blocks:
        _write_at(path, content, at_bytes)


def bitlocker(path: Path) -> None:
    """BitLocker as Windows makes it on fixed disks and large sticks."""
    _make(path, 48)
    for at_bytes, content in headers.bitlocker(48 * MIB, to_go=False):
        _write_at(path, content, at_bytes)


def bitlocker_to_go(path: Path) -> None:
    """BitLocker To Go, which looks like FAT32 at first sight."""
    _make(path, 48)
    for at_bytes, content in headers.bitlocker(48 * MIB, to_go=True):
        _write_at(path, content, at_bytes)


def bitlocker_in_partition(path: Path) -> None:
    """BitLocker To Go in the only partition, as on most sticks."""
    _divide(_make(path, 64), f"start={FIRST}, type=c")
    for at_bytes, content in headers.bitlocker(63 * MIB, to_go=True):
        _write_at(path, content, FIRST * SECTOR + at_bytes)


def apfs(path: Path) -> None:
    """A disk of a Mac, which says only deep inside whether it is encrypted."""
    _write_at(_make(path, 48), headers.apfs(48 * MIB))


def veracrypt_volume(path: Path) -> None:
    """VeraCrypt over the whole disk: nothing but noise to who has no passphrase."""
    path.write_bytes(veracrypt.make_volume(16 * MIB, PASSPHRASE))


def noise(path: Path) -> None:
    """A disk that was wiped with random bytes: nobody can tell it from VeraCrypt."""
    path.write_bytes(os.urandom(16 * MIB))


def blank(path: Path) -> None:
    """A disk with nothing on it."""
    _make(path, 48)


KINDS: dict[str, Callable[[Path], None]] = {
    maker.__name__: maker
    for maker in (
        *(fat, fat_in_partition, exfat, ntfs, ext4),
        *(luks1, luks2, luks2_in_partition, two_luks, luks_beside_fat),
        *(fat_behind_luks_header, fat_behind_bitlocker_header),
        *(bitlocker, bitlocker_to_go, bitlocker_in_partition, apfs, veracrypt_volume, noise, blank),
    )
}


def make_stick(folder: Path, kind: str) -> Path:
    """Make the image of a stick of one of the KINDS."""
    path = folder / f"{kind}.img"
    path.unlink(missing_ok=True)
    KINDS[kind](path)
    return path
