# SPDX-License-Identifier: Apache-2.0
"""Tests of sealed flags: they come back for their readers, for nobody else, and hostile ones are refused."""

import json
from dataclasses import asdict, fields, replace

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.errors import MalformedError, SealError
from proto.sealed import (
    PAD_BYTES,
    FlagContent,
    decode_flag,
    encode_flag,
    make_subject_ref,
    open_sealed,
    seal,
    verify_age_key,
)

DANA, DEREK, STRANGER = (pyrage.x25519.Identity.generate() for _ in range(3))
SEALED = seal(b"secret", [str(DANA.to_public())])
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
CONTENTS = st.builds(
    FlagContent, **{each.name: st.integers(0, 2**63) if each.type is int else TEXT for each in fields(FlagContent)}
).map(lambda content: replace(content, format=1))
CONTENT = FlagContent(
    school_id="s",
    device_id="d",
    hostname="library-01",
    made_at_ns=1,
    tier="call",
    route="dsl",
    account="directory:pupil7",
    account_name="pupil7",
    account_kind="pupil",
    category="suicide",
    rule="r",
    severity=5,
    why="w",
    sentence="i want to die",
    start=0,
    end=13,
    application="gedit",
    window="Untitled",
    notice_version="1",
    recipients_version=1,
)


@settings(deadline=None)
@given(CONTENTS)
def test_a_flag_comes_back_as_it_was(content: FlagContent) -> None:
    """Any text in any field; the length is a step of the padding."""
    raw = encode_flag(content)

    assert decode_flag(raw) == content
    assert len(raw) % PAD_BYTES == 0


def test_each_recipient_opens_it_and_nobody_else() -> None:
    """One identity of several is enough."""
    sealed = seal(b"secret", [str(DANA.to_public()), str(DEREK.to_public())])

    assert open_sealed(sealed, str(DANA)) == open_sealed(sealed, str(DEREK)) == b"secret"
    with pytest.raises(SealError, match="cannot be opened"):
        open_sealed(sealed, str(STRANGER))
    assert b"secret" not in sealed


def test_sealing_twice_looks_different() -> None:
    """The same sentence typed again cannot be recognised from outside."""
    assert seal(b"secret", [str(DANA.to_public())]) != seal(b"secret", [str(DANA.to_public())])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_changed_flag_does_not_open(data: st.DataObject) -> None:
    """Neither cut off, nor with a byte changed, nor with something behind it."""
    at = data.draw(st.integers(0, len(SEALED) - 1))
    changed = bytearray(SEALED)
    changed[at] ^= data.draw(st.integers(1, 255))
    for broken in (SEALED[:at], bytes(changed), SEALED + b"x"):
        with pytest.raises(SealError):
            open_sealed(broken, str(DANA))


def test_nothing_is_sealed_to_nobody() -> None:
    """What nobody may read is not to look as if somebody could."""
    with pytest.raises(SealError, match="nobody is named"):
        seal(b"secret", [])


NOT_KEYS = {
    "nothing": "",
    "its beginning": "age1",
    "words": "not a key",
    "a private key": str(DANA),
    "cut": str(DANA.to_public())[:-1],
    "changed": str(DANA.to_public())[:-1] + "1",
    "another kind": "ssh-rsa AA",
    "half a character": str(DANA.to_public())[:-1] + "\ud800",
}


@pytest.mark.parametrize("key", NOT_KEYS.values(), ids=NOT_KEYS)
def test_what_is_no_age_key_is_refused(key: str) -> None:
    """A private identity is none either, and one wrong key among good ones seals to nobody."""
    with pytest.raises(SealError):
        verify_age_key(key)
    with pytest.raises(SealError):
        seal(b"secret", [str(DANA.to_public()), key])


def test_an_identity_that_is_none_is_refused() -> None:
    """Without a crash, and without telling what was given."""
    with pytest.raises(SealError) as caught:
        open_sealed(seal(b"secret", [str(DANA.to_public())]), "AGE-SECRET-KEY-1 nonsense\udc89")
    assert "nonsense" not in str(caught.value)


def changed_json(**changes: object) -> bytes:
    """Return the JSON of a flag with some fields replaced."""
    return json.dumps(asdict(CONTENT) | changes).encode()


BROKEN = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "another format": changed_json(format=2),
    "a format that is true": changed_json(format=True, severity=True),
    "a number as text": changed_json(severity="5"),
    "a truth as number": changed_json(start=True),
    "a list as text": changed_json(sentence=["a"]),
    "one field more": changed_json(photo=""),
    "one field less": json.dumps({name: value for name, value in asdict(CONTENT).items() if name != "why"}).encode(),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_flag_is_refused(raw: bytes) -> None:
    """Whoever has the readers' keys can seal anything to them; what is not of the format is never shown."""
    with pytest.raises(MalformedError):
        decode_flag(raw)


def test_a_reference_says_nothing_without_the_key() -> None:
    """The same account has another reference under another key, and another account another one under the same."""
    one = make_subject_ref(bytes(32), "directory:pupil7")

    assert len(one) == 16
    assert one == make_subject_ref(bytes(32), "directory:pupil7")
    assert one not in (
        make_subject_ref(bytes([1]) * 32, "directory:pupil7"),
        make_subject_ref(bytes(32), "directory:x"),
    )
    assert make_subject_ref(bytes(32), "\ud800")
