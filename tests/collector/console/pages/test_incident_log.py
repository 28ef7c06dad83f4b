# SPDX-License-Identifier: Apache-2.0
"""Tests of the incident log's page and file."""

import csv
import io

import pytest

from collector.audit import list_entries
from collector.console.log_rows import COLUMNS
from collector.console.pages.incident_log import SHOWN_AT_MOST
from collector.responses import OTHER, About, Deed, record_response
from collector.roles import Role
from proto.events import Audience
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Answer, Visitor
from tests.collector.evidence import SECURITY
from tests.collector.school import START_NS, School


@pytest.fixture
def incident(school: School) -> str:
    """An incident about which something was done."""
    incident_id = school.add_incident(school.add_device("library-01"))
    deed = Deed(OTHER, About.UNKNOWN, "=cmd|' /C calc'!A0\n\u202eeht")
    record_response(
        school.engine, school.id, incident_id, deed, audiences=SECURITY, actor="=anna", now_ns=school.now_ns
    )
    return incident_id


def rows(answer: Answer) -> list[dict[str, str]]:
    """Return what a spreadsheet reads."""
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))


def test_log_has_the_columns_of_the_paper_form(technician: Visitor, incident: str) -> None:
    """Date, where, what, what was done, who recorded it, and room for a signature (WE-08)."""
    page = technician.get("/incidents/log")
    for heading in ("Date", "Where", "What happened", "What was done", "Recorded by", "Signature"):
        assert f">{heading}</th>" in page.text
    assert "One incident of security from 23 Aug 2026 to 21 Nov 2026, the oldest first." in page.words
    assert "Something else: =cmd|' /C calc'!A0" in page.words
    assert "\u202e" not in page.text
    assert "/incidents/log" in technician.get("/incidents").text


def test_file_calculates_nothing(technician: Visitor, school: School, incident: str) -> None:
    """What people and devices wrote begins no formula and hides nothing; that it was taken is in the audit log."""
    school.add_incident(school.add_device("+evil"), rule_title="@sum", group_key="y")
    answer = technician.get("/incidents/log.csv")
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    assert "incident-log-2026-08-23-2026-11-21.csv" in answer.header("content-disposition")
    found = rows(answer)
    assert list(found[0]) == list(COLUMNS)
    (done,) = [row for row in found if row["incident"] == incident]
    assert done["date"] == "21 Nov 2026, 20:46"
    assert done["description"] == "Tor or another anonymous network: Tor Browser was started: /opt/tor-browser/tor"
    assert done["action_taken"] == "Something else: =cmd|' /C calc'!A0 \N{REPLACEMENT CHARACTER}eht"
    assert done["recorded_by"] == "'=anna"
    assert done["signature"] == ""
    (evil,) = [row for row in found if row["incident"] != incident]
    assert evil["where_it_took_place"] == "'+evil"
    assert evil["description"].startswith("'@sum: ")
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.action, newest.detail) == ("incident-log.taken", "2 from 2026-08-23 to 2026-11-21")


def test_days_are_chosen(technician: Visitor, incident: str) -> None:
    """Both ends are included, the other way round is meant the right way round, nonsense is the last weeks."""
    for query, count in {
        "?from=2026-11-21&until=2026-11-21": 1,
        "?from=2026-11-22&until=2026-11-20": 1,
        "?from=2026-11-22&until=2026-11-23": 0,
        "?from=2026-11-01&until=2026-11-20": 0,
        "?from=0001-01-01&until=9999-12-31": 1,
        "?from=yesterday&until=%00": -1,
        "?from=yesterday": 1,
    }.items():
        answer = technician.get(f"/incidents/log.csv{query}")
        assert len(rows(answer)) == count if count >= 0 else answer.status == 400, query
    empty = technician.get("/incidents/log?from=2026-11-22&until=2026-11-30")
    assert "No incident was open or seen in these days" in empty.words


def test_long_log_says_that_it_is_cut(technician: Visitor, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes half a log for the whole."""
    assert SHOWN_AT_MOST >= 100
    monkeypatch.setattr("collector.console.pages.incident_log.SHOWN_AT_MOST", 1)
    for name in ("pc-1", "pc-2"):
        school.add_incident(school.add_device(name))
    assert "Only the newest 1 are here" in technician.get("/incidents/log").words
    assert len(rows(technician.get("/incidents/log.csv"))) == 2


@pytest.mark.parametrize(("role", "seen"), [(Role.TECHNICIAN, ["security"]), (Role.LINE_MANAGER, ["staff"])])
def test_reader_gets_the_log_of_what_he_sees(enter: Enter, school: School, role: Role, seen: list[str]) -> None:
    """The conduct of staff is in the line manager's log alone."""
    device = school.add_device("pc-1", enrolled_at_ns=START_NS)
    school.add_incident(device, rule="a", rule_title="security", group_key="a")
    school.add_incident(device, rule="b", rule_title="staff", group_key="b", audience=Audience.STAFF_CONDUCT)
    found = rows(enter(role).get("/incidents/log.csv"))
    assert [row["description"].partition(":")[0] for row in found] == seen


@pytest.mark.parametrize("role", [Role.DSL, Role.GOVERNOR])
def test_log_is_for_those_who_see_incidents(enter: Enter, role: Role) -> None:
    """Nobody else has page or file."""
    visitor = enter(role)
    assert [visitor.get(path).status for path in ("/incidents/log", "/incidents/log.csv")] == [403, 403]
