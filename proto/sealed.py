# SPDX-License-Identifier: Apache-2.0
"""A safeguarding flag, sealed on the device so that only the people of its route can read it.

The format is age (X25519, several recipients): https://age-encryption.org/v1. The browser opens it with
`age-encryption`, the ordinary `age` program is a way out. Who the readers are is `recipients`' business.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from proto.errors import MalformedError, SealError

FORMAT = 1
PAD_BYTES = 1024
"""Sealed texts have a length in such steps: otherwise the length of a sentence would stand in the clear."""
SUBJECT_REF_BYTES = 16
SUBJECT_KEY_BYTES = 32
_SUBJECT_DOMAIN = b"schoolwarden subject\x00"
_ACCOUNT_DOMAIN = b"schoolwarden account\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagContent:
    """What the readers of a flag see. The page and the opener compare the first fields with the signed header."""

    format: int = FORMAT
    school_id: str
    device_id: str
    hostname: str
    made_at_ns: int
    """By the device's clock."""
    tier: str
    """call, alert, review or count"""
    route: str
    drill_nonce: str = ""
    """Hexadecimal; empty unless it is a drill."""
    account: str
    """As the kernel or the directory knows it: `directory:...` or `local:<device>:<uid>`."""
    account_name: str
    account_kind: str
    """pupil, staff or drill, by the groups of the account."""
    category: str
    rule: str
    severity: int
    why: str
    sentence: str
    start: int
    """Where in the sentence the words stand that matched, in characters."""
    end: int
    application: str
    window: str
    notice_version: str
    """The notice that was accepted in this session."""
    recipients_version: int


def encode_flag(content: FlagContent) -> bytes:
    """Return the text that is sealed: JSON, padded with blanks to a multiple of `PAD_BYTES`."""
    raw = json.dumps(asdict(content), ensure_ascii=True, separators=(",", ":")).encode()
    return raw + b" " * (-len(raw) % PAD_BYTES)


def decode_flag(raw: bytes) -> FlagContent:
    """Read what was sealed.

    Raises:
        MalformedError: it is no flag, or one of a format that this version does not know.
    """
    try:
        values: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the sealed text cannot be read") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise MalformedError("the sealed text is of another format than this version knows")
    if values.keys() != _TYPES.keys() or any(type(values[name]) is not each for name, each in _TYPES.items()):
        raise MalformedError("the sealed text does not have the fields of its format")
    return FlagContent(**values)


_TYPES: dict[str, type] = {field.name: int if field.type in (int, "int") else str for field in fields(FlagContent)}


def seal(plaintext: bytes, age_keys: Sequence[str]) -> bytes:
    """Return an age file that any one of these recipients (`age1...`) can open.

    Raises:
        SealError: there is no recipient, or one is no age key.
    """
    if not age_keys:
        raise SealError("nobody is named who may read it")
    import pyrage  # a megabyte that a device needs only when somebody reads its flags

    try:
        recipients = [pyrage.x25519.Recipient.from_str(key) for key in age_keys]
        return bytes(pyrage.encrypt(plaintext, recipients))
    except (pyrage.RecipientError, pyrage.EncryptError, UnicodeEncodeError) as error:
        raise SealError("a recipient's key is no age key") from error


def open_sealed(sealed: bytes, identity: str) -> bytes:
    """Return what was sealed, with an identity (`AGE-SECRET-KEY-1...`) of one of its recipients.

    Raises:
        SealError: it was not sealed to this identity, was changed, or the identity is none.
    """
    import pyrage

    try:
        return bytes(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(identity)]))
    except (pyrage.IdentityError, pyrage.DecryptError, UnicodeEncodeError) as error:
        raise SealError("it cannot be opened with this identity") from error


def verify_age_key(key: str) -> None:
    """Return if a text is an age X25519 recipient.

    Raises:
        SealError: it is not.
    """
    import pyrage

    try:
        pyrage.x25519.Recipient.from_str(key)
    except (pyrage.RecipientError, UnicodeEncodeError) as error:
        # JSON can spell half a character, which is no text.
        raise SealError("not an age key") from error


def make_subject_ref(subject_key: bytes, account: str) -> bytes:
    """Return by what the flags of one account are grouped, without naming it: HMAC-SHA-256, cut to 16 bytes."""
    return _make_ref(subject_key, _SUBJECT_DOMAIN, account)


def make_account_ref(account_key: bytes, account: str) -> bytes:
    """Return the reference of an account in security events, likewise. Another key and another domain: who reads these
    learns nothing about whose flags are whose."""
    return _make_ref(account_key, _ACCOUNT_DOMAIN, account)


def _make_ref(key: bytes, domain: bytes, account: str) -> bytes:
    digest = hmac.new(key, domain + account.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return digest[:SUBJECT_REF_BYTES]
