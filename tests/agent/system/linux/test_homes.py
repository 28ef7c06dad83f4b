# SPDX-License-Identifier: Apache-2.0
"""Tests of finding people's folders."""

from pathlib import Path

import pytest

from agent.system.linux import homes
from agent.system.linux.gaps import Gaps
from agent.system.linux.homes import find_homes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_bytes(b"root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
    for home in ("alice", "carol"):
        (tmp_path / "home" / home).mkdir(parents=True)
    return tmp_path.resolve()


def test_homes_are_those_of_accounts_and_all_in_one_folder(root: Path):
    """Each once, whether it is there or not; a file beside them is none."""
    (root / "home/notes").touch()
    gaps = Gaps()

    assert find_homes(root, gaps) == [root / "root", root / "home/alice", root / "home/carol"]
    assert gaps.to_words() == ()


def test_homes_may_be_elsewhere(root: Path):
    """Some systems keep them in /var and put a link in their place."""
    (root / "var").mkdir()
    (root / "home").rename(root / "var/home")
    (root / "home").symlink_to(root / "var/home")

    assert find_homes(root, Gaps()) == [root / "root", root / "var/home/alice", root / "var/home/carol"]


def test_what_could_not_be_listed_is_said(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a name."""
    (root / "etc/passwd").unlink()
    monkeypatch.setattr(homes, "MAX_HOMES", 1)
    gaps = Gaps()

    assert find_homes(root, gaps) == [root / "home/alice"]
    assert gaps.to_words() == (
        "the list of accounts: no such file or directory",
        "home folders: there are more than 1",
    )


def test_a_folder_of_very_many_homes_is_cut(root: Path, monkeypatch: pytest.MonkeyPatch):
    """And that is said."""
    monkeypatch.setattr(homes, "MAX_ENTRIES", 1)
    gaps = Gaps()

    assert len(find_homes(root, gaps)) in (2, 3)
    assert gaps.to_words() == ("home folders: more than 1 entries in a folder",)
