# SPDX-License-Identifier: Apache-2.0
"""Tests of the register's commands."""

from pathlib import Path

import pytest

from collector.approved_media import MediumKey
from collector.policies import approve_medium, load_policy
from proto.keys import load_signer
from tests.collector.command import Run
from tests.collector.school import MINUTE_NS, School

APPROVE = ("media", "approve", "0951:1666", "--serial", "60A44C413D", "--note", "the office")


def test_approve_list_and_withdraw(run: Run, folder: Path, school_at: School) -> None:
    """A device is in the register, in the policy and in the list, until it is withdrawn."""
    assert run(*APPROVE, "--until", "2199-07-31", "--dir", folder) == 0
    assert (run.out, "Policy version 2 is published" in run.err) == ("", True)
    assert run("media", "list", "--dir", folder, "--format", "json") == 0
    (row,) = run.json
    assert (row["ids"], row["serial"], row["approved_until"]) == ("0951:1666", "60a44c413d", "2199-07-31")
    assert (row["note"], row["approved_by"], row["devices"]) == ("the office", "command line", [])
    assert run("media", "list", "--approved", "--dir", folder) == 0
    assert "the office" in run.out
    (medium,) = load_policy(school_at.engine, school_at.config).settings.media
    assert medium.serial == "60a44c413d"
    assert run("media", "withdraw", "0951:1666", "--serial", "60a44C413d", "--dir", folder) == 0
    assert run("media", "list", "--dir", folder) == 0
    assert (run.out, "no USB device" in run.err) == ("", True)
    assert run("verify", "--dir", folder) == 0


def test_what_has_ended_is_told(run: Run, folder: Path, school_at: School) -> None:
    """It stays in the register until it is withdrawn."""
    key, signer = MediumKey("0951", "1666", "old"), load_signer(school_at.config.signing_key)
    long_ago_ns = school_at.now_ns - 1000 * 24 * 60 * MINUTE_NS
    approve_medium(
        school_at.engine, school_at.id, signer, key, note="x", until="2024-06-01", actor="anna", now_ns=long_ago_ns
    )
    assert run("media", "list", "--dir", folder) == 0
    assert "2024-06-01, ended" in run.out
    assert run("media", "list", "--dir", folder, "--format", "json") == 0
    assert (run.json[0]["approved_until"], run.json[0]["has_ended"]) == ("2024-06-01", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "0951", "--serial", "x", "--note", "x"), "does not name a USB device"),
        (("approve", "0951:16666", "--serial", "x", "--note", "x"), "does not name a USB device"),
        (("approve", "0951:1666", "--serial", " ", "--note", "x"), "tells no serial number"),
        (("approve", "0951:1666", "--serial", "x", "--note", ""), "say whose it is"),
        (("approve", "0951:1666", "--serial", "x", "--note", "x", "--until", "soon"), "is not a day"),
        (("withdraw", "0951:1666", "--serial", "x"), "is not in the register"),
    ],
)
def test_wrong_call_is_told(run: Run, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2, and no policy is published."""
    assert run("media", *arguments, "--dir", folder) == 2
    assert words in run.err
