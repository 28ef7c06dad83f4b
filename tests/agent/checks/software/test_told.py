# SPDX-License-Identifier: Apache-2.0
"""Tests of the memory of which findings were told."""

import json
from pathlib import Path

import pytest

from agent.checks.software.told import FILE_NAME, ToldFindings

NMAP = ("dpkg", "nmap", "")
TOR = ("file", "tor", "/home/alice/bin/tor")
RULES = frozenset(("scanners", "listed"))


def test_what_was_told_is_remembered_over_a_restart(tmp_path: Path):
    """Each program with the rules that it was told by."""
    told = ToldFindings(tmp_path)
    told.note(NMAP, RULES)
    told.note(TOR, frozenset(("anonymity",)))
    told.keep()

    again = ToldFindings(tmp_path)
    assert again.rules_of(NMAP) == RULES
    assert again.rules_of(TOR) == {"anonymity"}
    assert again.rules_of(("snap", "nmap", "")) == frozenset()


def test_what_is_gone_is_forgotten_for_good(tmp_path: Path):
    """Because it went away, or because no rule names it any more."""
    told = ToldFindings(tmp_path)
    for key in (NMAP, TOR):
        told.note(key, RULES)
    told.keep()
    told.forget_others({NMAP})
    assert (told.rules_of(NMAP), told.rules_of(TOR)) == (RULES, frozenset())
    told.note(NMAP, frozenset())
    told.keep()

    assert ToldFindings(tmp_path).rules_of(NMAP) == frozenset()


def test_the_disk_is_left_alone_when_nothing_changed(tmp_path: Path):
    """A machine that is looked at every second is not written on every second."""
    told = ToldFindings(tmp_path)
    told.keep()
    assert not (tmp_path / FILE_NAME).exists()
    told.note(NMAP, RULES)
    told.keep()
    written = (tmp_path / FILE_NAME).stat().st_ino
    told.note(NMAP, RULES)
    told.forget_others({NMAP})
    told.keep()

    assert (tmp_path / FILE_NAME).stat().st_ino == written


@pytest.mark.parametrize(
    "entry",
    [
        "nmap",
        [],
        ["dpkg", "nmap", ""],
        ["dpkg", "nmap", "", "scanners"],
        ["dpkg", 1, "", []],
        ["dpkg", "nmap", "", [1]],
    ],
    ids=str,
)
def test_a_broken_entry_spoils_the_file(tmp_path: Path, entry: object):
    """Then everything is told once more."""
    good = [*NMAP, ["scanners"]]
    (tmp_path / FILE_NAME).write_text(json.dumps({"format": 1, "told": [good, entry]}), encoding="utf-8")

    assert ToldFindings(tmp_path).rules_of(NMAP) == frozenset()
