# SPDX-License-Identifier: Apache-2.0
"""Tests of the verbs of one device: confirm, resets, retire, receipt. Revoking is in `test_taking_back`."""

from pathlib import Path

import pytest

from collector.config import Config, write_config
from collector.devices import find_device
from collector.disposals import verify_receipt
from proto.keys import to_verifier
from tests.collector.command import Run
from tests.collector.school import School


@pytest.fixture
def folder(config: Config) -> Path:
    """A collector's folder with its settings."""
    write_config(config)
    return config.folder


def state_of(school: School, device_id: str) -> str:
    """Return the state of a device that is there."""
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    return device.state


def test_device_is_confirmed(run: Run, folder: Path, school: School) -> None:
    """As new or as the same machine; a second time is a wrong call that says how it is."""
    former = school.add_device("lab-1")
    new = school.add_device("lab-2", state="pending")
    same = school.add_device("lab-1", state="pending", former_device_id=former, succession="forked")
    assert run("device", "confirm", new, "--dir", folder) == 0
    assert run("device", "confirm", same, "--same-machine", "--dir", folder) == 0
    assert [state_of(school, each) for each in (former, new, same)] == ["revoked", "active", "active"]
    assert run("device", "confirm", new, "--dir", folder) == 2
    assert "does not wait to be confirmed" in run.err


def test_resets_are_declared(run: Run, folder: Path, school: School) -> None:
    """On and off, each with a word why."""
    device_id = school.add_device("lab-1")
    for state, said in (("on", f"Device {device_id} is expected"), ("off", f"Device {device_id} is not expected")):
        assert run("device", "resets", device_id, state, "--why", "deep freeze", "--dir", folder) == 0
        assert said in run.err
    assert run("device", "resets", device_id, "on", "--dir", folder) == 2


def test_device_is_retired_with_a_receipt(run: Run, folder: Path, school: School) -> None:
    """The receipt is for reading as text and for programs as signed JSON; before that there is none."""
    device_id = school.add_device("old-pc", serial="SN9")
    assert run("device", "receipt", device_id, "--dir", folder) == 2
    how = ("--method", "recycled", "--receiver", "Green Metal Ltd", "--receipt", "GM-118", "--wiped", "nwipe")
    assert run("device", "retire", device_id, *how, "--dir", folder) == 0
    assert state_of(school, device_id) == "retired"
    assert run("device", "receipt", device_id, "--dir", folder) == 0
    assert "GM-118" in run.out
    assert "signature" not in run.out
    assert run("device", "receipt", device_id, "--dir", folder, "--format", "json") == 0
    key = run.json["signed_by"]
    verify_receipt(run.json, to_verifier(key["algorithm"], bytes.fromhex(key["public_key"])))


@pytest.mark.parametrize(
    "how",
    [
        ("--method", "recycled"),
        ("--method", "recycled", "--wiped", "nwipe"),
        ("--method", "eaten", "--wiped", "nwipe"),
        ("--method", "sold", "--receiver", "x", "--receipt", "1", "--wiped", "a", "--not-wiped", "b"),
    ],
)
def test_account_with_a_gap_is_a_wrong_call(run: Run, folder: Path, school: School, how: tuple[str, ...]) -> None:
    """Whoever gives a machine away says to whom, with which receipt, and what became of its disks."""
    device_id = school.add_device("old-pc")
    assert run("device", "retire", device_id, *how, "--dir", folder) == 2
    assert state_of(school, device_id) == "active"
