# SPDX-License-Identifier: Apache-2.0
"""What a device signs with its evidence key: to enrol, to get a new certificate, to hand over to another key.

Each has a domain of its own and every part its length, so that no signature can be read as another.
"""

import struct

DOMAIN = b"schoolwarden enrolment\x00"
RENEWAL_DOMAIN = b"schoolwarden renewal\x00"
SUCCESSION_DOMAIN = b"schoolwarden succession\x00"

FORKED, ROLLED_BACK, ENROLLED_AGAIN = "forked", "rolled_back", "enrolled_again"
"""Why a device hands over to another key."""


def proof_bytes(
    *, school_id: str, token_secret_sha256: bytes, certificate_request: bytes, algorithm: str, public_key: bytes
) -> bytes:
    """Return what the proof covers: school, token, certificate request and public key, each with its length.

    The token goes in as a hash, so that the proof can be kept and checked later without the secret. It is empty for a
    device that goes on for another, which needs no token.
    """
    return DOMAIN + _join(school_id.encode(), token_secret_sha256, certificate_request, algorithm.encode(), public_key)


def renewal_bytes(*, school_id: str, device_id: str, certificate_request: bytes) -> bytes:
    """Return what a device signs to get a certificate for the key in a certificate request.

    Whoever repeats it gets a certificate of no use: only the device holds the key that it is for.
    """
    return RENEWAL_DOMAIN + _join(school_id.encode(), device_id.encode(), certificate_request)


def succession_bytes(*, school_id: str, former_device_id: str, reason: str, algorithm: str, public_key: bytes) -> bytes:
    """Return what the former device's key signs: the new key goes on for it, and why.

    It proves that the new device held the former one's key, not which of two machines is the older.
    """
    return SUCCESSION_DOMAIN + _join(
        school_id.encode(), former_device_id.encode(), reason.encode(), algorithm.encode(), public_key
    )


def _join(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
