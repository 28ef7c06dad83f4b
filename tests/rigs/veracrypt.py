# SPDX-License-Identifier: Apache-2.0
"""A VeraCrypt volume as its documentation describes it, which cryptsetup opens: SHA-512, AES in XTS mode."""

import hashlib
import os
import struct
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MULTIPLIER = 1
"""VeraCrypt's PIM, which says how much an attempt costs. The smallest there is: the guest is slow."""
ITERATIONS = 15_000 + 1_000 * MULTIPLIER
SALT_BYTES = 64
HEADER_BYTES = 448
"""What is encrypted of the first sector: all but the salt."""
DATA_BEGIN = 131_072
KEYS_AT = 192


def make_volume(size_bytes: int, passphrase: str) -> bytes:
    """Return a volume whose content is noise until somebody formats it."""
    keys = os.urandom(256)
    data_bytes = size_bytes - 2 * DATA_BEGIN
    header = bytearray(HEADER_BYTES)
    header[0:4] = b"VERA"
    # The layout's version and the oldest program that reads it.
    struct.pack_into(">HH", header, 4, 5, 0x010B)
    struct.pack_into(">I", header, 8, zlib.crc32(keys))
    # Volume size, then where the data begins, how much is encrypted, no flags, the size of a sector.
    struct.pack_into(">QQQII", header, 36, data_bytes, DATA_BEGIN, data_bytes, 0, 512)
    struct.pack_into(">I", header, 188, zlib.crc32(bytes(header[:188])))
    header[KEYS_AT:] = keys
    salt = os.urandom(SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", passphrase.encode(), salt, ITERATIONS, 64)
    cipher = Cipher(algorithms.AES(key), modes.XTS(bytes(16))).encryptor()
    begin = salt + cipher.update(bytes(header)) + cipher.finalize()
    return begin + os.urandom(size_bytes - len(begin))
