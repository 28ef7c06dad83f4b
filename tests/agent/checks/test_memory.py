# SPDX-License-Identifier: Apache-2.0
"""Tests of the file in which a check remembers."""

import stat
from pathlib import Path

import pytest

from agent.checks import memory
from agent.checks.memory import Memory


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path):
    """In a file that only the agent can read, in a folder that is made if need be."""
    Memory(tmp_path / "checks", "seen.json").keep("names", ["vlc", ["nested", 1]])

    assert Memory(tmp_path / "checks", "seen.json").load("names") == ["vlc", ["nested", 1]]
    assert stat.S_IMODE((tmp_path / "checks" / "seen.json").stat().st_mode) == 0o600


def test_without_a_folder_nothing_is_kept(tmp_path: Path):
    """A check that runs once leaves nothing behind."""
    nowhere = Memory(None, "seen.json")
    nowhere.keep("names", ["vlc"])

    assert nowhere.load("names") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format": 2, "names": ["vlc"]}',
        b'{"format": 1, "names": "vlc"}',
        b'{"format": 1, "others": ["vlc"]}',
        b'{"format": 1, "names": ["vlc"]',
        b"[" * 100_000,
    ],
)
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, content: bytes):
    """And the next thing kept takes its place."""
    (tmp_path / "seen.json").write_bytes(content)
    broken = Memory(tmp_path, "seen.json")

    assert broken.load("names") == []
    broken.keep("names", ["vlc"])
    assert broken.load("names") == ["vlc"]


def test_a_file_that_is_too_large_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is not even read."""
    seen = Memory(tmp_path, "seen.json")
    seen.keep("names", ["vlc"])
    monkeypatch.setattr(memory, "MAX_FILE_BYTES", (tmp_path / "seen.json").stat().st_size - 1)

    assert seen.load("names") == []


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """It is said, and the check goes on."""
    (tmp_path / "checks").write_bytes(b"a file where the folder should be")
    Memory(tmp_path / "checks", "seen.json").keep("names", ["vlc"])

    assert "again after a restart" in caplog.text
