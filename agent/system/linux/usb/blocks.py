# SPDX-License-Identifier: Apache-2.0
"""Reads one disk and its volumes from sysfs, the udev database and the table of mounts. Which disks hang on USB is
`devices`' to find.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.system.linux.files import load_words
from agent.system.linux.usb.facts import Content, Role, Unit, Volume
from agent.system.linux.usb.mounts import Mounts, find_mountinfo
from agent.system.linux.usb.sample import SAMPLE_BYTES, Sample

SECTOR_BYTES = 512
"""What the kernel counts in, whatever a disk's sectors are."""
_READ_SECTORS, _WRITTEN_SECTORS = 2, 6  # of the fields of `stat`
_MAX_RECORD_BYTES = 64 * 1024
_MAX_VOLUMES = 128
_MAX_DEPTH = 4
_ROLES = {
    **dict.fromkeys(("0x5", "0xf", "0x85"), Role.EXTENDED),
    "e3c9e316-0b5c-4db8-817d-f92df00215ae": Role.RESERVED,
    **dict.fromkeys(("0xef", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), Role.EFI),
}
# VeraCrypt gives the kernel's decrypting device a name and no uuid; only root can make one.
_VERACRYPT_NAME = re.compile(r"(vera|true)crypt\d+")


class BlockReader:
    """Reads disks. It remembers where the counters stood when a medium was changed."""

    def __init__(self, root: Path, find_sample: Callable[[str, str, str], Sample]) -> None:
        self._sys = root / "sys"
        self._udev = root / "run/udev"
        self._mountinfo = find_mountinfo(root)
        self._find_sample = find_sample
        self._mounts = Mounts()
        self._has_udev = False
        self._media: dict[str, tuple[str, int, int]] = {}
        self._opened: dict[str, str] = {}
        self._unknown: set[str] = set()

    def begin(self) -> None:
        """Begin a new reading of all disks."""
        self._mounts = Mounts.load(self._mountinfo)
        self._has_udev = (self._udev / "control").exists()
        self._unknown.clear()

    def read_unit(self, name: str) -> Unit | None:
        """Return one disk, or None if it is gone."""
        folder = self._sys / "block" / name
        number, record = self._identify(folder)
        if not number:
            return None
        size_bytes = _read_number(folder / "size") * SECTOR_BYTES
        is_optical = name.startswith("sr") or record.get("ID_CDROM") == "1"
        volumes: tuple[Volume, ...] = ()
        try:
            medium = f"{folder.stat().st_ino}:{_read_number(folder / 'diskseq')}:{size_bytes}"
        except OSError:
            return None
        read_bytes, written_bytes = self._count_since(name, medium, *_read_counters(folder))
        if size_bytes and not is_optical:
            volumes = tuple(self._read_volumes(folder, record, medium, written_bytes))
        return Unit(
            name=name,
            is_optical=is_optical,
            is_card=name.startswith("mmcblk") or any(key.startswith("ID_DRIVE_FLASH") for key in record),
            is_removable=_read_number(folder / "removable") == 1,
            size_bytes=size_bytes,
            read_bytes=read_bytes,
            written_bytes=written_bytes,
            volumes=volumes,
        )

    def count_written(self, unit: Unit) -> Unit:
        """Return the disk with its counters as they are now."""
        folder = self._sys / "block" / unit.name
        medium, _, _ = self._media.get(unit.name, ("", 0, 0))
        read_bytes, written_bytes = self._count_since(unit.name, medium, *_read_counters(folder))
        if written_bytes <= unit.written_bytes:
            return unit  # as it was, or already gone
        volumes = tuple(
            replace(
                each,
                written_bytes=written_bytes if each.name == unit.name else _read_counters(folder / each.name)[1],
            )
            for each in unit.volumes
        )
        return replace(unit, read_bytes=read_bytes, written_bytes=written_bytes, volumes=volumes)

    def is_known(self, unit: Unit) -> bool:
        """Tell whether udev, or a sample, has said all of a disk that it will say."""
        return unit.name not in self._unknown and not any(
            each.content is Content.AWAITED or each.name in self._unknown for each in unit.volumes
        )

    def runs_system(self, unit: Unit) -> bool:
        """Tell whether this very system runs from a disk."""
        folder = self._sys / "block" / unit.name
        folders = [folder, *(folder / each.name for each in unit.volumes if each.name != unit.name)]
        return any(self._is_mounted(each, self._mounts.runs_system) for each in folders)

    def find_driver(self, path: str, names: list[str]) -> str:
        """Return the driver of the interface through which a USB device shows its first disk."""
        for name in names:
            # .../1-2/1-2:1.0/host6/...: the driver is a link beside what comes after the device's own path.
            with suppress(OSError):
                found = os.path.normpath(
                    os.path.join(self._sys / "block", os.readlink(self._sys / "block" / name))
                ).removeprefix(f"{self._sys}{path}/")
                return os.path.basename(os.readlink(f"{self._sys}{path}/{found.partition('/')[0]}/driver"))
        return ""

    def _read_volumes(self, folder: Path, record: dict[str, str], medium: str, written_bytes: int) -> Iterator[Volume]:
        is_marked = record.get("ID_FS_USAGE") == "crypto"
        parts = [each for each in self._list_partitions(folder) if not is_marked or self._is_usable(each)]
        if parts:
            if is_marked:
                # Someone has put the mark of encryption before partitions that can be used: nobody can tell.
                volume = self._read_volume(folder, record, medium, 0)
                yield replace(volume, is_ambiguous=True, file_system="")
            for part in parts:
                number, of_part = self._identify(part)
                if number:
                    yield self._read_volume(part, of_part, medium, _read_counters(part)[1])
        # BitLocker looks to libblkid as if it had a table of partitions too: what the disk itself is goes first.
        elif "ID_PART_TABLE_TYPE" not in record or "ID_FS_TYPE" in record:
            yield self._read_volume(folder, record, medium, written_bytes)

    def _read_volume(self, folder: Path, record: dict[str, str], medium: str, written_bytes: int) -> Volume:
        name = folder.name
        volume = Volume(
            name=name,
            size_bytes=_read_number(folder / "size") * SECTOR_BYTES,
            file_system=record.get("ID_FS_TYPE", "")[:32],
            version=record.get("ID_FS_VERSION", "")[:16],
            usage=record.get("ID_FS_USAGE", ""),
            is_ambiguous="ID_FS_AMBIVALENT" in record,
            role=_ROLES.get(record.get("ID_PART_ENTRY_TYPE", ""), Role.DATA),
            opened_as=self._find_opened(folder),
            is_mounted=self._is_mounted(folder, self._mounts.has),
            written_bytes=written_bytes,
        )
        is_recognised = volume.file_system or volume.is_ambiguous or volume.opened_as
        if not is_recognised and volume.role is not Role.EXTENDED:
            volume = self._add_sample(volume, folder, medium)
        mounted_as = self._mounts.find_type(load_words(folder / "dev"))
        if volume.usage == "crypto" and mounted_as and not volume.opened_as:
            # Nothing that is encrypted can be mounted as it is, whatever its first bytes say.
            volume = replace(volume, file_system=mounted_as, usage="filesystem")
        if volume.role is Role.RESERVED and (volume.file_system or volume.is_ambiguous):
            volume = replace(volume, role=Role.DATA)  # it is used for something else
        if volume.opened_as:
            self._opened[name] = medium
        return replace(volume, was_opened=self._opened.get(name) == medium)

    def _add_sample(self, volume: Volume, folder: Path, medium: str) -> Volume:
        if self._has_udev and volume.name in self._unknown:
            return volume  # udev will say
        if volume.size_bytes < SAMPLE_BYTES:
            return replace(volume, content=Content.OTHER)
        sample = self._find_sample(volume.name, load_words(folder / "dev"), medium)
        if sample.signature is None:
            return replace(volume, content=sample.content)
        name, version, usage = sample.signature
        return replace(volume, content=sample.content, file_system=name, version=version, usage=usage)

    def _list_partitions(self, folder: Path) -> list[Path]:
        try:
            names = sorted(name for name in os.listdir(folder) if name.startswith(folder.name))
        except OSError:
            return []
        return [folder / name for name in names[:_MAX_VOLUMES] if (folder / name / "partition").exists()]

    def _is_usable(self, part: Path) -> bool:
        """Tell whether a partition on a disk that is marked as encrypted is one.

        BitLocker To Go keeps numbers where a table of partitions would lie, from which the kernel makes one that begins
        where the disk does and holds nothing. One that is used is none of these.
        """
        if load_words(part / "start") != "0":
            return True
        return self._is_mounted(part, self._mounts.has) or _read_counters(part)[1] > 0

    def _find_opened(self, folder: Path) -> str:
        for holder in _list(folder / "holders"):
            mapper = self._sys / "block" / holder / "dm"
            kind, _, rest = load_words(mapper / "uuid").partition("-")
            if kind == "CRYPT":
                what = rest.partition("-")[0]
                if what not in ("VERITY", "INTEGRITY"):
                    return what
            elif not kind and _VERACRYPT_NAME.fullmatch(load_words(mapper / "name")):
                return "TCRYPT"
        return ""

    def _is_mounted(self, folder: Path, ask: Callable[..., bool], depth: int = 0) -> bool:
        """Ask the table of mounts about a volume and all that is made of it: what decrypts it, logical volumes."""
        mapped = load_words(folder / "dm/name")
        if ask(load_words(folder / "dev"), folder.name, *([f"mapper/{mapped}"] if mapped else [])):
            return True
        holders = _list(folder / "holders") if depth < _MAX_DEPTH else []
        return any(self._is_mounted(self._sys / "block" / each, ask, depth + 1) for each in holders)

    def _identify(self, folder: Path) -> tuple[str, dict[str, str]]:
        """Return the number of a disk or partition (8:1) and what udev knows of it."""
        number = load_words(folder / "dev")
        if not re.fullmatch(r"\d+:\d+", number):
            return "", {}
        if not self._has_udev:
            return number, {}
        try:
            with open(self._udev / "data" / f"b{number}", "rb") as stream:
                lines = stream.read(_MAX_RECORD_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        if not any(line.startswith("I:") for line in lines):
            self._unknown.add(folder.name)  # udev has not looked yet
        entries = (line[2:].partition("=") for line in lines if line.startswith("E:"))
        return number, {key: value for key, _, value in entries}

    def _count_since(self, name: str, medium: str, read_bytes: int, written_bytes: int) -> tuple[int, int]:
        """Return what was read and written since the medium came.

        That is since the disk appeared, where its counters began, unless we saw another medium in it.
        """
        known, read_before, written_before = self._media.get(name, ("", 0, 0))
        if known != medium:
            is_same_disk = known.partition(":")[0] == medium.partition(":")[0]
            read_before, written_before = (read_bytes, written_bytes) if is_same_disk else (0, 0)
            self._media[name] = medium, read_before, written_before
        return max(read_bytes - read_before, 0), max(written_bytes - written_before, 0)


def _list(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:_MAX_VOLUMES]
    except OSError:
        return []


def _read_number(path: Path) -> int:
    line = load_words(path)
    return int(line) if line.isascii() and line.isdigit() else 0


def _read_counters(folder: Path) -> tuple[int, int]:
    """Return the bytes read from and written to a disk or partition."""
    fields = load_words(folder / "stat").split()
    if len(fields) <= _WRITTEN_SECTORS:
        return 0, 0
    read, written = fields[_READ_SECTORS], fields[_WRITTEN_SECTORS]
    return int(read) * SECTOR_BYTES, int(written) * SECTOR_BYTES
