# SPDX-License-Identifier: Apache-2.0
"""Tests of the memory of what was told of attached devices."""

import json
from pathlib import Path

import pytest

from agent.checks.usb_storage.told import FILE_NAME, Shown, Told, ToldDevices

TOLD = Told(Shown("plain", False, True, 4096), 70000)


def test_it_is_remembered_in_the_same_boot_only(tmp_path: Path):
    """A key may come again after the machine started anew."""
    told = ToldDevices(tmp_path, "b1")
    told.note("1-1:5", TOLD)
    told.keep()
    assert ToldDevices(tmp_path, "b1").find("1-1:5") == TOLD
    assert ToldDevices(tmp_path, "b2").find("1-1:5") is None


def test_without_a_boot_nothing_is_kept(tmp_path: Path):
    """A system that does not tell may have started anew at any time."""
    told = ToldDevices(tmp_path, "")
    told.note("1-1:5", TOLD)
    told.keep()
    assert told.find("1-1:5") == TOLD
    assert not (tmp_path / FILE_NAME).exists()


def test_what_is_gone_is_forgotten_and_the_disk_left_alone_otherwise(tmp_path: Path):
    """A look each second does not write each second."""
    told = ToldDevices(tmp_path, "b1")
    told.note("1-1:5", TOLD)
    told.keep()
    written = (tmp_path / FILE_NAME).stat().st_ino
    told.note("1-1:5", TOLD)
    told.forget_others({"1-1:5"})
    told.keep()
    assert (tmp_path / FILE_NAME).stat().st_ino == written
    told.forget_others(set())
    told.keep()
    assert ToldDevices(tmp_path, "b1").find("1-1:5") is None


@pytest.mark.parametrize(
    "entry",
    [
        "1-1:5",
        ["b1", "1-1:5", ["plain", False, True, 4096]],
        ["b1", "1-1:5", ["plain", 0, True, 4096], 1],
        ["b1", "1-1:5", ["plain", False, True], 1],
        ["b1", 5, ["plain", False, True, 4096], 1],
        ["b1", "1-1:5", ["plain", False, True, 4096], True],
    ],
    ids=str,
)
def test_a_broken_entry_spoils_the_file(tmp_path: Path, entry: object):
    """Then everything is told once more."""
    good = ["b1", "1-1:5", list(TOLD.shown), TOLD.written_bytes]
    (tmp_path / FILE_NAME).write_text(json.dumps({"format": 1, "told": [good, entry]}), encoding="utf-8")
    assert ToldDevices(tmp_path, "b1").find("1-1:5") is None
