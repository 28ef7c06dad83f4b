# SPDX-License-Identifier: Apache-2.0
"""Whether the volumes that are mounted, and swap, lie on encrypted disks: what the kernel says in /proc and /sys.

From each volume down through LVM, RAID and partitions to the disks: it is encrypted if dm-crypt stands on every way
down. /boot may be plain, for something must ask for the key; swap on a plain disk counts as plain, for memory is
written there; swap in memory (zram) does not count. Disks on USB are another check's business, unless the system
itself lies on one. Not seen: disks that encrypt by themselves, which look plain to the kernel, and how well the key is
kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import Encryption, NotKnownError

_OF_THE_SYSTEM = ("/", "/home", "/var")
_MAY_BE_PLAIN = re.compile(r"/(boot|efi)(/.*)?")
_READ_ONLY_FORMATS = frozenset(("squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"))
_ELSEWHERE = frozenset(("tmpfs", "ramfs", "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "autofs", "fuse.sshfs"))
"""In memory, or on another machine: nothing of this machine's disks."""
_ON_DISKS = frozenset(("zfs", "bcachefs", "btrfs", "ubifs"))
"""On disks of this machine, under a number of their own. Only root can mount them."""
_BY_SOURCE = ("btrfs", "swap")
"""Known by the file of a device instead of its number. Of other kinds a user can make up what they lie on."""
# dm-verity and dm-integrity come from cryptsetup too and encrypt nothing.
_NO_ENCRYPTION = frozenset(("VERITY", "INTEGRITY"))
_MAX_LAYERS = 16
_MAX_LIST_BYTES = 4 * 1024 * 1024
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class _Volume:
    """Something that is mounted or swapped to."""

    place: str
    kind: str
    number: str
    """major:minor; empty for swap."""
    source: str
    is_writable: bool = True


def read_encryption(files: SystemFiles) -> Encryption:
    """Return which volumes are encrypted and which are not.

    Raises:
        NotKnownError: there is one of the system's of which it cannot be told.
    """
    kinds: set[str] = set()
    plain: set[str] = set()
    is_any_seen = False
    for volume in (*_list_mounts(files), *_list_swaps(files)):
        folders = _find_devices(files, volume)
        if not folders or (volume.place not in _OF_THE_SYSTEM and all(_is_left_out(files, each) for each in folders)):
            continue
        is_any_seen = True
        for folder in folders:
            found = set(_find_kinds(files, folder))
            kinds |= found - {""}
            if "" in found:
                plain.add(volume.place)
    if not is_any_seen:
        raise NotKnownError("no volume on a built-in disk is mounted here")
    if plain:
        _verify_not_by_folder(files)
    return Encryption(tuple(sorted(kinds)), tuple(sorted({_shorten(place) for place in plain})))


def _list_mounts(files: SystemFiles) -> Iterator[_Volume]:
    try:
        # The first process sees the mounts of the machine; a service may have some of its own.
        content = files.load("proc/1/mountinfo", _MAX_LIST_BYTES)
    except NotKnownError:
        content = files.load("proc/self/mountinfo", _MAX_LIST_BYTES)
    seen: set[str] = set()
    for line in content.decode("utf-8", "replace").splitlines():
        left, _, right = line.partition(" - ")
        fields, told = left.split(), right.split()
        if len(fields) < 6 or len(told) < 2:
            continue
        number, place, kind = fields[2], _to_plain(fields[4]), told[0]
        # One volume can be mounted at many places; the first is the oldest.
        if kind in _READ_ONLY_FORMATS or _MAY_BE_PLAIN.fullmatch(place) or number in seen:
            continue
        seen.add(number)
        is_writable = "ro" not in "".join(told[2:3]).split(",")
        yield _Volume(place, kind, number, _to_plain(told[1]), is_writable)


def _list_swaps(files: SystemFiles) -> Iterator[_Volume]:
    for line in (files.find("proc/swaps") or b"").decode("utf-8", "replace").splitlines()[1:]:
        fields = line.split()
        # A swap file lies on a volume that is judged anyway.
        if len(fields) >= 2 and fields[1] == "partition":
            yield _Volume("swap", "swap", "", _to_plain(fields[0]))


def _find_devices(files: SystemFiles, volume: _Volume) -> list[str]:
    """Return the folders in /sys of the devices that a volume lies on; none if it lies on no disk of this machine.

    Raises:
        NotKnownError: it is one of the system's or holds data on a disk, and what it lies on cannot be told.
    """
    if volume.number and not volume.number.startswith("0:"):
        folder = f"sys/dev/block/{volume.number}"
    elif volume.kind in _BY_SOURCE and volume.source.startswith("/dev/"):
        folder = f"sys/class/block/{_find_name(files, volume.source)}"
    elif _must_be_judged(volume):
        raise NotKnownError(
            f"{_shorten(volume.place)} is on {volume.kind[:32]}, of which the kernel does not tell the disk"
        )
    else:
        return []
    if not files.exists(folder):
        raise NotKnownError(f"the kernel does not tell what {_shorten(volume.place)} lies on")
    folders = [folder]
    if volume.kind == "btrfs":
        folders += _find_siblings(files, files.to_path(folder).name)
    return folders


def _must_be_judged(volume: _Volume) -> bool:
    """Return whether a volume without the number of a device may be on a disk of this machine all the same."""
    if volume.place in _OF_THE_SYSTEM:
        return volume.kind not in _ELSEWHERE
    return volume.kind in _ON_DISKS and volume.is_writable


def _find_name(files: SystemFiles, source: str) -> str:
    """Return how the kernel calls a device that has a file of this name."""
    if not source.startswith("/dev/mapper/"):
        return source.removeprefix("/dev/").replace("/", "!")
    wanted = source.removeprefix("/dev/mapper/").encode()
    for name in files.list_names("sys/class/block"):
        if name.startswith("dm-") and (files.find(f"sys/class/block/{name}/dm/name") or b"").strip() == wanted:
            return name
    return "?"


def _find_siblings(files: SystemFiles, name: str) -> Iterator[str]:
    """Yield all devices of the btrfs that this one is a part of."""
    for one in files.list_names("sys/fs/btrfs"):
        names = files.list_names(f"sys/fs/btrfs/{one}/devices")
        if name in names:
            yield from (f"sys/class/block/{each}" for each in names if each != name)


def _find_kinds(files: SystemFiles, folder: str, layers: int = 0) -> Iterator[str]:
    """Yield what encrypts each way from a device down to a disk; an empty text for a way without."""
    if layers > _MAX_LAYERS:
        raise NotKnownError("the kernel's layers of disks have no end")
    own, _, rest = (files.find(f"{folder}/dm/uuid") or b"").decode("ascii", "replace").partition("-")
    kind = rest.partition("-")[0].strip()
    if own == "CRYPT" and kind not in _NO_ENCRYPTION:
        yield kind.lower()[:16] or "dm-crypt"
        return
    if files.exists(f"{folder}/partition"):
        # What a partition lies on stands with the whole device.
        folder = f"{folder}/.."
    below = _list_below(files, folder)
    if not below:
        yield ""
    for each in below:
        yield from _find_kinds(files, each, layers + 1)


def _list_below(files: SystemFiles, folder: str) -> list[str]:
    """Return the folders of the devices that a device lies on; none for a disk, and for what is in memory only."""
    backing = (files.find(f"{folder}/backing_dev") or b"none").decode("utf-8", "replace").strip()
    if backing != "none":
        # Memory that is written to a disk when it gets too much.
        return [f"sys/class/block/{_find_name(files, backing)}"]
    return [f"{folder}/slaves/{name}" for name in files.list_names(f"{folder}/slaves")]


def _is_left_out(files: SystemFiles, folder: str) -> bool:
    """Return whether a device is no built-in disk: it lies in a file or in memory, or every disk below is on USB."""
    path = files.to_path(folder)
    below = _list_below(files, folder)
    if below:
        return all(_is_left_out(files, each) for each in below)
    if path.name.startswith(("loop", "zram", "ram")):
        return True
    return any(re.fullmatch(r"usb\d+", part) for part in path.parts)


def _verify_not_by_folder(files: SystemFiles) -> None:
    """Return unless folders are encrypted one by one on a plain volume.

    Raises:
        NotKnownError: they are, and which ones is not read.
    """
    is_by_folder = any(files.exists(place) for place in (".fscrypt", "home/.fscrypt", "home/.ecryptfs"))
    if is_by_folder or any(name.endswith(".home") for name in files.list_names("home")):
        raise NotKnownError("the disk is plain, and homes are encrypted one by one; which of them is not read")


def _shorten(place: str) -> str:
    """Return the first part of a mount's path: what follows may hold a person's name."""
    return "/".join(place.split("/")[:2])[:32] if place.startswith("/") else place


def _to_plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)
