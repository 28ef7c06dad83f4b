# SPDX-License-Identifier: Apache-2.0
"""Tests of the incident log at the command line."""

import csv
import io
import time
from pathlib import Path

import pytest

from collector.responses import OTHER, About, Deed, record_response
from proto.events import Audience
from tests.collector.command import Run
from tests.collector.evidence import SECURITY
from tests.collector.school import School


@pytest.fixture
def incident(school_at: School) -> str:
    """An incident of now about which something was done, beside one of the conduct of staff."""
    school_at.now_ns = time.time_ns()
    device = school_at.add_device("library-01")
    school_at.add_incident(device, rule="staff", group_key="staff", audience=Audience.STAFF_CONDUCT)
    incident = school_at.add_incident(device)
    deed = Deed(OTHER, About.UNKNOWN, "=1+1\x1b[2J")
    record_response(
        school_at.engine, school_at.id, incident, deed, audiences=SECURITY, actor="@anna", now_ns=school_at.now_ns
    )
    return incident


def test_log_is_printed_in_every_form(run: Run, folder: Path, incident: str) -> None:
    """The operator sees nobody's conduct. As CSV nothing is a formula, as text nothing moves a cursor."""
    assert run("incident-log", "--dir", folder, "--format", "json") == 0
    (row,) = run.json
    assert (row["incident"], row["where_it_took_place"], row["recorded_by"]) == (incident, "library-01", "@anna")
    assert run("incident-log", "--dir", folder, "--format", "csv") == 0
    (row,) = csv.DictReader(io.StringIO(run.out))
    assert row["recorded_by"] == "'@anna"
    assert row["action_taken"] == "Something else: =1+1\N{REPLACEMENT CHARACTER}[2J"
    assert run("incident-log", "--dir", folder) == 0
    assert "Tor Browser was started" in run.out
    assert "\x1b" not in run.out


def test_empty_log_says_so(run: Run, folder: Path) -> None:
    """On stderr; stdout has what a program can read."""
    assert run("incident-log", "--dir", folder, "--format", "json") == 0
    assert run.json == []
    assert run("incident-log", "--dir", folder, "--days", "7") == 0
    assert (run.out, "no incident was open or seen" in run.err) == ("", True)


def test_days_that_cannot_be_are_refused(run: Run, folder: Path) -> None:
    """With what would be right."""
    for days in ("0", "-1", "3651", "many"):
        assert run("incident-log", "--dir", folder, "--days", days) == 2
        assert "a number of days from 1 to 3650" in run.err
