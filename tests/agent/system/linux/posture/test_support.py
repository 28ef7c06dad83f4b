# SPDX-License-Identifier: Apache-2.0
"""Tests of until when a release is supported."""

from datetime import date
from pathlib import Path

import pytest

from agent.system.linux.posture import support as posture_support
from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.support import read_supported_until
from agent.system.posture import NotKnownError
from tests.agent.system.linux.trees import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def read(tree: Tree, text: str) -> str:
    tree.write("etc/os-release", text)
    return read_supported_until(SystemFiles(tree.root))


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "2028-06-30"),
        ("ID='ubuntu'\nVERSION_ID='24.04'\n", "2029-05-31"),
        ('ID="rocky"\nVERSION_ID="9.4"\n', "2032-05-31"),
        ('ID=linuxmint\nVERSION_ID="22.1"\nUBUNTU_CODENAME=noble\n', "2029-04-30"),
        ("ID=fedora\nVERSION_ID=43\n", "2026-12-09"),
        ("ID=fedora\nVERSION_ID=43\nSUPPORT_END=2026-12-02\n", "2026-12-02"),
        ("ID=debian\nVERSION_ID=12\nSUPPORT_END=soon\n", "2028-06-30"),
    ],
)
def test_a_release_is_known_by_its_id_and_version(tree: Tree, text: str, until: str):
    """What the system says of itself counts more than the table."""
    assert read(tree, text) == until


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ID=debian\n", "table"),
        ('ID=debian\nVERSION_ID="99"\n', "table"),
        ('ID=linuxmint\nVERSION_ID="7"\n', "table"),
        ("ID=arch\n", "no releases"),
        ("\0\xff\n" * 100, "table"),
        ("ID=" + "x" * 100_000, "table"),
    ],
)
def test_an_unknown_release_is_not_known(tree: Tree, text: str, words: str):
    """Neither as supported nor as not."""
    with pytest.raises(NotKnownError, match=words):
        read(tree, text)


def test_a_system_that_says_nothing_is_not_known(tree: Tree):
    """There may be no such file, or a much too long one."""
    with pytest.raises(NotKnownError, match="there is no"):
        read_supported_until(SystemFiles(tree.root))
    with pytest.raises(NotKnownError, match="expected size"):
        read(tree, "x" * 2_000_000)


def test_every_date_of_the_table_is_one():
    """A slip of the pen would be found on somebody's machine."""
    for table in (posture_support._WHOLE, posture_support._MAJOR):
        for releases in table.values():
            assert all(date.fromisoformat(until).isoformat() == until for until in releases.values())
