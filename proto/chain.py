# SPDX-License-Identifier: Apache-2.0
"""How events hang together: the hash of an event and the commitment to its content. Pure functions.

hash_n = SHA-256(domain || header_n || hash_(n-1)) over the header's exact bytes, and
commitment = SHA-256(salt || body). So content can be erased, salt and all, and the chain still verifies;
without the salt a short text cannot be guessed from its commitment.
"""

import hashlib
import secrets

from proto.errors import ChainError

DOMAIN = b"schoolwarden event v1\x00"
GENESIS = bytes(32)
"""Previous hash of the first event of an epoch."""
SALT_BYTES = 32


def link(header: bytes, previous_hash: bytes) -> bytes:
    """Return the hash of the event whose header has these bytes."""
    return hashlib.sha256(DOMAIN + header + previous_hash).digest()


def make_salt() -> bytes:
    """Return a new salt for one payload."""
    return secrets.token_bytes(SALT_BYTES)


def commit(salt: bytes, body: bytes) -> bytes:
    """Return the commitment to a payload. The salt has a fixed length, so the two cannot be read otherwise."""
    return hashlib.sha256(salt + body).digest()


def verify_commitment(commitment: bytes, salt: bytes, body: bytes) -> None:
    """Check that content is what its header promised.

    Raises:
        ChainError: the salt has another length than ours, or the content is another one.
    """
    if len(salt) != SALT_BYTES:
        raise ChainError(f"a salt has {len(salt)} bytes, not {SALT_BYTES}")
    if commit(salt, body) != commitment:
        raise ChainError("the content is not what its header commits to")
