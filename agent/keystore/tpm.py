# SPDX-License-Identifier: Apache-2.0
"""Keys that never leave this machine's TPM 2.0: two of P-256, made inside it.

What lies in the folder is each key wrapped by the TPM's storage root key, in the common file format of TPM keys: of use
with this one TPM only, so a copied disk is no copied device. It keeps a key from being taken away, not from being used:
whoever is root here can have the TPM sign while he is.

Each use opens the TPM, loads the key, signs and closes: that outlasts suspend and a restart of the TPM's resource
manager, and costs a fraction of a second an envelope. Nothing is stored in the TPM itself.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from agent.errors import KeyStoreError
from agent.keystore.interface import Keys
from agent.keystore.request import keep_request
from proto.files import write_private
from proto.keys import P256, Signer

DEVICE = "device:/dev/tpmrm0"
"""Through the kernel's resource manager, so that other programs may use the TPM too."""
EVIDENCE_FILE, TLS_FILE = "evidence.tpm", "tls.tpm"

_COORDINATE_BYTES = 32
_turn = threading.Lock()
"""A TPM does one thing at a time."""

# The library's own lines on stderr repeat what the error says.
os.environ.setdefault("TSS2_LOG", "all+none")


class TpmKeyStore:
    """Makes and loads keys in a TPM."""

    name = "tpm"

    def __init__(self, address: str = "") -> None:
        """Use the machine's TPM, or the one at an address as the TPM's software stack writes them."""
        self._address = address or DEVICE

    def is_made(self, folder: Path) -> bool:
        """Return whether both wrapped keys are there."""
        return (folder / EVIDENCE_FILE).exists() and (folder / TLS_FILE).exists()

    def make(self, folder: Path) -> None:
        """Have the TPM make both keys, unless they are there; half a pair is made anew.

        Raises:
            KeyStoreError: the TPM does not answer, or nothing is installed that could ask it.
        """
        if self.is_made(folder):
            return
        with _open(self._address) as tpm:
            from tpm2_pytss.tsskey import TSSPrivKey

            for name in (EVIDENCE_FILE, TLS_FILE):
                write_private(folder / name, TSSPrivKey.create_ecc(tpm).to_pem())

    def load(self, folder: Path) -> Keys:
        """Return the keys of a folder; the TPM is asked when one is used.

        Raises:
            OSError: they are not there, or may not be read.
        """
        return TpmKeys(folder, self._address)


class TpmKeys:
    """Both keys, as far as they are outside the TPM."""

    store = TpmKeyStore.name

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._tls = TpmKey((folder / TLS_FILE).read_bytes(), address)
        # Its public key is a property, worked out when it is asked for; nobody sets one.
        self.signer: Signer = TpmKey((folder / EVIDENCE_FILE).read_bytes(), address)  # type: ignore[assignment]
        self.tls_key_pem: bytes | None = None

    @property
    def tls_public_key(self) -> bytes:
        """Return the public half of the TLS key.

        Raises:
            KeyStoreError: the file holds no key of a TPM, or nothing is installed that could read it.
        """
        return self._tls.public_key

    def sign_tls(self, message: bytes) -> bytes:
        """Return the TLS key's signature.

        Raises:
            KeyStoreError: the TPM does not answer, or does not hold this key.
        """
        return self._tls.sign(message)

    def make_certificate_request(self) -> bytes:
        """Return the request for the TLS key, which is made once.

        Raises:
            KeyStoreError: the TPM does not answer, or does not hold this key.
        """
        return keep_request(self._folder, self.tls_public_key, self._tls.open)


class TpmKey:
    """One key; a signer as the evidence needs it."""

    algorithm = P256

    def __init__(self, wrapped_pem: bytes, address: str) -> None:
        self._wrapped_pem = wrapped_pem
        self._address = address

    @functools.cached_property
    def public_key(self) -> bytes:
        """The uncompressed point. The TPM is not needed for it."""
        with _translated():
            point = self._wrapped().public.publicArea.unique.ecc
            halves = [bytes(each).rjust(_COORDINATE_BYTES, b"\x00") for each in (point.x, point.y)]
        return b"\x04" + b"".join(halves)

    def sign(self, message: bytes) -> bytes:
        """Return an ECDSA signature over SHA-256 of a message, DER.

        Raises:
            KeyStoreError: the TPM does not answer, or does not hold this key.
        """
        with self.open() as key:
            return key.sign(message, ec.ECDSA(hashes.SHA256()))

    @contextmanager
    def open(self) -> Iterator[ec.EllipticCurvePrivateKey]:
        """Have the key in the TPM for a while, as one that signs by itself and cannot be read.

        Raises:
            KeyStoreError: the TPM does not answer, or does not hold this key.
        """
        with _open(self._address) as tpm:
            from tpm2_pytss.cryptography import tpm_ecc_private_key

            handle = self._wrapped().load(tpm)
            with handle:
                yield tpm_ecc_private_key(tpm, handle)

    def _wrapped(self) -> Any:
        from tpm2_pytss.tsskey import TSSPrivKey

        try:
            return TSSPrivKey.from_pem(self._wrapped_pem)
        except (TypeError, ValueError) as error:
            raise KeyStoreError(
                "a file of the machine's identity holds no key of a TPM",
                hint="enrol this machine again: schoolwarden-agent enrol --again --keys tpm",
            ) from error


@contextmanager
def _open(address: str) -> Iterator[Any]:
    """Have a TPM to ourselves for a while."""
    with _turn, _translated():
        from tpm2_pytss import ESAPI

        with ESAPI(address) as tpm:
            yield tpm


@contextmanager
def _translated() -> Iterator[None]:
    """Say in our own words what the library says."""
    try:
        from tpm2_pytss import TPM2_RC, TSS2_Exception
    except ImportError as error:
        raise KeyStoreError(
            "keys in the TPM need a library that is not installed here",
            hint="install schoolwarden with the extra `tpm` (to build it: Debian's libtss2-dev, pkg-config and gcc)",
        ) from error
    try:
        yield
    except TSS2_Exception as error:
        if error.error == TPM2_RC.INTEGRITY:
            raise KeyStoreError(
                "this machine's TPM does not know the keys: the disk came from another machine, or the TPM was cleared",
                hint="enrol this machine again: schoolwarden-agent enrol --again --keys tpm",
            ) from error
        raise KeyStoreError(
            f"the TPM does not answer: {error}",
            hint="see that it is switched on in the firmware, and that the agent's user may open /dev/tpmrm0",
        ) from error
