# SPDX-License-Identifier: Apache-2.0
"""Headers of encrypted volumes that only other systems make, written as they are documented.

BitLocker's follows libbde's description of the format, APFS's Apple's own. There is no key and no file behind them:
they can be recognised and not be opened.
"""

import struct
import uuid

MIB = 1 << 20
BITLOCKER = uuid.UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le
BITLOCKER_MARK = b"-FVE-FS-"


def bitlocker(
    size_bytes: int, *, to_go: bool, blocks: tuple[int, int, int] = (4 * MIB, 12 * MIB, 20 * MIB)
) -> list[tuple[int, bytes]]:
    """Return what stands where on a disk that BitLocker encrypted, the first sector first; metadata is in `blocks`."""
    sector = bytearray(512)
    sector[0:3] = b"\xeb\x58\x90"
    sector[3:11] = b"MSWIN4.1" if to_go else BITLOCKER_MARK
    if to_go:
        # It carries a small real FAT32, so that older systems show a program that opens it.
        struct.pack_into("<HBHBHHBHHHII", sector, 11, 512, 8, 32, 2, 0, 0, 0xF8, 0, 63, 255, 0, size_bytes // 512)
        struct.pack_into("<IHHIHH", sector, 36, 96, 0, 0, 2, 1, 6)
    else:
        struct.pack_into("<HBHBHHBHHHII", sector, 11, 512, 8, 0, 0, 0, 0, 0xF8, 0, 63, 255, 0, 0)
    sector[82:90] = b"FAT32   "
    # On a disk without partitions, To Go says where its metadata is just where a table of partitions would lie, so that
    # a kernel which looks for one finds a partition that is none.
    at = 0x1A8 if to_go else 0xA0
    sector[at : at + 16] = BITLOCKER
    struct.pack_into("<QQQ", sector, at + 16, *blocks)
    sector[510:512] = b"\x55\xaa"
    header = bytearray(64)
    header[0:8] = BITLOCKER_MARK
    struct.pack_into("<HHHHQIIQQQQ", header, 8, 0x40 // 16, 2, 4, 4, size_bytes, 0, 0, *blocks, 0)
    entry = bytearray(48)
    struct.pack_into("<IIII", entry, 0, 48, 1, 48, 48)
    entry[16:32] = uuid.uuid4().bytes_le
    struct.pack_into("<IHH", entry, 32, 3, 0x8004, 0)
    return [(0, bytes(sector)), *((block, bytes(header + entry)) for block in blocks)]


def apfs(size_bytes: int) -> bytes:
    """Return the first block of a container of APFS, which does not say whether its volumes are encrypted."""
    block_bytes = 4096
    block = bytearray(block_bytes)
    # Checksum, object, transaction, the type: a container's superblock, kept in a fixed place.
    struct.pack_into("<QQQII", block, 0, 0, 1, 1, 0x80000001, 0)
    struct.pack_into("<4sIQ", block, 32, b"NXSB", block_bytes, size_bytes // block_bytes)
    # Features: none that an older system may not know, and version 2.
    struct.pack_into("<QQQ", block, 48, 0, 0, 2)
    block[72:88] = uuid.uuid4().bytes
    low = high = 0
    for (word,) in struct.iter_unpack("<I", block[8:]):
        low = (low + word) % 0xFFFFFFFF
        high = (high + low) % 0xFFFFFFFF
    first = 0xFFFFFFFF - (low + high) % 0xFFFFFFFF
    second = 0xFFFFFFFF - (low + first) % 0xFFFFFFFF
    struct.pack_into("<II", block, 0, first, second)
    return bytes(block)


def luks1() -> bytes:
    """Return what makes LUKS of a disk for who looks no further, before where a table of partitions lies."""
    cipher, mode, digest = b"aes", b"xts-plain64", b"sha256"
    header = struct.pack(">6sH32s32s32sII", b"LUKS\xba\xbe", 1, cipher, mode, digest, 4096, 64)
    return header + bytes(56) + str(uuid.uuid4()).encode()
