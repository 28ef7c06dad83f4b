# SPDX-License-Identifier: Apache-2.0
"""Tests of the verbs that take something back: a device's right to speak, a program's place on the allow list."""

from pathlib import Path

import pytest

from collector.audit import list_entries
from collector.config import Config, write_config
from collector.devices import find_revoked
from collector.policies import list_publications, load_policy
from collector.proposals import approve_program
from tests.collector.command import Run
from tests.collector.school import School


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command."""
    return Run(capsys)


@pytest.fixture
def folder(config: Config) -> Path:
    """A collector's folder with its settings."""
    write_config(config)
    return config.folder


def test_device_is_revoked(run: Run, folder: Path, school: School) -> None:
    """It may speak no more, and the audit log has it."""
    device_id = school.add_device("library-01")
    assert run("device", "revoke", device_id, "--dir", folder) == 0
    assert (run.out, f"Device {device_id} is revoked" in run.err) == ("", True)
    assert find_revoked(school.engine, school.id) == {device_id}
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action) == ("command line", "device.revoked")


def test_unknown_device_is_a_wrong_call(run: Run, folder: Path) -> None:
    """A mistyped id is told, with where the right one stands."""
    assert run("device", "revoke", "0" * 16, "--dir", folder) == 2
    assert "there is no device 0000000000000000" in run.err
    assert "schoolwarden-collector devices" in run.err


def test_allow_list_is_listed(run: Run, folder: Path, school: School) -> None:
    """With who allowed each program and when; an empty one is said."""
    assert run("allowed", "list", "--dir", folder) == 0
    assert (run.out, run.err) == ("", "nothing is on the allow list\n")
    approve_program(school.engine, school.id, "Vim", actor="anna", now_ns=school.now_ns)
    assert run("allowed", "list", "--dir", folder, "--format", "json") == 0
    assert run.json == [{"name": "vim", "approved_at": "2026-11-21T20:46:40.000Z", "approved_by": "anna"}]


def test_allowed_program_is_taken_off_the_list(run: Run, folder: Path, school: School) -> None:
    """A new policy without it is in force, and a second time it is a wrong call that publishes nothing."""
    approve_program(school.engine, school.id, "Vim", actor="anna", now_ns=school.now_ns)
    assert run("allowed", "remove", "VIM", "--dir", folder) == 0
    assert "Policy version 2 is published" in run.err
    assert load_policy(school.engine, school.config).approved == set()
    assert run("allowed", "remove", "VIM", "--dir", folder) == 2
    assert "'VIM' is not on the allow list" in run.err
    assert len(list_publications(school.engine, school.id)) == 2
