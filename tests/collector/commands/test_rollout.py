# SPDX-License-Identifier: Apache-2.0
"""Tests of policy stage, share and everywhere."""

from pathlib import Path

import pytest

from collector.config import write_config
from tests.collector.command import Run
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import use_small_packs


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command."""
    return Run(capsys)


@pytest.fixture
def folder(school: School, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a collector with small packs."""
    use_small_packs(school, monkeypatch)
    write_config(school.config)
    return school.config.folder


def shown(run: Run, folder: Path) -> str:
    """Return what `policy show` says of a roll-out, nothing for none."""
    assert run("policy", "show", "--dir", folder, "--format", "json") == 0
    return next((row["is"] for row in run.json if row["what"] == "roll-out"), "")


def test_roll_out_goes_from_some_devices_to_all(run: Run, folder: Path) -> None:
    """Each step says what it did and whom the next version is for."""
    assert run("policy", "stage", "--share", "10%", "--dir", folder) == 0
    assert shown(run, folder) == "the next version for 10 % of the devices"
    (folder / "own.toml").write_text(OWN_RULE)
    assert run("rules", "add", folder / "own.toml", "--reason", "zork", "--dir", folder) == 0
    assert "version 2 is published; 10 % of the devices get it" in run.err
    assert run("policy", "share", "50", "--dir", folder) == 0
    assert shown(run, folder) == "versions 2 and newer for 50 % of the devices"
    assert run("policy", "everywhere", "--dir", folder) == 0
    assert "Version 2 is for every device" in run.err
    assert shown(run, folder) == ""


@pytest.mark.parametrize("share", ["0", "100", "-5", "ten", "", "1e1"])
def test_share_that_is_none_is_a_wrong_call(run: Run, folder: Path, share: str) -> None:
    """From 1 to 99, and all is everywhere."""
    assert run("policy", "stage", f"--share={share}", "--dir", folder) == 2
    assert "1 to 99 per cent" in run.err
    assert shown(run, folder) == ""


def test_without_a_roll_out_there_is_nothing_to_change(run: Run, folder: Path) -> None:
    """It says how one begins."""
    for words in (("share", "50"), ("everywhere",)):
        assert run("policy", *words, "--dir", folder) == 2
        assert "policy stage --share 10" in run.err
