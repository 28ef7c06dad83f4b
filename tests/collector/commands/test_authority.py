# SPDX-License-Identifier: Apache-2.0
"""Tests of authority: the CA that devices trust, and where they are told to come."""

from pathlib import Path

import pytest

from collector.audit import list_entries
from collector.authority import load_authority
from collector.config import Addresses, write_addresses
from collector.trusts import list_trusts
from proto.token import decode_token
from tests.collector.command import Run
from tests.collector.enrolment.machine import Machine
from tests.collector.school import School

SERVED = Addresses("10.0.0.7:7443", "10.0.0.7:7444", "127.0.0.1:3")


def enrol_one(school: School, run: Run, folder: Path) -> Machine:
    """Make a token by the command, and enrol a machine with it."""
    write_addresses(folder, SERVED)
    assert run("token", "--uses", "1", "--valid-for", "7d", "--dir", folder) == 0
    machine = Machine(school.id)
    machine.enrol(school, load_authority(school.config.authority_folder), decode_token(run.out))
    return machine


def names_of(folder: Path) -> set[str]:
    """Return the files of the CAs."""
    return {path.name for path in (folder / "authority").iterdir()}


def test_status_of_a_new_collector(run: Run, folder: Path) -> None:
    """One CA that nobody holds a certificate of, and nobody was told anything."""
    assert run("authority", "status", "--dir", folder, "--format", "json") == 0
    (only,) = run.json
    assert (only["name"], only["state"], only["devices"], only["announced"]) == ("Schoolwarden", "issues", 0, False)
    assert len(only["fingerprint"]) == 64
    assert "told nothing yet" in run.err


def test_rotation_says_first_what_it_would_do(run: Run, folder: Path) -> None:
    """Without --yes nothing is changed."""
    before = names_of(folder)
    assert run("authority", "rotate", "--dir", folder) == 0
    assert "makes a new CA and destroys the key of the one that issues now" in run.err
    assert "Nothing was changed. To do it: --yes" in run.err
    assert names_of(folder) == before


def test_rotation_and_retirement(run: Run, folder: Path, school_at: School) -> None:
    """Devices are told, the former CA stays while it is needed, and then it goes."""
    machine = enrol_one(school_at, run, folder)
    assert run("authority", "rotate", "--yes", "--dir", folder, "--format", "json") == 0
    assert [(row["name"], row["state"], row["devices"], row["announced"]) for row in run.json] == [
        ("Schoolwarden 2", "issues", 0, True),
        ("Schoolwarden", "former", 1, True),
    ]
    assert "Statement 2 tells devices to come to 10.0.0.7:7443" in run.err
    assert "1 device may not know the new CA yet" in run.err
    assert "Make a backup" in run.err
    for said in ((), ("--yes",)):
        assert run("authority", "retire", *said, "--dir", folder) == 2
        assert "still needed" in run.err
    assert run("device", "revoke", machine.device_id, "--dir", folder) == 0
    assert run("authority", "retire", "--yes", "--dir", folder, "--format", "json") == 0
    assert [row["name"] for row in run.json] == ["Schoolwarden"]
    assert names_of(folder) == {"ca-2.key", "ca-2.crt"}
    actions = [each.action for each in list_entries(school_at.engine, school_at.id)]
    assert actions[:2] == ["authority.retired", "trust.announced"]


def test_retirement_says_first_what_it_would_do(run: Run, folder: Path, school_at: School) -> None:
    """Without --yes nothing is changed, also when it is needed and that was accepted."""
    enrol_one(school_at, run, folder)
    assert run("authority", "rotate", "--yes", "--dir", folder) == 0
    before = names_of(folder)
    assert run("authority", "retire", "--even-if-needed", "--dir", folder, "--format", "json") == 0
    assert [row["name"] for row in run.json] == ["Schoolwarden"]
    assert "Schoolwarden: 1 device holds a certificate of it" in run.err
    assert "Nothing was changed. To do it: --yes" in run.err
    assert names_of(folder) == before


def test_devices_are_told_to_come_elsewhere(run: Run, folder: Path, school_at: School) -> None:
    """Under another name, at the ports that are served; and once more changes nothing."""
    enrol_one(school_at, run, folder)
    for _ in range(2):
        assert run("authority", "announce", "--address", "collector.our.school", "--dir", folder) == 0
        assert "tells devices to come to collector.our.school:7443" in run.err
    told = list_trusts(school_at.engine, school_at.config)
    assert [each.enrol_address for each in told] == ["10.0.0.7:7444", "collector.our.school:7444"]


@pytest.mark.parametrize("address", ["collector:7443", "", "0.0.0.0", "no such host"])
def test_address_that_devices_cannot_reach_is_refused_first(run: Run, tmp_path: Path, address: str) -> None:
    """Before any folder is looked at."""
    assert run("authority", "announce", "--address", address, "--dir", tmp_path / "nowhere") == 2
    assert "is not a host" in run.err


def test_nobody_announces_a_place_that_nobody_named(run: Run, folder: Path) -> None:
    """Before the first token there is no address that devices could be told."""
    assert run("authority", "announce", "--dir", folder) == 2
    assert "--address HOST" in run.err


def test_first_ca_cannot_be_dropped(run: Run, folder: Path) -> None:
    """There is no other that could issue."""
    assert run("authority", "retire", "--even-if-needed", "--dir", folder) == 2
    assert "no former CA" in run.err
