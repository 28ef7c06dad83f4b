# SPDX-License-Identifier: Apache-2.0
"""Keys in files that only their owner reads: Ed25519 for evidence, P-256 for TLS.

Whoever is root on the machine, or holds its disk, can copy them. A copy in use shows as a forked sequence of events;
where a TPM is at hand, `tpm` keeps them from being copied at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.keystore.interface import Keys
from agent.keystore.request import keep_request
from proto.files import write_private
from proto.keys import Ed25519Signer, Signer, load_signer

EVIDENCE_FILE, TLS_FILE = "evidence.key", "tls.key"


class FileKeyStore:
    """Makes and loads keys in files."""

    name = "file"

    def is_made(self, folder: Path) -> bool:
        """Return whether both files are there."""
        return (folder / EVIDENCE_FILE).exists() and (folder / TLS_FILE).exists()

    def make(self, folder: Path) -> None:
        """Make both keys, unless they are there; half a pair is made anew."""
        if not self.is_made(folder):
            write_private(folder / EVIDENCE_FILE, Ed25519Signer.generate().to_pem())
            write_private(folder / TLS_FILE, _make_tls_key())

    def load(self, folder: Path) -> Keys:
        """Return the keys of a folder.

        Raises:
            OSError: they are not there, or may not be read.
            SignatureError: the key for evidence is none.
        """
        return FileKeys(folder)


class FileKeys:
    """Both keys, in memory."""

    store = FileKeyStore.name

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.signer: Signer = load_signer(folder / EVIDENCE_FILE)
        self.tls_key_pem: bytes | None = (folder / TLS_FILE).read_bytes()

    @property
    def tls_public_key(self) -> bytes:
        """Return the public half of the TLS key.

        Raises:
            ValueError: the file holds no P-256 key.
        """
        with self._open_tls_key() as key:
            return key.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )

    def sign_tls(self, message: bytes) -> bytes:
        """Return the TLS key's signature."""
        with self._open_tls_key() as key:
            return key.sign(message, ec.ECDSA(hashes.SHA256()))

    def make_certificate_request(self) -> bytes:
        """Return the request for the TLS key, which is made once.

        Raises:
            ValueError: the file holds no P-256 key.
        """
        return keep_request(self._folder, self.tls_public_key, self._open_tls_key)

    @contextmanager
    def _open_tls_key(self) -> Iterator[ec.EllipticCurvePrivateKey]:
        assert self.tls_key_pem is not None
        try:
            key = serialization.load_pem_private_key(self.tls_key_pem, password=None)
        except TypeError as error:
            raise ValueError("the TLS key is under a passphrase, which nobody is there to type") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the TLS key is not a P-256 key")
        yield key


def _make_tls_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
