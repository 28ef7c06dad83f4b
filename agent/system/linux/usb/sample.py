# SPDX-License-Identifier: Apache-2.0
"""The first bytes of a disk that udev recognised nothing on: blank, random, or with a signature at a fixed offset.

No structure is followed: bytes at fixed places are compared, and counted. A broken disk can take minutes to answer, so
each sample is read in a thread of its own, and few at a time.
"""

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent.system.linux.usb.facts import Content

SAMPLE_BYTES = 64 * 1024
MAX_READING = 4
# 65536 random bytes give a chi-square around 255 over their 256 values, with a deviation of 22.6. Compressed files lie
# above, counted-up patterns below: both ends are six deviations away.
_RANDOM_CHI_SQUARE = (255 - 136, 255 + 136)

_FVE_GUID = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")


class Signature(NamedTuple):
    """A file system by libblkid's names, as `usb_facts.Volume` has it."""

    file_system: str
    version: str = ""
    usage: str = "filesystem"


class Sample(NamedTuple):
    """What the first bytes say."""

    content: Content
    signature: Signature | None = None


_SIGNATURES: tuple[tuple[int, bytes, Signature], ...] = (
    # What encrypts goes first: it may look like something else to older systems.
    (0, b"LUKS\xba\xbe\x00\x01", Signature("crypto_LUKS", "1", "crypto")),
    (0, b"LUKS\xba\xbe\x00\x02", Signature("crypto_LUKS", "2", "crypto")),
    (3, b"-FVE-FS-", Signature("BitLocker", "2", "crypto")),
    (0x1A8, _FVE_GUID, Signature("BitLocker", "2", "crypto")),
    (32, b"NXSB", Signature("apfs")),
    (512, b"LABELONE", Signature("LVM2_member", "", "raid")),
    (3, b"EXFAT   ", Signature("exfat")),
    (3, b"NTFS    ", Signature("ntfs")),
    (82, b"FAT32   ", Signature("vfat")),
    (54, b"FAT16   ", Signature("vfat")),
    (54, b"FAT12   ", Signature("vfat")),
    (1024 + 56, b"\x53\xef", Signature("ext4")),
    (0, b"XFSB", Signature("xfs")),
    (1024, b"H+\x00\x04", Signature("hfsplus")),
    (1024, b"\x10\x20\xf5\xf2", Signature("f2fs")),
    (32769, b"CD001", Signature("iso9660")),
)


def judge_bytes(content: bytes) -> Sample:
    """Return what the first bytes of a volume say."""
    for offset, magic, signature in _SIGNATURES:
        if content[offset : offset + len(magic)] == magic:
            return Sample(Content.OTHER, signature)
    if len(content) < SAMPLE_BYTES:
        # Too few to count, and a volume of this size holds nothing.
        return Sample(Content.OTHER)
    if content.count(0) == len(content) or content.count(0xFF) == len(content):
        return Sample(Content.BLANK)
    low, high = _RANDOM_CHI_SQUARE
    return Sample(Content.RANDOM if low < measure_chi_square(content) < high else Content.OTHER)


def measure_chi_square(content: bytes) -> float:
    """Return how far the counts of the 256 byte values are from all the same."""
    expected = len(content) / 256
    counts = Counter(content)
    return sum((counts[value] - expected) ** 2 for value in range(256)) / expected


def read_sample(device: Path, number: str) -> Sample:
    """Read the first bytes of a block device, if it is still the one with that number (8:1)."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISBLK(found.st_mode) or f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" != number:
                return Sample(Content.DENIED)
            return judge_bytes(os.pread(descriptor, SAMPLE_BYTES, 0))
        finally:
            os.close(descriptor)
    except OSError:
        return Sample(Content.DENIED)


class Sampler:
    """Reads samples in the background and remembers them until they are forgotten."""

    def __init__(self, devices: Path, wake: Callable[[], None]) -> None:
        """Read device nodes in that folder; `wake` is called from another thread when a sample is there."""
        self._devices = devices
        self._wake = wake
        self._lock = threading.Lock()
        self._samples: dict[tuple[str, str], Sample | None] = {}
        self._reading = 0

    def find(self, name: str, number: str, identity: str) -> Sample:
        """Return the sample of a disk or partition; AWAITED until it is there. Another identity is another sample."""
        key = (name, identity)
        with self._lock:
            if key in self._samples:
                return self._samples[key] or Sample(Content.AWAITED)
            if self._reading >= MAX_READING:
                return Sample(Content.AWAITED)
            for old in [each for each in self._samples if each[0] == name]:
                del self._samples[old]
            self._samples[key] = None
            self._reading += 1
        threading.Thread(target=self._read, args=(key, number), name="usb sample", daemon=True).start()
        return Sample(Content.AWAITED)

    def forget(self, name: str) -> None:
        """Forget what was read of a disk and of its partitions: it may hold something else now."""
        with self._lock:
            for key in [key for key in self._samples if key[0].startswith(name)]:
                del self._samples[key]

    def _read(self, key: tuple[str, str], number: str) -> None:
        sample = read_sample(self._devices / key[0], number)
        with self._lock:
            self._reading -= 1
            if key in self._samples:
                self._samples[key] = sample
        self._wake()
