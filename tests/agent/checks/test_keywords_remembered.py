# SPDX-License-Identifier: Apache-2.0
"""Tests of what the keyword check remembers over a restart."""

from pathlib import Path

import pytest

from agent.checks import keywords_remembered
from agent.checks.keywords_remembered import ACCEPTED_FILE, DRILLS_FILE, AcceptedNotices, AnsweredDrills


def test_an_acceptance_holds_for_that_user_and_that_notice(tmp_path: Path) -> None:
    """Over a restart, and for nobody else and no other version."""
    assert AcceptedNotices(tmp_path).note(7, "1")
    again = AcceptedNotices(tmp_path)

    assert again.has(7, "1")
    assert not again.note(7, "1")
    assert not again.has(8, "1")
    assert not again.has(7, "2")


def test_an_order_is_taken_once(tmp_path: Path) -> None:
    """Over a restart, and without a folder as long as the agent runs."""
    assert AnsweredDrills(tmp_path).note(b"one")
    assert not AnsweredDrills(tmp_path).note(b"one")
    without = AnsweredDrills(None)
    assert [without.note(b"one"), without.note(b"one"), without.note(b"two")] == [True, False, True]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": 1, "accepted": [7, [7], [true, "1"]], "nonces": [7]}'])
def test_a_broken_file_remembers_nothing(tmp_path: Path, content: bytes) -> None:
    """The notice is shown once more; nothing crashes."""
    for name in (ACCEPTED_FILE, DRILLS_FILE):
        (tmp_path / name).write_bytes(content)

    assert not AcceptedNotices(tmp_path).has(7, "1")
    assert not AcceptedNotices(tmp_path).has(1, "1")
    assert AnsweredDrills(tmp_path).note(b"one")


def test_what_is_remembered_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first."""
    monkeypatch.setattr(keywords_remembered, "MAX_ACCEPTED", 3)
    monkeypatch.setattr(keywords_remembered, "MAX_DRILLS", 3)
    accepted, drills = AcceptedNotices(tmp_path), AnsweredDrills(tmp_path)
    for number in range(5):
        accepted.note(number, "1")
        drills.note(bytes([number]))

    assert [accepted.has(number, "1") for number in range(5)] == [False, False, True, True, True]
    assert drills.note(bytes([0]))
    assert not drills.note(bytes([4]))
