# SPDX-License-Identifier: Apache-2.0
"""What a device signs with its evidence key to prove, when it enrols, that it holds it."""

import struct

DOMAIN = b"schoolwarden enrolment\x00"


def proof_bytes(
    *, school_id: str, token_secret_sha256: bytes, certificate_request: bytes, algorithm: str, public_key: bytes
) -> bytes:
    """Return what the proof covers: school, token, certificate request and public key, each with its length.

    The token goes in as a hash, so that the proof can be kept and checked later without the secret.
    """
    parts = (school_id.encode(), token_secret_sha256, certificate_request, algorithm.encode(), public_key)
    return DOMAIN + b"".join(struct.pack(">I", len(part)) + part for part in parts)
