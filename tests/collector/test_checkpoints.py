# SPDX-License-Identifier: Apache-2.0
"""Tests of checkpoints: when one is made, what it holds, and that it cannot be made without the key."""

import hashlib
import json

import pytest
from sqlalchemy import event, update

from collector.authority import Authority
from collector.checkpoints import (
    AUDIT,
    COLLECTOR,
    FIRST_PREVIOUS_HASH,
    TOMBSTONES,
    Checkpoint,
    hash_checkpoint,
    list_checkpoints,
    make_checkpoint,
    read_keys,
)
from collector.errors import StoreError
from collector.ingest import Ingest
from collector.store.engine import writing
from collector.store.schema import device_keys
from collector.verify import verify
from proto.errors import SignatureError
from proto.keys import Ed25519Signer, load_signer, to_verifier
from tests.collector.evidence import ORDINARY, Device, enrol_device, send
from tests.collector.school import School


def make(school: School):
    """Make a checkpoint with the collector's key."""
    return make_checkpoint(school.engine, school.id, load_signer(school.config.signing_key), school.now_ns)


def chains_in(made: Checkpoint) -> list[list[str | int]]:
    """Return the entries of devices."""
    return [each[:4] for each in json.loads(made.heads) if each[0] not in (AUDIT, TOMBSTONES, COLLECTOR)]


def test_checkpoint_holds_the_ends_of_all_chains(school: School, ingest: Ingest, device: Device) -> None:
    """Signed, and by device."""
    send(ingest, device.say(ORDINARY, ORDINARY))
    made = make(school)
    assert made is not None
    assert chains_in(made) == [[device.id, 1, 2, device.hash.hex()]]
    signer = load_signer(school.config.signing_key)
    verifier = to_verifier(signer.algorithm, signer.public_key)
    verifier.verify(made.signature, made.hash)
    with pytest.raises(SignatureError):
        to_verifier("ed25519", Ed25519Signer.generate().public_key).verify(made.signature, made.hash)


def test_checkpoint_names_the_keys(school: School, ingest: Ingest, device: Device) -> None:
    """The same history under another device's key, or another collector's, is another checkpoint; and it is found."""
    send(ingest, device.say(ORDINARY))
    made = make(school)
    assert made is not None
    own = load_signer(school.config.signing_key).public_key
    keys = dict(read_keys(made.heads))
    assert keys == {
        device.id: hashlib.sha256(device.identity.signer.public_key).hexdigest(),
        "collector": hashlib.sha256(own).hexdigest(),
    }
    with writing(school.engine) as connection:
        connection.execute(update(device_keys).values(public_key=Ed25519Signer.generate().public_key))
    assert f"checkpoint 1 saw another key of {device.id}" in verify(school.engine, school.config).problems


def test_checkpoints_are_linked(school: School, ingest: Ingest, device: Device) -> None:
    """Each names the one before it."""
    for _ in range(3):
        send(ingest, device.say(ORDINARY))
        make(school)
    first, second, third = list_checkpoints(school.engine, school.id)
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert [each.previous_hash for each in (first, second, third)] == [FIRST_PREVIOUS_HASH, first.hash, second.hash]


def test_nothing_new_makes_no_checkpoint(school: School, ingest: Ingest, device: Device) -> None:
    """A quiet school does not fill its database with the same line."""
    send(ingest, device.say(ORDINARY))
    assert make(school) is not None
    assert make(school) is None
    assert len(list_checkpoints(school.engine, school.id)) == 1


def test_every_field_is_part_of_the_hash() -> None:
    """Two checkpoints that differ in anything have other hashes."""
    base = ("a" * 16, 1, 7, "[]", bytes(32))
    changed = [("b" * 16, *base[1:]), (base[0], 2, *base[2:]), (*base[:2], 8, *base[3:]), (*base[:3], "[[]]", base[4])]
    hashes = {hash_checkpoint(*each) for each in [base, *changed, (*base[:4], b"\x01" * 32)]}
    assert len(hashes) == 6


def test_checkpoint_holds_only_chains_that_grew(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """The others stand in an older checkpoint, and all of them together verify."""
    other = enrol_device(school, authority, "library-02")
    send(ingest, device.say(ORDINARY))
    send(ingest, other.say(ORDINARY))
    make(school)
    send(ingest, other.say(ORDINARY))
    made = make(school)
    assert made is not None
    assert chains_in(made) == [[other.id, 1, 2, other.hash.hex()]]
    first, _ = list_checkpoints(school.engine, school.id)
    assert sorted(str(each[0]) for each in chains_in(first)) == sorted([device.id, other.id])
    report = verify(school.engine, school.config)
    assert (report.problems, report.checkpoints) == ([], 2)


def test_school_without_events_has_no_checkpoint(school: School) -> None:
    """There is nothing to write down."""
    assert make(school) is None
    assert list_checkpoints(school.engine, school.id) == []


def test_checkpoint_that_is_not_stored_notes_nothing(school: School, ingest: Ingest, device: Device) -> None:
    """If the database fails in the middle, the next checkpoint holds what this one should have held."""
    send(ingest, device.say(ORDINARY))

    def fail(_: object) -> None:
        raise school.engine.dialect.loaded_dbapi.OperationalError("database or disk is full")

    event.listen(school.engine, "commit", fail)
    with pytest.raises(StoreError):
        make(school)
    event.remove(school.engine, "commit", fail)
    made = make(school)
    assert made is not None
    assert chains_in(made) == [[device.id, 1, 1, device.hash.hex()]]
