# SPDX-License-Identifier: Apache-2.0
"""Tests of the signed set of readers: only the pinned root, or one that it vouches for, decides who reads."""

import json
from dataclasses import asdict, replace
from typing import Any

import pyrage
import pytest

from proto.errors import RecipientsError
from proto.keys import Ed25519Signer
from proto.recipients import (
    DOMAIN,
    MAX_BODY_BYTES,
    SUCCESSION_DOMAIN,
    Recipient,
    RecipientSet,
    Recovery,
    fingerprint,
    open_recipients,
    sha256_of,
    sign_recipients,
)
from proto.wire import SignedRecipients

ROOT, NEW_ROOT, STRANGER = (Ed25519Signer.generate() for _ in range(3))
KEYS = [str(pyrage.x25519.Identity.generate().to_public()) for _ in range(4)]
CONTENT = RecipientSet(
    school_id="school",
    version=3,
    made_at_ns=1,
    recipients=(
        Recipient(id="dana", positions=("dsl",), age_key=KEYS[0], aliases=("Mrs Dale",), accounts=("directory:d",)),
        Recipient(id="hilda", positions=("headteacher",), age_key=KEYS[1], tested=True),
    ),
    recoveries=(Recovery(route="dsl", age_key=KEYS[2], holders=("headteacher", "chair of governors")),),
)


def open_pinned(signed: SignedRecipients, root: Ed25519Signer = ROOT, **options: Any) -> RecipientSet:
    """Open a set as a device of the school that pinned that root."""
    return open_recipients(signed, pinned_fingerprint=fingerprint(root.public_key), school_id="school", **options)


def sign_body(body: bytes, root: Ed25519Signer = ROOT) -> SignedRecipients:
    """Sign any body as the root would, sound or not."""
    signed_bytes = DOMAIN + len(body).to_bytes(4, "big") + body
    return SignedRecipients(body=body, root_public_key=root.public_key, signature=root.sign(signed_bytes))


def to_body(**changes: Any) -> bytes:
    """Return the body of the set with some fields replaced."""
    return json.dumps({"format": 1, **asdict(CONTENT)} | changes).encode()


def test_a_set_comes_back_as_it_was() -> None:
    """Signed by the pinned root, with every field."""
    assert open_pinned(sign_recipients(ROOT, CONTENT)) == CONTENT
    assert CONTENT.tested == (CONTENT.recipients[1],)


def test_another_root_is_refused() -> None:
    """Whoever runs the collector can sign with a key of his own, and cannot make devices take it."""
    with pytest.raises(RecipientsError, match="another safeguarding root than this device pinned"):
        open_pinned(sign_recipients(STRANGER, CONTENT))


def test_another_roots_signature_under_our_roots_name_is_refused() -> None:
    """The public key in the message is compared with the pin, and the signature with the public key."""
    signed = sign_recipients(STRANGER, CONTENT)
    signed.root_public_key = ROOT.public_key

    with pytest.raises(RecipientsError, match="not signed by the safeguarding root"):
        open_pinned(signed)


def test_a_device_without_a_pin_takes_no_set() -> None:
    """The first set that comes along decides nothing."""
    with pytest.raises(RecipientsError, match="enrolled before"):
        open_recipients(sign_recipients(ROOT, CONTENT), pinned_fingerprint=b"", school_id="school")


def test_a_changed_body_is_refused() -> None:
    """A key that somebody puts in, or a version, breaks the signature."""
    signed = sign_recipients(ROOT, CONTENT)
    for old, new in ((KEYS[0], KEYS[3]), ('"version":3', '"version":4'), ("dana", "eve")):
        changed = SignedRecipients.FromString(signed.SerializeToString())
        changed.body = signed.body.replace(old.encode(), new.encode())
        assert changed.body != signed.body
        with pytest.raises(RecipientsError, match="not signed by the safeguarding root"):
            open_pinned(changed)


def test_a_signature_for_something_else_is_no_signature_of_a_set() -> None:
    """What the root signs has its purpose in front."""
    body = to_body()
    for signature in (ROOT.sign(body), ROOT.sign(SUCCESSION_DOMAIN + body), ROOT.sign(DOMAIN + body)):
        with pytest.raises(RecipientsError, match="not signed"):
            open_pinned(SignedRecipients(body=body, root_public_key=ROOT.public_key, signature=signature))


# Versions


def test_an_older_set_is_refused() -> None:
    """Who left the school does not come back by an old set; the same one again does no harm."""
    signed = sign_recipients(ROOT, CONTENT)

    with pytest.raises(RecipientsError, match="version 3, and 4 is in force"):
        open_pinned(signed, minimum_version=4)
    assert open_pinned(signed, minimum_version=3, current_sha256=sha256_of(signed)) == CONTENT


def test_another_set_of_the_same_version_is_refused() -> None:
    """Two sets under one number would let devices of one school seal to different people."""
    other = sign_recipients(ROOT, replace(CONTENT, made_at_ns=2))

    with pytest.raises(RecipientsError, match="both of version 3"):
        open_pinned(other, minimum_version=3, current_sha256=sha256_of(sign_recipients(ROOT, CONTENT)))


def test_a_set_of_another_school_is_refused() -> None:
    """Also when the same root keeps both."""
    with pytest.raises(RecipientsError, match="for another school"):
        open_pinned(sign_recipients(ROOT, replace(CONTENT, school_id="other")))


# Succession


def test_a_new_root_that_the_pinned_one_vouches_for_is_taken() -> None:
    """And after it is pinned, sets need the old one no more."""
    signed = sign_recipients(NEW_ROOT, CONTENT, former_root=ROOT)

    assert open_pinned(signed) == CONTENT
    assert open_pinned(sign_recipients(NEW_ROOT, CONTENT), root=NEW_ROOT) == CONTENT


def test_a_forged_succession_is_refused() -> None:
    """Another root vouches, or vouches for another, or somebody puts our root's name on it."""
    by_stranger = sign_recipients(NEW_ROOT, CONTENT, former_root=STRANGER)
    under_our_name = sign_recipients(NEW_ROOT, CONTENT, former_root=STRANGER)
    under_our_name.former_root_public_key = ROOT.public_key
    for_another = sign_recipients(STRANGER, CONTENT)
    vouched = sign_recipients(NEW_ROOT, CONTENT, former_root=ROOT)
    for_another.former_root_public_key = vouched.former_root_public_key
    for_another.former_signature = vouched.former_signature
    for forged in (by_stranger, under_our_name, for_another):
        with pytest.raises(RecipientsError, match="another safeguarding root"):
            open_pinned(forged)


def test_a_succession_does_not_go_on_by_itself() -> None:
    """A device that still pins the first root does not follow the second to a third: it needs the step in between."""
    third = sign_recipients(STRANGER, CONTENT, former_root=NEW_ROOT)

    with pytest.raises(RecipientsError, match="another safeguarding root"):
        open_pinned(third)
    assert open_pinned(third, root=NEW_ROOT) == CONTENT


@pytest.mark.parametrize("point", ["00" * 32, "01" + "00" * 31, "ff" * 32, "00" * 31, ""])
def test_a_root_that_is_nobodys_key_is_refused(point: str) -> None:
    """With a point of small order signatures verify for any message; such a root cannot be pinned to any use."""
    signed = sign_body(to_body())
    signed.root_public_key = bytes.fromhex(point)

    with pytest.raises(RecipientsError):
        open_recipients(signed, pinned_fingerprint=fingerprint(signed.root_public_key), school_id="school")


# What a root signed and is not sound all the same: a broken tool, or a root in the wrong hands


def recipients_with(**changes: Any) -> list[dict[str, Any]]:
    """Return the people of the set, the first of them with some fields replaced."""
    first, second = (asdict(each) for each in CONTENT.recipients)
    return [first | changes, second]


def recovery_with(**changes: Any) -> list[dict[str, Any]]:
    """Return the recovery of the set with some fields replaced."""
    return [asdict(CONTENT.recoveries[0]) | changes]


UNSOUND = {
    "no JSON": b"{",
    "no text": b"\xff",
    "a list": b"[]",
    "deep JSON": b"[" * 100_000,
    "a deep field": to_body(recipients="DEEP").replace(b'"DEEP"', b"[" * 50_000 + b"]" * 50_000),
    "a huge body": to_body() + b" " * MAX_BODY_BYTES,
    "another format": to_body(format=2),
    "one field more": to_body(secret=1),
    "one field less": json.dumps({"format": 1, "school_id": "school"}).encode(),
    "nobody": to_body(recipients=[]),
    "people that are no list": to_body(recipients={}),
    "people that are none": to_body(recipients=["dana"]),
    "a person with a field more": to_body(recipients=recipients_with(photo="x")),
    "the same person twice": to_body(recipients=recipients_with(id="hilda")),
    "a person without a name": to_body(recipients=recipients_with(id="")),
    "a name that is a number": to_body(recipients=recipients_with(id=7)),
    "no position": to_body(recipients=recipients_with(positions=[])),
    "an unknown position": to_body(recipients=recipients_with(positions=["dsl", "governor"])),
    "a position that is text": to_body(recipients=recipients_with(positions="dsl")),
    "tested in words": to_body(recipients=recipients_with(tested="yes")),
    "tested as number": to_body(recipients=recipients_with(tested=1)),
    "an alias that is a number": to_body(recipients=recipients_with(aliases=[1])),
    "a key that is none": to_body(recipients=recipients_with(age_key="age1nothing")),
    "an empty key": to_body(recipients=recipients_with(age_key="")),
    "a key of another kind": to_body(recipients=recipients_with(age_key="ssh-ed25519 AAAA")),
    "two people with one key": to_body(recipients=recipients_with(age_key=KEYS[1])),
    "a recovery with a person's key": to_body(recoveries=recovery_with(age_key=KEYS[0])),
    "two recoveries of one route": to_body(recoveries=[*recovery_with(), *recovery_with(age_key=KEYS[3])]),
    "a recovery whose key is none": to_body(recoveries=recovery_with(age_key="x")),
    "no version": to_body(version=0),
    "a version in words": to_body(version="three"),
    "a version that is true": to_body(version=True),
    "a version that is broken": to_body(version=3.5),
    "no time": to_body(made_at_ns=0),
    "a school that is a list": to_body(school_id=["school"]),
}


@pytest.mark.parametrize("body", UNSOUND.values(), ids=list(UNSOUND))
def test_an_unsound_set_is_refused_without_a_crash(body: bytes) -> None:
    """Whoever signed it: a device that took it might seal to nobody, or to somebody twice."""
    with pytest.raises(RecipientsError):
        open_pinned(sign_body(body))


def test_what_devices_would_refuse_is_not_signed() -> None:
    """Whoever makes a set finds out before it travels."""
    double = replace(CONTENT.recipients[0], id="eve")

    with pytest.raises(RecipientsError, match="the same key"):
        sign_recipients(ROOT, replace(CONTENT, recipients=(*CONTENT.recipients, double)))
