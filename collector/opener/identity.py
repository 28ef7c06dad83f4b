# SPDX-License-Identifier: Apache-2.0
"""A reader's identity: an age X25519 key under a passphrase. Only the wrapped form is ever on a disk.

The collector keeps a copy of the wrapped form for the browser, so both must be able to open each other's. The form is
an ordinary age file: `age -d` opens it as well.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pyrage

from collector.opener.documents import (
    dump_document,
    from_base64,
    load_document,
    parse_document,
    to_base64,
    write_document,
)
from collector.opener.errors import OpenerError, UsageError
from collector.opener.words import tidy_passphrase
from proto.errors import SealError
from proto.sealed import verify_age_key

FORMAT = "schoolwarden identity v1"
MOST_WORK = 20
"""2^20 rounds of scrypt take 1 GiB of memory. The browser's library opens nothing beyond, and neither do we: a wrapped
form that comes from elsewhere could ask for any amount."""
_SCRYPT = re.compile(rb"age-encryption\.org/v1\n-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n")
_FIELDS = {"age_key": str, "wrapped": str}


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity as it is kept: its public key, and the secret under the passphrase."""

    age_key: str
    wrapped: bytes

    def to_document(self) -> str:
        """Return it as the text of a file; the same file is kept, exported and uploaded."""
        return dump_document(FORMAT, {"age_key": self.age_key, "wrapped": to_base64(self.wrapped)})


def make_secret() -> str:
    """Make an `AGE-SECRET-KEY-1...`."""
    return str(pyrage.x25519.Identity.generate())


def find_age_key(secret: str) -> str:
    """Return the public key of a secret.

    Raises:
        UsageError: it is no secret of an age identity.
    """
    try:
        return str(pyrage.x25519.Identity.from_str(secret).to_public())
    except pyrage.IdentityError as error:
        raise UsageError("this does not hold an age identity") from error


def wrap(secret: str, passphrase: str) -> Identity:
    """Put a secret under a passphrase; this takes a second or so on purpose.

    Raises:
        UsageError: it is no secret of an age identity.
        OpenerError: the library chose more work for this computer than a browser does.
    """
    identity = Identity(find_age_key(secret), bytes(pyrage.passphrase.encrypt(secret.encode(), passphrase)))
    if _find_work(identity.wrapped) > MOST_WORK:
        raise OpenerError(
            "this computer is so fast that a browser could not open the identity made here",
            hint="make it in the console's page, or on another computer",
        )
    return identity


def unwrap(identity: Identity, passphrase: str) -> str:
    """Return the secret of an identity.

    Raises:
        UsageError: the passphrase is another one, or the file was changed.
    """
    if not 1 <= _find_work(identity.wrapped) <= MOST_WORK:
        raise UsageError("the identity is not one that was made here or in the console")
    try:
        secret = pyrage.passphrase.decrypt(identity.wrapped, tidy_passphrase(passphrase)).decode().strip()
    except (pyrage.DecryptError, UnicodeDecodeError) as error:
        raise UsageError(
            "the passphrase does not open the identity", hint="six words, in their order; or the file was changed"
        ) from error
    if find_age_key(secret) != identity.age_key:
        raise UsageError("the identity holds another key than it says")
    return str(secret)


def load_identity(path: Path) -> Identity:
    """Load an identity.

    Raises:
        UsageError: there is none, or the file is of another kind.
        OSError: the file cannot be read.
    """
    if not path.exists():
        raise UsageError(f"there is no identity at {path}", hint="make one: schoolwarden-open identity make")
    return _build(load_document(path, FORMAT, _FIELDS), str(path))


def parse_identity(text: str, name: str) -> Identity:
    """Read an identity from the text of a file.

    Raises:
        UsageError: the text is of another kind.
    """
    return _build(parse_document(text, FORMAT, _FIELDS, name), name)


def write_identity(path: Path, identity: Identity, *, replace: bool = False) -> None:
    """Write an identity for its owner only.

    Raises:
        UsageError: there is one already, and it was not asked to replace it.
        OSError: it cannot be written.
    """
    write_document(path, identity.to_document(), replace=replace)


def _build(values: dict[str, str], name: str) -> Identity:
    try:
        verify_age_key(values["age_key"])
    except SealError as error:
        raise UsageError(f"{name} holds no age key") from error
    return Identity(values["age_key"], from_base64(values["wrapped"], name))


def _find_work(wrapped: bytes) -> int:
    """Return the power of two of scrypt's rounds, 0 if it is no age file under a passphrase."""
    found = _SCRYPT.match(wrapped)
    return int(found[1]) if found else 0
