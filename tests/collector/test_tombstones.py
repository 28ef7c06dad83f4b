# SPDX-License-Identifier: Apache-2.0
"""Tests of tombstones: every field is signed, each names the one before it, and they are read back as written."""

import hashlib
import json
from dataclasses import fields, replace
from typing import Any

import pytest

from collector.store.engine import reading, writing
from collector.tombstones import (
    FIRST_PREVIOUS_HASH,
    Grave,
    Reason,
    Tombstone,
    add_tombstones,
    hash_tombstone,
    list_tombstones,
)
from proto.errors import SignatureError
from proto.keys import Ed25519Signer, load_signer, to_verifier
from tests.collector.school import School


def bury(school: School, *event_ids: int, note: str = "SAR 12") -> list[Tombstone]:
    """Add tombstones of made-up events and return all there are."""
    graves = [Grave(each, "d" * 16, 1, each, hashlib.sha256(bytes([each])).digest()) for each in event_ids]
    signer = load_signer(school.config.signing_key)
    with writing(school.engine) as connection:
        add_tombstones(
            connection,
            school.id,
            signer,
            graves,
            reason=Reason.REQUEST,
            actor="anna",
            note=note,
            now_ns=school.now_ns,
        )
    with reading(school.engine) as connection:
        return list_tombstones(connection, school.id)


def test_each_is_signed_and_names_the_one_before_it(school: School) -> None:
    """Over two transactions, with our key and no other."""
    bury(school, 4, 5)
    made = bury(school, 9)
    assert [each.number for each in made] == [1, 2, 3]
    assert [each.previous_hash for each in made] == [FIRST_PREVIOUS_HASH, made[0].hash, made[1].hash]
    signer = load_signer(school.config.signing_key)
    for each in made:
        assert hash_tombstone(school.id, each) == each.hash
        to_verifier(signer.algorithm, signer.public_key).verify(each.signature, each.hash)
        with pytest.raises(SignatureError):
            to_verifier("ed25519", Ed25519Signer.generate().public_key).verify(each.signature, each.hash)


def test_every_field_is_part_of_the_hash(school: School) -> None:
    """One that differs in anything has another hash, and so has another school's."""
    (made,) = bury(school, 4)
    signed = [each.name for each in fields(Tombstone) if each.name not in ("hash", "signature")]
    others: dict[str, Any] = dict.fromkeys(signed, 77)
    others |= {name: "x" for name in signed if isinstance(getattr(made, name), str)}
    others |= {"event_hash": bytes(32), "previous_hash": b"\x01" * 32}
    changed = [replace(made, **{name: value}) for name, value in others.items()]
    hashes = {hash_tombstone(school.id, each) for each in [made, *changed]} | {hash_tombstone("0" * 16, made)}
    assert len(hashes) == len(signed) + 2


def test_bytes_that_are_hashed_are_these(school: School) -> None:
    """Others verify tombstones with code of their own, so the bytes are a contract."""
    (made,) = bury(school, 4, note="Zoë")
    listed = json.dumps(
        [school.id, 1, school.now_ns, 4, "d" * 16, 1, 4, made.event_hash.hex(), "request", "anna", "Zoë", "00" * 32],
        separators=(",", ":"),
    )
    assert made.hash == hashlib.sha256(b"schoolwarden tombstone v1\x00" + listed.encode("ascii")).digest()
