# SPDX-License-Identifier: Apache-2.0
"""The seam behind which a device's two private keys live: one signs evidence, one speaks TLS.

Built are `file` (every system) and `tpm` (TPM 2.0, Linux). Places that are kept for two more, which are not built:

- `cng.py`, Windows: both keys P-256 in the platform provider of CNG, which is the TPM there (NCryptCreatePersistedKey
  under MS_PLATFORM_CRYPTO_PROVIDER, NCryptSignHash). Where a machine has none, the files of `file` wrapped by DPAPI for
  the machine's own account (CryptProtectData with CRYPTPROTECT_LOCAL_MACHINE).
- `keychain.py`, macOS: both keys P-256 in the Secure Enclave (SecKeyCreateRandomKey with
  kSecAttrTokenIDSecureEnclave, SecKeyCreateSignature), found again by a tag in the System keychain.

Each is a `KeyStore` with a name in `stores`. None falls back to another: whoever asks for hardware gets it or an error.
"""

from pathlib import Path
from typing import Protocol

from proto.keys import Signer


class Keys(Protocol):
    """The two private keys of one device."""

    store: str
    """The name of the store that they live in."""
    signer: Signer
    """Signs evidence, and whatever else proves that this device asks."""
    tls_key_pem: bytes | None
    """The TLS key itself; None when it never leaves its hardware, and `sign_tls` is all there is."""

    @property
    def tls_public_key(self) -> bytes:
        """Return the public half of the TLS key, an uncompressed point of P-256.

        Raises:
            ValueError: what is kept is no such key.
            KeyStoreError: the store does not answer.
        """
        ...

    def sign_tls(self, message: bytes) -> bytes:
        """Return the TLS key's ECDSA signature over SHA-256 of a message, DER.

        Raises:
            KeyStoreError: the store does not answer.
        """
        ...

    def make_certificate_request(self) -> bytes:
        """Return a PKCS#10 request (DER) for the TLS key. It is made once and kept: the key stays the same.

        Raises:
            ValueError: what is kept is no key that can ask.
            KeyStoreError: the store does not answer.
        """
        ...


class KeyStore(Protocol):
    """A place for keys. What it keeps in a folder is of use on this machine only, or is protected as a file."""

    name: str

    def is_made(self, folder: Path) -> bool:
        """Return whether a folder holds both keys of this store."""
        ...

    def make(self, folder: Path) -> None:
        """Make both keys, unless they are there.

        Raises:
            KeyStoreError: the store does not answer.
        """
        ...

    def load(self, folder: Path) -> Keys:
        """Return the keys of a folder. A store of hardware is not asked before a key is used.

        Raises:
            OSError: they are not there, or may not be read.
            ValueError: what is there are no keys.
            SignatureError: likewise, for the key that signs evidence.
        """
        ...
