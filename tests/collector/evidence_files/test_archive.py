# SPDX-License-Identifier: Apache-2.0
"""Tests of the one form of evidence: the same content has the same bytes, and long lists are cut into parts."""

import json

import pytest

from collector.errors import UsageError
from collector.evidence import archive
from collector.evidence.archive import PART_BYTES, to_json, to_parts, to_zip
from collector.verifier import schoolwarden_verify


def test_same_content_has_the_same_bytes() -> None:
    """Whatever the order in which it was put together."""
    assert to_zip({"case.json": b"1", "keys.json": b"2"}) == to_zip({"keys.json": b"2", "case.json": b"1"})
    assert to_json({"b": 1, "a": "é"}) == b'{"a":"\\u00e9","b":1}'


def test_long_list_is_cut_into_parts_that_can_be_read_at_once() -> None:
    """No item is cut, none is lost, and a list without items is no file."""
    items = ["a" * (PART_BYTES // 3)] * 7
    parts = to_parts("envelopes", items)
    assert list(parts) == ["envelopes-0001.json", "envelopes-0002.json", "envelopes-0003.json", "envelopes-0004.json"]
    assert [item for raw in parts.values() for item in json.loads(raw)] == items
    assert to_parts("envelopes", []) == {}


def test_more_than_a_verifier_reads_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have the same limits; what is beyond is refused in words."""
    assert (archive.MAX_FILE_BYTES, archive.MAX_ENTRIES) == (
        schoolwarden_verify.MAX_FILE_BYTES,
        schoolwarden_verify.MAX_ENTRIES,
    )
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 100)
    with pytest.raises(UsageError, match="larger than one file may be"):
        to_zip({"case.json": bytes(101)})
