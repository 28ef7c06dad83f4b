# SPDX-License-Identifier: Apache-2.0
"""Tests of what the first bytes of a disk say."""

import gzip
import os
import random
from pathlib import Path

import pytest

from agent.system.linux.usb.facts import Content
from agent.system.linux.usb.sample import SAMPLE_BYTES, Sampler, judge_bytes, read_sample


def put(magic: bytes, offset: int) -> bytes:
    return bytes(offset) + magic + bytes(SAMPLE_BYTES - offset - len(magic))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bytes(SAMPLE_BYTES), Content.BLANK),
        (b"\xff" * SAMPLE_BYTES, Content.BLANK),
        (bytes(SAMPLE_BYTES - 1) + b"\1", Content.OTHER),
        (bytes(range(256)) * 256, Content.OTHER),
        (bytes(1000), Content.OTHER),
        (b"", Content.OTHER),
    ],
)
def test_content_without_a_signature_is_blank_or_nothing_known(content: bytes, expected: Content):
    """Counted-up bytes have all values equally often, and are not random."""
    assert judge_bytes(content) == (expected, None)


def test_random_bytes_are_told_from_what_is_only_dense():
    """Every time: random ones, text, programs and what was compressed with gaps."""
    source = random.Random(7)
    for _ in range(20):
        assert judge_bytes(source.randbytes(SAMPLE_BYTES)).content is Content.RANDOM
    text = " ".join(str(source.random()) for _ in range(20000)).encode()
    for dense in (text, Path("/bin/sh").resolve().read_bytes(), gzip.compress(text)[: SAMPLE_BYTES // 2] * 2):
        assert judge_bytes(dense[:SAMPLE_BYTES].ljust(SAMPLE_BYTES, b"\0")).content is Content.OTHER


@pytest.mark.parametrize(
    ("content", "file_system", "usage"),
    [
        (put(b"LUKS\xba\xbe\x00\x01", 0), "crypto_LUKS", "crypto"),
        (put(b"LUKS\xba\xbe\x00\x02", 0), "crypto_LUKS", "crypto"),
        (put(b"-FVE-FS-", 3), "BitLocker", "crypto"),
        (put(bytes.fromhex("3bd66749292ed84a8399f6a339e3d001"), 0x1A8), "BitLocker", "crypto"),
        (put(b"FAT32   ", 82), "vfat", "filesystem"),
        (put(b"EXFAT   ", 3), "exfat", "filesystem"),
        (put(b"NTFS    ", 3), "ntfs", "filesystem"),
        (put(b"\x53\xef", 1080), "ext4", "filesystem"),
        (put(b"NXSB", 32), "apfs", "filesystem"),
    ],
)
def test_signatures_are_found_at_their_places(content: bytes, file_system: str, usage: str):
    """As libblkid calls them, so that what follows is the same."""
    signature = judge_bytes(content).signature
    assert signature is not None
    assert (signature.file_system, signature.usage) == (file_system, usage)


def test_a_signature_at_another_place_is_none():
    """A text about LUKS is no LUKS."""
    assert judge_bytes(put(b"LUKS\xba\xbe\x00\x01", 64)).signature is None


def test_only_a_block_device_with_that_number_is_read(tmp_path: Path):
    """Not a link, a pipe, a file, or the disk that came next."""
    (tmp_path / "file").write_bytes(bytes(SAMPLE_BYTES))
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "link", "pipe", "none"):
        assert read_sample(tmp_path / name, "8:0").content is Content.DENIED


def test_a_sample_is_read_once_for_what_is_there(tmp_path: Path):
    """In the background; another medium, or an event about the disk, has it read again."""
    woken: list[int] = []
    sampler = Sampler(tmp_path, lambda: woken.append(1))
    assert sampler.find("sda", "8:0", "first").content is Content.AWAITED
    while not woken:
        pass
    for _ in range(3):
        assert sampler.find("sda", "8:0", "first").content is Content.DENIED
    assert len(woken) == 1
    assert sampler.find("sda", "8:0", "second").content is Content.AWAITED
    sampler.forget("sda")
    assert sampler.find("sda", "8:0", "second").content is Content.AWAITED
