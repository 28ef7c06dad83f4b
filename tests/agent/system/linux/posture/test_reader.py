# SPDX-License-Identifier: Apache-2.0
"""Tests of a Linux machine's security as a whole, and on this very machine."""

import os
import pwd
from datetime import date
from pathlib import Path

import pytest

from agent.system.linux.machine import LinuxSystem
from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.reader import LinuxPosture
from agent.system.posture import NotKnownError
from tests.agent.permission import without_permission
from tests.agent.system.linux.trees import Tree

QUESTIONS = ("disk_encryption", "antivirus", "firewall", "pending_updates", "supported_until", "local_accounts")


@pytest.mark.parametrize("question", QUESTIONS)
def test_this_machine_answers_or_says_why(question: str):
    """With its real files and its real kernel, and twice the same."""
    reader = LinuxSystem().posture()
    try:
        assert getattr(reader, question)() == getattr(reader, question)()
    except NotKnownError as reason:
        assert len(str(reason)) > 10


@pytest.mark.parametrize("question", ["firewall", "local_accounts"])
def test_who_is_not_root_is_told_why_he_is_told_nothing(question: str, tmp_path: Path):
    """What only root may read is not known, and that is no failure."""
    reader = LinuxPosture()
    with without_permission(tmp_path), pytest.raises(NotKnownError, match=r"permission denied|root only"):
        getattr(reader, question)()


def test_the_accounts_of_this_machine_are_those_that_the_system_knows():
    """Held against Python's own reading of the list."""
    names = {each.pw_name for each in pwd.getpwall()}
    try:
        accounts = LinuxPosture().local_accounts().accounts
    except NotKnownError as reason:
        assert os.geteuid() != 0, reason
    else:
        assert {each.name for each in accounts} <= names
        assert any(each.name == "root" and each.is_administrator for each in accounts)


@pytest.mark.parametrize("question", [each for each in QUESTIONS if each not in ("antivirus", "firewall")])
def test_an_empty_root_answers_nothing(question: str, tmp_path: Path):
    """No file is no answer."""
    with pytest.raises(NotKnownError):
        getattr(LinuxPosture(tmp_path, chains=lambda: ()), question)()


def test_a_release_is_found_below_another_root(tmp_path: Path):
    """Nothing of this machine is read then."""
    Tree(tmp_path).write("usr/lib/os-release", "ID=debian\nVERSION_ID=13\n")

    assert date.fromisoformat(LinuxPosture(tmp_path).supported_until()) == date(2030, 6, 30)


def test_pipes_and_devices_are_not_read(tmp_path: Path):
    """In place of a file they would never end."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    files = SystemFiles(tmp_path)

    for name in ("fifo", "zero", "a\0b"):
        with pytest.raises(NotKnownError, match="cannot be read"):
            files.find(name)
    assert files.find("not/there") is None
    assert files.list_names("fifo") == []
