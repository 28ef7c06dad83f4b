# SPDX-License-Identifier: Apache-2.0
"""Tests of the file that the queue lies in: moved and removed. What it survives is in `test_spool_survives`."""

from pathlib import Path

import pytest

from agent.queue_file import open_queue_file, remove_queue_file, replace_queue_file
from agent.spool import Spool
from tests.agent.spooled import KEY, Chain, peek_all


def fill(path: Path, events: int) -> None:
    """Make a queue."""
    spool = Spool(path, KEY)
    spool.append(1, Chain(spool).make_many(events))
    spool.close()


def test_a_queue_takes_anothers_place_without_its_journal(tmp_path: Path) -> None:
    """A journal that the power left beside the old one would be played back into the new one."""
    old, new = tmp_path / "spool" / "spool.db", tmp_path / "spool" / "spool.db.x.2"
    fill(old, 3)
    fill(new, 5)
    old.with_name("spool.db-journal").write_bytes(b"a transaction of the old one that was cut")
    replace_queue_file(new, old)
    spool = Spool(old, KEY)
    assert len(peek_all(spool)) == 5
    spool.close()
    assert not new.exists()


def test_a_queue_is_removed_with_its_journal(tmp_path: Path) -> None:
    """Also when only one of them is there, or none."""
    path = tmp_path / "spool" / "spool.db"
    fill(path, 1)
    path.with_name("spool.db-journal").write_bytes(b"x")
    for _ in range(2):
        remove_queue_file(path)
        assert list(path.parent.iterdir()) == []


def test_a_new_queue_has_its_folder_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the folder is brought to the disk with the first queue in it, or a power cut takes both."""
    synced: list[Path] = []
    monkeypatch.setattr("agent.queue_file.sync_folder", synced.append)
    for _ in range(2):
        open_queue_file(tmp_path / "spool" / "spool.db").close()
    assert synced == [tmp_path]
