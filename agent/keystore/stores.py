# SPDX-License-Identifier: Apache-2.0
"""Finds a key store by its name. A name is chosen when a machine is enrolled, and never changes by itself."""

from agent.errors import KeyStoreError
from agent.keystore.file import FileKeyStore
from agent.keystore.interface import KeyStore
from agent.keystore.names import NOT_BUILT, STORES


def open_store(name: str) -> KeyStore:
    """Return the store of a name.

    Raises:
        KeyStoreError: there is none of that name in this version.
    """
    if name == "file":
        return FileKeyStore()
    if name == "tpm":
        # Late: the library behind it is large, and most machines do not have it.
        from agent.keystore.tpm import TpmKeyStore

        return TpmKeyStore()
    what = NOT_BUILT.get(name, f"a key store {name[:40]!r}")
    raise KeyStoreError(f"{what}: not built in this version", hint=f"choose one of: {', '.join(STORES)}")
