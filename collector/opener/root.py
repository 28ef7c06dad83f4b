# SPDX-License-Identifier: Apache-2.0
"""The safeguarding root: the Ed25519 key that says who may read flags. It is never in plain on a disk.

Its file holds the public key, and the private key sealed to those who may change the set: their own identities and the
recovery keys. So the file itself is no secret, and each of them has a copy. Who has once opened it could have kept the
key: when one of them leaves, `rotate` makes a new root, for which the former vouches.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from collector.opener.documents import dump_document, from_base64, list_texts, load_document, to_base64, write_document
from collector.opener.errors import FindingError, UsageError
from collector.opener.text import in_groups
from proto.errors import SealError
from proto.keys import Ed25519Signer
from proto.recipients import fingerprint, vouch_for_root
from proto.sealed import open_sealed, seal, verify_age_key

FORMAT = "schoolwarden root v1"
_FIELDS = {
    "school_name": str,
    "public_key": str,
    "sealed": str,
    "sealed_to": list,
    "former_public_key": str,
    "former_signature": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root as it is kept."""

    school_name: str
    public_key: bytes
    sealed: bytes
    sealed_to: tuple[str, ...]
    """Public keys of those who can open it."""
    former_public_key: bytes = b""
    former_signature: bytes = b""
    """By which devices that pinned the former root follow this one; empty for a school's first."""

    @property
    def fingerprint(self) -> str:
        """What tokens, devices and recovery sheets show of it: 64 hexadecimal digits."""
        return fingerprint(self.public_key).hex()

    @property
    def shown(self) -> str:
        """The fingerprint in groups, to read aloud."""
        return in_groups(self.fingerprint)

    def to_document(self) -> str:
        """Return it as the text of a file."""
        return dump_document(
            FORMAT,
            {
                "school_name": self.school_name,
                "public_key": to_base64(self.public_key),
                "sealed": to_base64(self.sealed),
                "sealed_to": list(self.sealed_to),
                "former_public_key": to_base64(self.former_public_key),
                "former_signature": to_base64(self.former_signature),
            },
        )


def make_root(school_name: str, age_keys: list[str], *, former: Ed25519Signer | None = None) -> Root:
    """Make a root that any of these keys opens; a former one vouches for it.

    Raises:
        SealError: a key is none.
    """
    signer = Ed25519Signer.generate()
    return Root(
        school_name=school_name,
        public_key=signer.public_key,
        sealed=seal(signer.to_pem(), age_keys),
        sealed_to=tuple(dict.fromkeys(age_keys)),
        former_public_key=former.public_key if former else b"",
        former_signature=vouch_for_root(former, signer.public_key) if former else b"",
    )


def open_root(root: Root, secret: str) -> Ed25519Signer:
    """Return the root's key, opened with an `AGE-SECRET-KEY-1...`.

    Raises:
        FindingError: this key does not open it, or another root is inside than the file says.
    """
    try:
        key = serialization.load_pem_private_key(open_sealed(root.sealed, secret), password=None)
    except SealError as error:
        raise FindingError(
            "the root is not sealed to this key", hint="`schoolwarden-open root show` says to whom it is"
        ) from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise FindingError("what is sealed in the root's file is no key") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey) or Ed25519Signer(key).public_key != root.public_key:
        raise FindingError("the root's file holds another key than it says")
    return Ed25519Signer(key)


def reseal_root(root: Root, signer: Ed25519Signer, age_keys: list[str]) -> Root:
    """Return the same root, opened by exactly these keys from now on. Copies of the old file still open as before.

    Raises:
        SealError: a key is none.
    """
    return replace(root, sealed=seal(signer.to_pem(), age_keys), sealed_to=tuple(dict.fromkeys(age_keys)))


def load_root(path: Path) -> Root:
    """Load a root.

    Raises:
        UsageError: there is none, or the file is of another kind.
        OSError: it cannot be read.
    """
    if not path.exists():
        raise UsageError(
            f"there is no safeguarding root at {path}",
            hint="the first reader makes it: schoolwarden-open root make; the others copy his file: --root FILE",
        )
    values = load_document(path, FORMAT, _FIELDS)
    keys = list_texts(values["sealed_to"], str(path))
    try:
        for key in keys:
            verify_age_key(key)
    except SealError as error:
        raise UsageError(f"{path} names a key that is no age key") from error
    raw = {name: from_base64(values[name], str(path)) for name in _FIELDS if name not in ("school_name", "sealed_to")}
    return Root(school_name=values["school_name"], sealed_to=keys, **raw)


def write_root(path: Path, root: Root, *, replace: bool = False) -> None:
    """Write a root.

    Raises:
        UsageError: there is one already, and it was not asked to replace it.
        OSError: it cannot be written.
    """
    write_document(path, root.to_document(), replace=replace)
