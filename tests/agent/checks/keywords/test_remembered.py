# SPDX-License-Identifier: Apache-2.0
"""Tests of what the keyword check remembers over a restart."""

from pathlib import Path

import pytest

from agent.checks.keywords import remembered
from agent.checks.keywords.remembered import ACCEPTED_FILE, DRILLS_FILE, AcceptedNotices, AnsweredDrills


def test_an_acceptance_holds_for_that_sitting_and_that_notice(tmp_path: Path) -> None:
    """Over a restart, and for no other sitting and no other version."""
    AcceptedNotices(tmp_path).note("7 :0", "1")
    again = AcceptedNotices(tmp_path)

    assert again.has("7 :0", "1")
    assert not again.has("8 :0", "1")
    assert not again.has("7 :0", "2")


def test_an_order_is_taken_once(tmp_path: Path) -> None:
    """Over a restart, and without a folder as long as the agent runs."""
    AnsweredDrills(tmp_path).note(b"one")
    assert AnsweredDrills(tmp_path).has(b"one")
    without = AnsweredDrills(None)
    without.note(b"one")
    assert [without.has(b"one"), without.has(b"two")] == [True, False]


BROKEN = [b"{", b"[]", b'{"format": 1, "accepted": [7, [7], ["7 :0", 1], [7, "1"]], "nonces": [7]}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_remembers_nothing(tmp_path: Path, content: bytes) -> None:
    """The notice is shown once more; nothing crashes."""
    for name in (ACCEPTED_FILE, DRILLS_FILE):
        (tmp_path / name).write_bytes(content)

    assert not AcceptedNotices(tmp_path).has("7 :0", "1")
    assert not AnsweredDrills(tmp_path).has(b"one")


def test_what_is_remembered_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first."""
    monkeypatch.setattr(remembered, "MAX_ACCEPTED", 3)
    monkeypatch.setattr(remembered, "MAX_DRILLS", 3)
    accepted, drills = AcceptedNotices(tmp_path), AnsweredDrills(tmp_path)
    for number in range(5):
        accepted.note(f"{number} :0", "1")
        drills.note(bytes([number]))

    assert [accepted.has(f"{number} :0", "1") for number in range(5)] == [False, False, True, True, True]
    assert [drills.has(bytes([number])) for number in range(5)] == [False, False, True, True, True]
