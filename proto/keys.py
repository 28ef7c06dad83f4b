# SPDX-License-Identifier: Apache-2.0
"""Signing keys: Ed25519 in software, P-256 for keys that live in hardware. The algorithm is always named.

It makes, loads and uses keys; certificates are the business of `agent.identity` and `collector.authority`.
"""

from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from proto.errors import SignatureError

ED25519 = "ed25519"
P256 = "ecdsa-p256-sha256"


class Signer(Protocol):
    """A private key that signs; where it lives is its own business."""

    algorithm: str
    public_key: bytes

    def sign(self, message: bytes) -> bytes:
        """Return a signature over the message."""
        ...


class Verifier(Protocol):
    """A public key that verifies."""

    algorithm: str

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature is good.

        Raises:
            SignatureError: it is not.
        """
        ...


class Ed25519Signer:
    """An Ed25519 key in memory."""

    algorithm = ED25519

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Ed25519Signer":
        """Make a new key."""
        return cls(ed25519.Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._key.sign(message)

    def to_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS#8; whoever stores it protects it."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def load_signer(path: Path) -> Ed25519Signer:
    """Load a private Ed25519 key from a PEM file.

    Raises:
        SignatureError: the file holds no such key.
        OSError: the file cannot be read.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        # A TypeError is a key under a passphrase, which nobody is there to type.
        raise SignatureError(f"{path} holds no private key that we can use") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SignatureError(f"{path} holds another kind of key than Ed25519")
    return Ed25519Signer(key)


_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""Points, without their sign bit, that are nobody's key: with one of them signatures can be made for any message."""


class _Ed25519Verifier:
    algorithm = ED25519

    def __init__(self, public_key: bytes) -> None:
        if public_key[:-1] + bytes(each & 0x7F for each in public_key[-1:]) in _SMALL_ORDER:
            raise ValueError("a point of small order")
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)

    def verify(self, signature: bytes, message: bytes) -> None:
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError("the signature does not verify") from error


class _P256Verifier:
    algorithm = P256
    _hash = ec.ECDSA(hashes.SHA256())

    def __init__(self, public_key: bytes) -> None:
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)

    def verify(self, signature: bytes, message: bytes) -> None:
        try:
            self._key.verify(signature, message, self._hash)
        except InvalidSignature as error:
            raise SignatureError("the signature does not verify") from error


_VERIFIERS: dict[str, type[_Ed25519Verifier] | type[_P256Verifier]] = {ED25519: _Ed25519Verifier, P256: _P256Verifier}


def to_verifier(algorithm: str, public_key: bytes) -> Verifier:
    """Return the verifier of a public key.

    Raises:
        SignatureError: the algorithm is not one of ours, or the key is not one of that algorithm.
    """
    if algorithm not in _VERIFIERS:
        raise SignatureError(f"unknown signature algorithm {algorithm[:40]!r}")
    try:
        return _VERIFIERS[algorithm](public_key)
    except ValueError as error:
        raise SignatureError(f"not a public key for {algorithm}") from error
