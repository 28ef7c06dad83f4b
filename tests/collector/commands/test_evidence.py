# SPDX-License-Identifier: Apache-2.0
"""Tests of devices, incidents and verify: what is printed for people and for programs."""

from pathlib import Path

import pytest
from sqlalchemy import text

from collector.config import load_config
from collector.store.engine import open_engine, writing
from collector.store.schema import payloads
from tests.collector.command import Run
from tests.collector.evidence import TOR_STARTED
from tests.collector.school import School


@pytest.mark.parametrize("verb", ["devices", "incidents"])
def test_empty_list_is_an_empty_array(run: Run, folder: Path, verb: str) -> None:
    """For programs; a person is told in words, on stderr."""
    assert run(verb, "--dir", folder, "--format", "json") == 0
    assert run.json == []
    assert run(verb, "--dir", folder) == 0
    assert run.out == ""
    assert run.err


def test_incidents_have_their_fields(run: Run, folder: Path, school_at: School) -> None:
    """A bare array; each with at least these, times as RFC 3339 in UTC."""
    device_id = school_at.add_device("library-01")
    incident_id = school_at.add_incident(device_id, TOR_STARTED)
    assert run("incidents", "--dir", folder, "--format", "json") == 0
    (incident,) = run.json
    wanted = "id school rule audience severity state device subject opened_at last_seen_at count summary clauses"
    assert set(wanted.split()) <= incident.keys()
    assert (incident["id"], incident["school"], incident["device"]) == (incident_id, school_at.id, device_id)
    assert (incident["audience"], incident["state"], incident["count"]) == ("security", "open", 1)
    assert incident["opened_at"] == "2026-11-21T20:46:40.000Z"
    assert incident["clauses"] == ["HZ-01", "BX-07"]


def test_devices_have_their_fields(run: Run, folder: Path, school_at: School) -> None:
    """A bare array, with what the device says cannot be watched."""
    device_id = school_at.add_device("library-01", not_watched=["the network"])
    assert run("devices", "--dir", folder, "--format", "json") == 0
    (device,) = run.json
    assert (device["id"], device["hostname"], device["state"]) == (device_id, "library-01", "active")
    assert device["last_seen_at"] == "2026-11-21T20:46:40.000Z"
    assert device["not_watched"] == ["the network"]
    assert device["is_quiet"] is True


def test_hostile_name_does_nothing_to_a_terminal(run: Run, folder: Path, school_at: School) -> None:
    """Escapes and line ends that a device sends are shown as what they are not: harmless."""
    school_at.add_device("\x1b[2J\x1b]0;owned\x07\nlibrary\u202e")
    assert run("devices", "--dir", folder) == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(run.out)
    assert len(run.out.splitlines()) == 2
    assert run("devices", "--dir", folder, "--format", "json") == 0
    assert run.out.isascii()


def test_sound_evidence_is_told(run: Run, folder: Path) -> None:
    """0, with what was looked at."""
    assert run("verify", "--dir", folder) == 0
    assert run.out.startswith("Everything verifies: 0 devices, 0 envelopes, 0 events (0 came without content, ")
    assert run("verify", "--dir", folder, "--format", "json") == 0
    assert (run.json["problems"], run.json["bundles"]) == ([], 1)


def test_fault_is_told(run: Run, folder: Path) -> None:
    """1, with each problem on a line of its own."""
    engine = open_engine(load_config(folder))
    with writing(engine) as connection:
        connection.execute(text("UPDATE bundles SET body = x'00'"))
        stray = {"event_id": 1, "school_id": load_config(folder).school_id, "salt": b"", "body": b"", "missing": 0}
        connection.execute(payloads.insert().values(stray))
    engine.dispose()
    assert run("verify", "--dir", folder) == 1
    first, second, last, beside, _ = run.out.splitlines()
    assert beside.startswith("Signed by nobody and not checked: accepted notices; approved USB devices; certificates; ")
    assert first == "1 rows of payloads belong to no envelope"
    assert second == "policy version 1: the bundle is not signed by this device's collector"
    assert last.startswith("Something does not verify: 0 devices, ")
    assert run("verify", "--dir", folder, "--format", "json") == 1
    assert run.json["problems"] == [first, second]


def test_checkpoint_is_printed_for_paper(run: Run, folder: Path, school_at: School) -> None:
    """In groups that can be read aloud; the same one again while nothing new came, and verify takes it as printed."""
    school_at.add_event(school_at.add_device("library-01"), TOR_STARTED)
    assert run("checkpoint", "--dir", folder, "--format", "json") == 0
    made = run.json
    assert (made["number"], made["school"], len(made["hash"])) == (1, school_at.id, 64)
    assert run("checkpoint", "--dir", folder) == 0
    printed = [line.strip() for line in run.out.splitlines() if line.startswith("    ")]
    assert [len(line.split()) for line in printed] == [8, 8]
    assert "".join(printed).replace(" ", "") == made["hash"]
    assert run.out.startswith("Checkpoint 1 of school ")
    run("verify", "--dir", folder, "--checkpoint", " ".join(printed))
    assert "the printed checkpoint" not in run.out
    assert run("verify", "--dir", folder, "--checkpoint", "ab" * 32) == 1
    assert "the printed checkpoint is none that this collector has" in run.out
