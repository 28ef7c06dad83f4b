# SPDX-License-Identifier: Apache-2.0
"""32 bytes as the text of an age identity: Bech32 of BIP 173. Reading one back is the age library's work."""

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX = "age-secret-key-"


def to_identity(secret: bytes) -> str:
    """Return the `AGE-SECRET-KEY-1...` of an X25519 secret of 32 bytes."""
    if len(secret) != 32:
        raise ValueError("an X25519 secret has 32 bytes")
    values = _to_fives(secret)
    expanded = [ord(letter) >> 5 for letter in _PREFIX] + [0] + [ord(letter) & 31 for letter in _PREFIX]
    rest = _polymod([*expanded, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    checksum = [(rest >> 5 * (5 - place)) & 31 for place in range(6)]
    return (_PREFIX + "1" + "".join(ALPHABET[value] for value in values + checksum)).upper()


def _to_fives(raw: bytes) -> list[int]:
    """Return bytes in groups of five bits, the last one filled up with zeros."""
    missing = -len(raw) * 8 % 5
    number, count = int.from_bytes(raw) << missing, (len(raw) * 8 + missing) // 5
    return [(number >> 5 * (count - 1 - place)) & 31 for place in range(count)]


def _polymod(values: list[int]) -> int:
    rest = 1
    for value in values:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            rest ^= generator if top >> place & 1 else 0
    return rest
