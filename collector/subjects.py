# SPDX-License-Identifier: Apache-2.0
"""The subject key: with it flags of one account are grouped, and without it nobody can tell which account that is.

It lies in a file beside the database and never in it: a stolen database or dump holds references that cannot be
guessed. Devices get it over their stream. What a reference is, is in `proto.sealed`.
"""

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress

from collector.config import Config
from collector.errors import StoreError
from proto.files import sync_folder, write_private
from proto.sealed import SUBJECT_KEY_BYTES, make_subject_ref


def load_subject_key(config: Config) -> bytes:
    """Return the key; the first time it is made.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    path = config.subject_key
    hint = f"restore {path} from a backup: flags before it was lost are grouped with it"
    try:
        if not path.exists():
            _make(config)
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise StoreError(f"the subject key cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise StoreError("the subject key is damaged", hint=hint) from error
    if len(key) != SUBJECT_KEY_BYTES:
        raise StoreError("the subject key is damaged", hint=hint)
    return key


def make_refs(key: bytes, accounts: Iterable[str]) -> frozenset[bytes]:
    """Return the references of accounts."""
    return frozenset(make_subject_ref(key, account) for account in accounts)


def _make(config: Config) -> None:
    # Console, command line and ingest may need it first in the same moment: whoever links it first has made it.
    path = config.subject_key
    ours = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_private(ours, secrets.token_hex(SUBJECT_KEY_BYTES).encode())
    with suppress(FileExistsError):
        os.link(ours, path)
    ours.unlink()
    sync_folder(path.parent)
