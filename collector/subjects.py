# SPDX-License-Identifier: Apache-2.0
"""The keys of references: with the subject key flags of one account are grouped, with the account key its sessions on
several devices; without them nobody can tell which account that is, and the two cannot be compared.

They lie in files beside the database and never in it: a stolen database or dump holds references that cannot be
guessed. Devices get them over their stream. What a reference is, is in `proto.sealed`.
"""

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from collector.config import Config
from collector.errors import StoreError
from proto.files import sync_folder, write_private
from proto.sealed import SUBJECT_KEY_BYTES, make_subject_ref


def load_subject_key(config: Config) -> bytes:
    """Return the key of flags; the first time it is made.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    return _load(config.subject_key, "subject key", "flags before it was lost are grouped with it")


def load_account_key(config: Config) -> bytes:
    """Return the key of accounts in security events; the first time it is made.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    return _load(config.account_key, "account key", "sessions before it was lost are known by it")


def _load(path: Path, name: str, why: str) -> bytes:
    hint = f"restore {path} from a backup: {why}"
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise StoreError(f"the {name} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise StoreError(f"the {name} is damaged", hint=hint) from error
    if len(key) != SUBJECT_KEY_BYTES:
        raise StoreError(f"the {name} is damaged", hint=hint)
    return key


def make_refs(key: bytes, accounts: Iterable[str]) -> frozenset[bytes]:
    """Return the references of accounts."""
    return frozenset(make_subject_ref(key, account) for account in accounts)


def _make(path: Path) -> None:
    # Console, command line and ingest may need it first in the same moment: whoever links it first has made it.
    ours = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_private(ours, secrets.token_hex(SUBJECT_KEY_BYTES).encode())
    with suppress(FileExistsError):
        os.link(ours, path)
    ours.unlink()
    sync_folder(path.parent)
