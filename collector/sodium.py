# SPDX-License-Identifier: Apache-2.0
"""Ed25519 verification by libsodium, for the one place where thousands are verified: about half of OpenSSL's time.

It is the stricter of the two: what it takes, `proto.keys` takes as well, which `verify` uses for that reason.
"""

from nacl.bindings import crypto_sign_open, crypto_sign_PUBLICKEYBYTES
from nacl.exceptions import BadSignatureError, CryptoError

from proto.errors import SignatureError
from proto.keys import ED25519, Verifier, to_verifier

SIGNATURE_BYTES = 64


class SodiumVerifier:
    """A public Ed25519 key."""

    algorithm = ED25519

    def __init__(self, public_key: bytes) -> None:
        if len(public_key) != crypto_sign_PUBLICKEYBYTES:
            raise SignatureError(f"not a public key for {ED25519}")
        self._key = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature is good.

        Raises:
            SignatureError: it is not.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureError("the signature does not verify")
        try:
            crypto_sign_open(signature + message, self._key)
        except (BadSignatureError, CryptoError) as error:
            raise SignatureError("the signature does not verify") from error


def to_fast_verifier(algorithm: str, public_key: bytes) -> Verifier:
    """Return the fastest verifier for a public key.

    Raises:
        SignatureError: the algorithm is not one of ours, or the key is not one of that algorithm.
    """
    if algorithm == ED25519:
        return SodiumVerifier(public_key)
    return to_verifier(algorithm, public_key)
