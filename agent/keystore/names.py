# SPDX-License-Identifier: Apache-2.0
"""What key stores are called, and how it is said where keys live. What is behind a name opens `stores`."""

STORES = {"file": "protected files", "tpm": "this machine's TPM, which they never leave"}
"""What is built, in words; the first is the default."""
DEFAULT_STORE = next(iter(STORES))
NOT_BUILT = {"cng": "keys in Windows' CNG or under DPAPI", "keychain": "keys in macOS' Keychain"}
