# SPDX-License-Identifier: Apache-2.0
"""Tests of what is remembered of findings and of updates over a restart."""

import json
from pathlib import Path

import pytest

from agent.checks.posture.told import FILE_NAME, ToldFindings
from agent.checks.posture.waiting import FILE_NAME as WAITING
from agent.checks.posture.waiting import WaitingUpdates

RULES = frozenset({"posture-firewall"})
FACTS = (("open", "ipv4"),)
FINDING = ("firewall", "fail")

BROKEN = [
    b"",
    b"\0\xff",
    b"[]",
    b'{"format": 1, "told": [["a"]], "waiting": [["a"]]}',
    b'{"format": 1, "told": [["a", "b", [["x"]], []]], "waiting": [["a", "b"]]}',
    b'{"format": 1, "told": [["a", "b", [[1, 2]], []]], "waiting": [["a", true]]}',
    b'{"format": 1, "told": [[["a"], "b", [], []]], "waiting": [[["a"], 1]]}',
    b'{"format": 1, "told": [["a", "b", 1, 2]], "waiting": [1]}',
]


def test_what_was_told_is_known_after_a_restart(tmp_path: Path):
    """With its facts and rules, until the item is as it should be."""
    ToldFindings(tmp_path).note(FINDING, FACTS, RULES)
    told = ToldFindings(tmp_path)

    assert not told.is_news(FINDING, FACTS, RULES)
    assert told.is_news(FINDING, (("open", "ipv6"),), RULES)
    assert told.is_news(FINDING, FACTS, RULES | {"another"})
    assert told.is_news(("firewall", "unknown"), FACTS, RULES)
    assert not told.is_news(("firewall", "unknown"), FACTS, frozenset())
    told.forget("firewall")
    assert ToldFindings(tmp_path).is_news(FINDING, FACTS, RULES)


def test_it_is_written_down_only_when_it_changes(tmp_path: Path):
    """A disk need not turn every ten minutes for nothing."""
    told, waiting = ToldFindings(tmp_path), WaitingUpdates(tmp_path)
    told.note(FINDING, FACTS, RULES)
    waiting.note({"openssl"}, 5)
    for name in (FILE_NAME, WAITING):
        (tmp_path / name).unlink()
    told.note(FINDING, FACTS, RULES)
    told.forget("disk_encryption")
    waiting.note({"openssl"}, 7)

    assert list(tmp_path.iterdir()) == []


def test_since_when_an_update_waits_is_known_after_a_restart(tmp_path: Path):
    """One that was installed and comes again begins anew."""
    assert WaitingUpdates(tmp_path).note({"openssl"}, 5) == {"": 5, "openssl": 5}
    waiting = WaitingUpdates(tmp_path)
    assert waiting.begun_ns == 5
    assert waiting.note({"openssl", "curl"}, 9)["openssl"] == 5
    assert "openssl" not in waiting.note({"curl"}, 10)
    assert waiting.note({"openssl", "curl"}, 11) == {"": 5, "openssl": 11, "curl": 9}


def test_a_clock_that_was_ahead_makes_no_update_younger(tmp_path: Path):
    """What was seen tomorrow was seen now at the latest."""
    waiting = WaitingUpdates(tmp_path)
    waiting.note({"openssl"}, 1000)

    assert waiting.note({"openssl"}, 10)["openssl"] == 10


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, content: bytes):
    """Things are told once more, and the time of updates begins anew."""
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / WAITING).write_bytes(content)

    assert ToldFindings(tmp_path).is_news(FINDING, FACTS, RULES)
    assert WaitingUpdates(tmp_path).begun_ns == 0
    told = ToldFindings(tmp_path)
    told.note(FINDING, FACTS, RULES)
    assert json.loads((tmp_path / FILE_NAME).read_bytes())["told"]
