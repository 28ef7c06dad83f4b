# SPDX-License-Identifier: Apache-2.0
"""Tests of whose user id it is, by this machine's own list and groups."""

import grp
import os
import pwd
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.system.linux.accounts import AGAIN_S, KEPT_S, Account, AccountReader, ask_system
from tests.agent.safeguarding import make_session
from tests.fakes import FakeClock
from tests.path import wait_for

UNKNOWN = 3_999_999_999
PUPIL = Account("pupil7", 7, (7, 2000), ("pupils",), "/home/pupil7", is_local=False)
NOBODY_KNOWS = Account("#7", 7, (7,), (), "/", is_local=False, are_groups_known=False)


class Directory:
    """A school's directory, which may be down or slow."""

    def __init__(self) -> None:
        self.account = PUPIL
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, uid: int, passwd: Path) -> Account:
        self.asked += 1
        self.may_answer.wait(60)
        return self.account


def test_an_account_of_this_machine_is_local() -> None:
    """With its name, home and groups, as the system tells them."""
    entry = pwd.getpwuid(os.getuid())
    account = AccountReader().read(os.getuid())

    assert (account.name, account.gid, account.home, account.is_local) == (
        entry.pw_name,
        entry.pw_gid,
        entry.pw_dir,
        True,
    )
    assert grp.getgrgid(entry.pw_gid).gr_name in account.group_names
    assert set(account.groups) == set(os.getgrouplist(entry.pw_name, entry.pw_gid))


def test_an_account_that_is_not_in_the_machines_list_is_the_directorys(tmp_path: Path) -> None:
    """Whatever else knows it."""
    passwd = tmp_path / "passwd"
    passwd.write_bytes(b"root:x:0:0:root:/root:/bin/bash\n\xff\n::\n")

    assert AccountReader(passwd=passwd).read(0).is_local
    assert not AccountReader(passwd=passwd).read(1).is_local
    assert not AccountReader(passwd=tmp_path / "missing").read(0).is_local


def test_a_number_that_nobody_knows_has_no_name_of_anybody() -> None:
    """In which groups it is cannot be told, which is not the same as in none."""
    account = AccountReader().read(UNKNOWN)

    assert (account.name, account.group_names, account.is_local) == (f"#{UNKNOWN}", (), False)
    assert not account.are_groups_known
    assert AccountReader().read(os.getuid()).are_groups_known


def test_a_group_without_a_name_is_a_group_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the one that is watched, or of staff."""
    entry = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [entry.pw_gid, UNKNOWN])
    account = ask_system(os.getuid())

    assert grp.getgrgid(entry.pw_gid).gr_name in account.group_names
    assert not account.are_groups_known


def test_an_answer_is_kept_for_a_while(tmp_path: Path) -> None:
    """A directory is not asked every second, and a change is seen all the same."""
    clock, directory = FakeClock(), Directory()
    reader = AccountReader(clock, ask=directory)
    assert reader.read(7).group_names == ("pupils",)
    directory.account = replace(PUPIL, group_names=("leavers",))
    assert reader.read(7).group_names == ("pupils",)
    clock.advance(KEPT_S)
    assert reader.read(7).group_names == ("leavers",)
    assert directory.asked == 2


def test_what_was_known_is_kept_while_the_directory_is_down() -> None:
    """It does not say less all of a sudden; it is asked again soon, and what it says then counts."""
    clock, directory = FakeClock(), Directory()
    reader = AccountReader(clock, ask=directory)
    directory.account = NOBODY_KNOWS
    assert not reader.read(7).are_groups_known
    directory.account = PUPIL
    clock.advance(AGAIN_S)
    assert reader.read(7) == PUPIL
    directory.account = NOBODY_KNOWS
    clock.advance(KEPT_S)
    assert reader.read(7) == PUPIL
    directory.account = replace(PUPIL, group_names=())
    clock.advance(AGAIN_S)
    assert reader.read(7).group_names == ()


def test_a_directory_that_does_not_answer_keeps_nobody_waiting() -> None:
    """Nothing is known until it does; then it is, at a later look. No second question is asked before."""
    directory = Directory()
    directory.may_answer.clear()
    reader = AccountReader(FakeClock(), ask=directory)
    try:
        assert [reader.read(7).are_groups_known, reader.read(7).are_groups_known] == [False, False]
        assert directory.asked == 1
    finally:
        directory.may_answer.set()
    wait_for(lambda: reader.read(7) == PUPIL, "the answer")
    assert directory.asked == 1


def test_a_local_account_never_looks_like_one_of_the_directory() -> None:
    """The one is named by the device and a number, the other by its name."""
    assert make_session(is_local=True).to_account("device7") == "local:device7:1007"
    assert make_session(is_local=False).to_account("device7") == "directory:pupil7"
