# SPDX-License-Identifier: Apache-2.0
"""Tests of whose user id it is, by this machine's own list and groups."""

import grp
import os
import pwd
from pathlib import Path

from agent.system.linux_accounts import KEPT_S, AccountReader
from tests.agent.safeguarding import make_session
from tests.fakes import FakeClock

UNKNOWN = 3_999_999_999


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
    """It is in no group, so nobody watches it."""
    account = AccountReader().read(UNKNOWN)

    assert (account.name, account.group_names, account.is_local) == (f"#{UNKNOWN}", (), False)


def test_an_answer_is_kept_for_a_while(tmp_path: Path) -> None:
    """A directory is not asked every second, and a change is seen all the same."""
    clock, passwd = FakeClock(), tmp_path / "passwd"
    reader = AccountReader(clock, passwd)
    passwd.write_text("x:x:7:7::/:/\n")
    assert reader.read(7).is_local
    passwd.write_text("")
    assert reader.read(7).is_local
    clock.advance(KEPT_S)
    assert not reader.read(7).is_local


def test_a_local_account_never_looks_like_one_of_the_directory() -> None:
    """The one is named by the device and a number, the other by its name."""
    assert make_session(is_local=True).to_account("device7") == "local:device7:1007"
    assert make_session(is_local=False).to_account("device7") == "directory:pupil7"
