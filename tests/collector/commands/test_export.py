# SPDX-License-Identifier: Apache-2.0
"""Tests of export-evidence and fingerprints: a file that verifies, and the keys to hold it against."""

import hashlib
import stat
from pathlib import Path

import pytest
from sqlalchemy import update

from collector.authority import load_authority
from collector.ingest import Ingest
from collector.store.engine import writing
from collector.store.schema import payloads
from collector.verifier.schoolwarden_verify import verify
from proto.keys import load_signer
from tests.collector.command import Run
from tests.collector.evidence import TOR_STARTED, Device, enrol_device, incidents_of, make_evaluator, send
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School


@pytest.fixture
def device(school_at: School) -> Device:
    """A device that has started Tor."""
    device = enrol_device(school_at, load_authority(school_at.config.authority_folder))
    ingest = Ingest(school_at.engine, school_at.id, make_evaluator(), clock_ns=lambda: school_at.now_ns)
    send(ingest, device.say(TOR_STARTED))
    ingest.close()
    return device


def test_evidence_is_written_whole_and_verifies(
    run: Run, folder: Path, school_at: School, device: Device, tmp_path: Path
) -> None:
    """0, a file that only its owner reads, and what is in it told on stderr."""
    (incident,) = incidents_of(school_at)
    target = tmp_path / "evidence.zip"
    assert run("export-evidence", incident.id, "--dir", folder, "-o", target) == 0
    assert run.out == ""
    assert hashlib.sha256(target.read_bytes()).hexdigest() in run.err
    assert verify(target.read_bytes())["problems"] == []
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    assert run("export-evidence", incident.id, "--dir", folder, "-o", target) == 2
    assert "--force" in run.err
    assert run("export-evidence", incident.id, "--dir", folder, "-o", target, "--force") == 0


def test_what_cannot_be_written_is_told(run: Run, folder: Path, tmp_path: Path) -> None:
    """2 for no incident, a folder as a file, and a folder that is not there."""
    target = tmp_path / "evidence.zip"
    for output in (target, tmp_path, tmp_path / "missing" / "evidence.zip"):
        assert run("export-evidence", "0" * 16, "--dir", folder, "-o", output) == 2
    assert not target.exists()


def test_tampered_ledger_gives_evidence_that_says_so(
    run: Run, folder: Path, school_at: School, device: Device, tmp_path: Path
) -> None:
    """1: it is written, because it is what there is, and what does not verify is named."""
    with writing(school_at.engine) as connection:
        connection.execute(update(payloads).values(body=b"\x0a\x00"))
    (incident,) = incidents_of(school_at)
    assert run("export-evidence", incident.id, "--dir", folder, "-o", tmp_path / "evidence.zip") == 1
    assert "event 1 was changed" in run.out


def test_sealed_headers_are_given_only_after_a_warning(
    run: Run, folder: Path, school_at: School, device: Device, tmp_path: Path
) -> None:
    """2 and the way out without the option; with it the file is written, and what it tells whom is said before."""
    safeguarding = build_safeguarding(school_at)
    ingest = Ingest(school_at.engine, school_at.id, make_evaluator(), clock_ns=lambda: school_at.now_ns)
    send(ingest, safeguarding.say_flag(device))
    ingest.close()
    (incident,) = [each for each in incidents_of(school_at) if each.rule == "bypass-tor"]
    target = tmp_path / "evidence.zip"
    assert run("export-evidence", incident.id, "--dir", folder, "-o", target) == 2
    assert "--with-sealed-headers" in run.err
    assert not target.exists()
    assert run("export-evidence", incident.id, "--dir", folder, "-o", target, "--with-sealed-headers") == 0
    assert "Warning: safeguarding flags" in run.err
    assert verify(target.read_bytes())["problems"] == []


def test_fingerprints_are_those_that_the_verifier_takes(
    run: Run, folder: Path, school_at: School, device: Device, tmp_path: Path
) -> None:
    """Of the collector's key, its CA and every device's evidence key."""
    assert run("fingerprints", "--dir", folder, "--format", "json") == 0
    found = {(each["of"], each["id"]): each["fingerprint"] for each in run.json}
    assert set(found) == {("collector", ""), ("authority", ""), ("device", device.id)}
    key = load_signer(school_at.config.signing_key).public_key
    assert found["collector", ""] == hashlib.sha256(key).hexdigest()
    (incident,) = incidents_of(school_at)
    target = tmp_path / "evidence.zip"
    run("export-evidence", incident.id, "--dir", folder, "-o", target)
    pins = [("collector", found["collector", ""]), (device.id, found["device", device.id])]
    assert verify(target.read_bytes(), (), pins)["problems"] == []
    assert run("fingerprints", "--dir", folder) == 0
    assert "library-01" in run.out
