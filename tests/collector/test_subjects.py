# SPDX-License-Identifier: Apache-2.0
"""Tests of the key by which flags of one account are grouped."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from collector.config import Config
from collector.errors import StoreError
from collector.recipients import find_root_fingerprint
from collector.store.engine import reading
from collector.store.schema import metadata
from collector.subjects import load_subject_key, make_refs
from proto.sealed import make_subject_ref
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School


def test_key_is_made_once(config: Config) -> None:
    """Also when console, command line and ingest ask for it in the same moment; nobody else can read it."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_subject_key(config), range(32)))
    assert {len(key) for key in keys} == {32}
    assert keys == {load_subject_key(config)}
    assert [each.name for each in config.subject_key.parent.iterdir()] == ["subject.key"]
    assert config.subject_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"no key", b"ab" * 31, b"\xff" * 64])
def test_damaged_key_is_said(config: Config, content: bytes) -> None:
    """It is never made anew in place of a damaged one."""
    load_subject_key(config)
    config.subject_key.write_bytes(content)
    with pytest.raises(StoreError, match="the subject key is damaged"):
        load_subject_key(config)
    assert config.subject_key.read_bytes() == content


def test_folder_that_cannot_be_written_is_said(config: Config) -> None:
    """As an error that says what to do."""
    (config.folder / "safeguarding").write_bytes(b"a file where the folder should be")
    with pytest.raises(StoreError, match="the subject key cannot be read"):
        load_subject_key(config)


def test_references_are_those_of_the_devices(config: Config) -> None:
    """With the same key, and with no other."""
    key = load_subject_key(config)
    assert make_refs(key, ["directory:a", "directory:b"]) == {
        make_subject_ref(key, "directory:a"),
        make_subject_ref(key, "directory:b"),
    }
    assert make_refs(bytes(32), ["directory:a"]).isdisjoint(make_refs(key, ["directory:a"]))
    assert make_refs(key, []) == frozenset()


def test_database_does_not_hold_the_key(school: School) -> None:
    """Neither as bytes nor in hexadecimal, in no table, after a school has its readers."""
    safeguarding = build_safeguarding(school)
    key = load_subject_key(school.config)
    assert key == safeguarding.subject_key
    with reading(school.engine) as connection:
        held = repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])
    assert repr(find_root_fingerprint(school.engine, school.id).hex())[1:-1] in held
    for form in (repr(key)[2:-1], key.hex(), key.hex().upper(), base64.b64encode(key).decode()):
        assert form not in held
