# SPDX-License-Identifier: Apache-2.0
"""Tests of who is remembered to be at the machine."""

from pathlib import Path

import pytest

from agent.checks.accounts.presence import FILE_NAME, Present, PresentAccounts, group_by_account, to_sitting
from tests.agent.safeguarding import make_session

BOOT = bytes(16)
PUPIL = make_session()
PRESENT = Present(1007, frozenset({to_sitting(PUPIL)}), bytes(16), bytes(8))


def test_who_is_here_is_kept_with_the_boot(tmp_path: Path):
    """In the same boot he may go on, in the next he has ended."""
    PresentAccounts(tmp_path, BOOT).add(PRESENT)

    assert PresentAccounts(tmp_path, BOOT).find(1007) == PRESENT
    assert PresentAccounts(tmp_path, BOOT).list_ended(group_by_account([PUPIL])) == []
    later = PresentAccounts(tmp_path, b"\1" * 16)
    assert later.find(1007) is None
    assert later.list_ended(group_by_account([PUPIL])) == [PRESENT]


def test_an_end_of_an_earlier_boot_waits_until_it_was_told(tmp_path: Path):
    """Whatever else is written down before."""
    PresentAccounts(tmp_path, BOOT).add(PRESENT)
    later = PresentAccounts(tmp_path, b"\1" * 16)
    later.add(Present(1008, frozenset(), bytes(16), bytes(8)))
    again = PresentAccounts(tmp_path, b"\1" * 16)
    assert PRESENT in again.list_ended({})

    again.remove(PRESENT)
    assert PRESENT not in PresentAccounts(tmp_path, b"\1" * 16).list_ended({})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b'{"format": 1, "present": [[], 1, {"a": 2}]}',
        b'{"format": 1, "present": [["", 1007, [["x11", ":0", "1"]], "zz", "00"]]}',
        b'{"format": 1, "present": [["", true, [], "00", "00"]]}',
        b'{"format": 1, "present": [["", 1007, [["x11", ":0"]], "00", "00"]]}',
        b'{"format": 1, "present": [["", 1007, [["x11", ":0", 5]], "00", "00"]]}',
    ],
)
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, content: bytes):
    """Those who are here are told once more."""
    (tmp_path / FILE_NAME).write_bytes(content)

    assert PresentAccounts(tmp_path, BOOT).list_ended({}) == []
    assert PresentAccounts(tmp_path, BOOT).find(1007) is None
