# SPDX-License-Identifier: Apache-2.0
"""Wraps a test's secret under a passphrase with hardly any work; the real thing takes a second each time, on purpose.

The form is the one of https://age-encryption.org/v1, so everything of ours opens it. What our own wrapping yields, the
opener's and the browser's, is tested where it is made.
"""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

WORK = 6
"""2^6 rounds of scrypt; the opener and a browser take 2^16 and more."""
_NONE, _LAST = bytes(12), bytes(11) + b"\x01"
"""Nonces: of a key that is used once, and of the only piece of a short text."""


def wrap_lightly(secret: str, passphrase: str) -> bytes:
    """Return an age file that the passphrase opens."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    under = hashlib.scrypt(
        passphrase.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=2**WORK, r=8, p=1, dklen=32
    )
    wrapped_key = ChaCha20Poly1305(under).encrypt(_NONE, file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_base64(salt), WORK, _base64(wrapped_key))
    proof = hmac.digest(_derive(file_key, b"", b"header"), head, "sha256")
    body = ChaCha20Poly1305(_derive(file_key, nonce, b"payload")).encrypt(_LAST, secret.encode(), None)
    return b"%s %s\n%s%s" % (head, _base64(proof), nonce, body)


def _derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, purpose).derive(key)


def _base64(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")
