# SPDX-License-Identifier: Apache-2.0
"""Tests of downloads of evidence at the console: who gets which, that it verifies, and that it is written down."""

from collector.audit import list_entries
from collector.authority import Authority
from collector.ingest import Ingest
from collector.verifier.schoolwarden_verify import verify
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import TOR_STARTED, Device, enrol_device, incidents_of, send
from tests.collector.safeguarding import Safeguarding
from tests.collector.school import School


def test_technician_downloads_the_evidence_of_an_incident(
    technician: Visitor, school: School, ingest: Ingest, device: Device
) -> None:
    """A file that verifies, under a name that says what it is; who took it is in the audit log."""
    send(ingest, device.say(TOR_STARTED))
    (incident,) = incidents_of(school)
    page = technician.get(f"/incidents/{incident.id}")
    assert "Download the evidence" in page.words
    answer = technician.post(f"/incidents/{incident.id}/evidence")
    assert (answer.status, answer.header("content-type")) == (200, "application/zip")
    assert answer.header("content-disposition") == f'attachment; filename="evidence-incident-{incident.id}.zip"'
    assert answer.header("cache-control") == "no-store"
    assert verify(answer.body)["problems"] == []
    (newest, *_) = list_entries(school.engine, school.id)
    assert (newest.actor, newest.action) == ("technician", "evidence.exported")


def test_evidence_of_what_is_not_there_is_not_there(technician: Visitor) -> None:
    """404, like its page."""
    technician.get("/incidents")
    assert technician.post(f"/incidents/{'0' * 16}/evidence").status == 404


def test_reader_downloads_the_evidence_of_a_flag(dana: Visitor, school: School, flag: str) -> None:
    """From the flag's page, and nobody else's flag."""
    assert "Download the evidence" in dana.get(f"/flags/{flag}").words
    answer = dana.post(f"/flags/{flag}/evidence")
    assert answer.status == 200
    assert verify(answer.body)["problems"] == []
    assert dana.post(f"/flags/{'0' * 16}/evidence").status == 404
    (newest, *_) = list_entries(school.engine, school.id)
    assert (newest.actor, newest.action, newest.subject) == ("dana", "evidence.exported", f"flag/{flag}")


def test_flags_do_not_show_in_a_technician_s_download(
    technician: Visitor, school: School, ingest: Ingest, authority: Authority, safeguarding: Safeguarding
) -> None:
    """A chain in which a flag stands is not given, in words that do not say why."""
    device = enrol_device(school, authority, "library-09")
    send(ingest, device.say(TOR_STARTED), safeguarding.say_flag(device))
    (incident,) = [each for each in incidents_of(school) if each.rule == "bypass-tor"]
    technician.get(f"/incidents/{incident.id}")
    answer = technician.post(f"/incidents/{incident.id}/evidence")
    assert answer.status == 400
    assert "it is too long, or others' matters stand in it" in answer.words
    assert verify(answer.body)["problems"]
