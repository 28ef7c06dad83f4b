# SPDX-License-Identifier: Apache-2.0
"""Who may read safeguarding flags: a set of people and keys, signed by the school's safeguarding root.

The collector carries the set and never holds the root key, so whoever runs the collector cannot add himself. A device
pins the root's fingerprint at enrolment. Who of the set reads which flag is `rules.route`'s business; how the root is
made and kept is the opener's.
"""

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from google.protobuf.message import DecodeError

from proto.errors import MalformedError, RecipientsError, SealError, SignatureError
from proto.keys import ED25519, Ed25519Signer, to_verifier
from proto.sealed import verify_age_key
from proto.wire import SignedRecipients

FORMAT = 1
DOMAIN = b"schoolwarden recipients\x00"
SUCCESSION_DOMAIN = b"schoolwarden root succession\x00"
FILE_HEADING = "schoolwarden recipients v1"
MAX_BODY_BYTES = 256 * 1024
POSITIONS = ("dsl", "deputy_dsl", "headteacher", "chair_of_governors")
"""What makes somebody a reader. What follows from each is `rules.route`'s business."""
FEWEST_TESTED = 2
"""So many people must have opened a test item before anybody is watched: a flag must not wait for one lost key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person who may read flags."""

    id: str
    """The name of the person's account at the console."""
    positions: tuple[str, ...]
    """Of `POSITIONS`."""
    age_key: str
    """age1..."""
    aliases: tuple[str, ...] = ()
    """How pupils write of this person: a sentence with one of these goes to somebody else."""
    accounts: tuple[str, ...] = ()
    """The person's own accounts on school machines, `directory:...`: what is typed there goes to somebody else."""
    tested: bool = False
    """Whether the person read a test item aloud to whoever signed: the key is his, and it works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A key for the day when readers of a route lost theirs. Its secret is split; two of three holders can join it."""

    route: str
    age_key: str
    holders: tuple[str, ...]
    """Names of functions, not of people: headteacher, chair of governors, trust safeguarding lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientSet:
    """Everybody who may read flags at a school."""

    school_id: str
    version: int
    """Counts from 1."""
    made_at_ns: int
    recipients: tuple[Recipient, ...]
    recoveries: tuple[Recovery, ...] = ()

    @property
    def tested(self) -> tuple[Recipient, ...]:
        """Those who have opened a test item."""
        return tuple(each for each in self.recipients if each.tested)


def fingerprint(root_public_key: bytes) -> bytes:
    """Return what a token and a recovery sheet show of a root: SHA-256 of the key, 32 bytes."""
    return hashlib.sha256(root_public_key).digest()


def sha256_of(signed: SignedRecipients) -> bytes:
    """Return what tells this set from another of the same version."""
    return hashlib.sha256(signed.body + b"\x00" + signed.root_public_key).digest()


def sign_recipients(
    root: Ed25519Signer, content: RecipientSet, *, former_root: Ed25519Signer | None = None
) -> SignedRecipients:
    """Sign a set with the safeguarding root; a former root vouches for a new one.

    Raises:
        RecipientsError: the set is not one that a device would take.
    """
    body = json.dumps(
        {"format": FORMAT, **asdict(content)}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode()
    _verify_content(_parse(body))
    signed = SignedRecipients(body=body, root_public_key=root.public_key, signature=root.sign(_signed_bytes(body)))
    if former_root is not None:
        signed.former_root_public_key = former_root.public_key
        signed.former_signature = vouch_for_root(former_root, root.public_key)
    return signed


def vouch_for_root(former_root: Ed25519Signer, new_root_public_key: bytes) -> bytes:
    """Return the signature by which a former root lets devices that pinned it follow a new one."""
    return former_root.sign(_succession_bytes(new_root_public_key))


def dump_signed(signed: SignedRecipients) -> str:
    """Return a signed set as the text of a file: a heading, and the set in base64 in one line."""
    return f"{FILE_HEADING}\n{base64.b64encode(signed.SerializeToString(deterministic=True)).decode()}\n"


def load_signed(text: str) -> SignedRecipients:
    """Read a signed set from the text of a file. Nothing of it is verified: `open_recipients` does that.

    Raises:
        RecipientsError: the text is no such file.
    """
    lines = text.split()
    heading = FILE_HEADING.split()
    if lines[:-1] != heading or len(lines[-1]) > 2 * MAX_BODY_BYTES:
        raise RecipientsError("not a file with a signed set", hint=f"its first line is: {FILE_HEADING}")
    try:
        return SignedRecipients.FromString(base64.b64decode(lines[-1], validate=True))
    except (binascii.Error, ValueError, DecodeError) as error:
        raise RecipientsError("the file with the signed set is damaged") from error


def open_recipients(
    signed: SignedRecipients,
    *,
    pinned_fingerprint: bytes,
    school_id: str,
    minimum_version: int = 0,
    current_sha256: bytes | None = None,
) -> RecipientSet:
    """Return the set if this device may seal to it.

    1. The root is the pinned one, or the pinned one vouches for it.
    2. The root signed the exact body. Nothing of it is read before this.
    3. It has the fields of the format we know, and every key in it is one.
    4. It is for this school, not older than `minimum_version` and not another one under that version.

    The caller stores it before using it, and pins the new root if there is one.

    Raises:
        RecipientsError: it is not.
    """
    # 1
    if not pinned_fingerprint:
        raise RecipientsError(
            "this device was enrolled before the school had a safeguarding root", hint="enrol it with a new token"
        )
    if fingerprint(signed.root_public_key) != pinned_fingerprint:
        _verify_succession(signed, pinned_fingerprint)
    # 2
    if len(signed.body) > MAX_BODY_BYTES:
        raise RecipientsError(f"the set has {len(signed.body)} bytes, more than {MAX_BODY_BYTES}")
    try:
        to_verifier(ED25519, signed.root_public_key).verify(signed.signature, _signed_bytes(signed.body))
    except SignatureError as error:
        raise RecipientsError("the set is not signed by the safeguarding root") from error
    # 3
    content = _parse(signed.body)
    _verify_content(content)
    # 4
    if content.school_id != school_id:
        raise RecipientsError("the set is for another school")
    if content.version < minimum_version:
        raise RecipientsError(f"the set has version {content.version}, and {minimum_version} is in force")
    if content.version == minimum_version and current_sha256 is not None and sha256_of(signed) != current_sha256:
        raise RecipientsError(f"the set is another one than that in force, both of version {content.version}")
    return content


def _verify_succession(signed: SignedRecipients, pinned_fingerprint: bytes) -> None:
    not_ours = RecipientsError("the set is signed by another safeguarding root than this device pinned at enrolment")
    if fingerprint(signed.former_root_public_key) != pinned_fingerprint:
        raise not_ours
    try:
        former = to_verifier(ED25519, signed.former_root_public_key)
        former.verify(signed.former_signature, _succession_bytes(signed.root_public_key))
    except SignatureError as error:
        raise not_ours from error


def _signed_bytes(body: bytes) -> bytes:
    return DOMAIN + struct.pack(">I", len(body)) + body


def _succession_bytes(new_root: bytes) -> bytes:
    return SUCCESSION_DOMAIN + new_root


def _verify_content(content: RecipientSet) -> None:
    if content.version < 1 or content.made_at_ns < 1:
        raise RecipientsError("the set has no version or no time")
    ids = [each.id for each in content.recipients]
    if not ids or len(set(ids)) != len(ids) or not all(ids):
        raise RecipientsError("the set names nobody, or somebody twice")
    if any(not each.positions for each in content.recipients):
        raise RecipientsError("somebody in the set has no position")
    if any(position not in POSITIONS for each in content.recipients for position in each.positions):
        raise RecipientsError("somebody in the set has a position that this version does not know")
    keys = [each.age_key for each in content.recipients] + [each.age_key for each in content.recoveries]
    if len(set(keys)) != len(keys):
        raise RecipientsError("two in the set have the same key")
    if len({each.route for each in content.recoveries}) != len(content.recoveries):
        raise RecipientsError("a route has two recovery keys")
    try:
        for key in keys:
            verify_age_key(key)
    except SealError as error:
        raise RecipientsError("the set holds a key that is no age key") from error


def _parse(body: bytes) -> RecipientSet:
    try:
        values: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RecipientsError("the set cannot be read") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise RecipientsError("the set is of another format than this version knows", hint="update the agent")
    try:
        recipients = tuple(_build(Recipient, each) for each in _items(values.pop("recipients")))
        recoveries = tuple(_build(Recovery, each) for each in _items(values.pop("recoveries")))
        content: RecipientSet = _build(RecipientSet, {**values, "recipients": recipients, "recoveries": recoveries})
    except (KeyError, TypeError, MalformedError) as error:
        raise RecipientsError("the set does not have the fields of its format") from error
    return content


def _items(values: Any) -> Iterable[Any]:
    if not isinstance(values, list):
        raise MalformedError("not a list")
    return values


def _build(cls: type[Any], values: Any) -> Any:
    types = {field.name: field.type for field in fields(cls)}
    if not isinstance(values, dict) or values.keys() != types.keys():
        raise MalformedError("other fields than those of the format")
    return cls(**{name: _to_value(value, types[name]) for name, value in values.items()})


def _to_value(value: Any, expected: Any) -> Any:
    """Return a value of the format as the dataclass holds it. Exactly: Python takes true for a whole number."""
    if expected == tuple[str, ...] and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    if type(value) is expected or isinstance(value, tuple):
        return value
    raise MalformedError("a value is of another type than the format's")
