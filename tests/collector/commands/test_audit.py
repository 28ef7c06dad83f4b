# SPDX-License-Identifier: Apache-2.0
"""Tests of the command that lists the audit log."""

from pathlib import Path

from sqlalchemy import update

from collector.audit import record
from collector.store.engine import writing
from collector.store.schema import audit
from tests.collector.command import Run
from tests.collector.school import School


def test_rows_are_listed_and_counted(run: Run, folder: Path, school_at: School) -> None:
    """As text and as JSON, newest first, with how many wait for somebody else."""
    with writing(school_at.engine) as connection:
        record(connection, school_at.id, actor="tom", action="flag.read", subject="flag/0011", now_ns=school_at.now_ns)
    assert run("audit", "--dir", folder, "--format", "json") == 0
    assert (run.json[0]["actor"], run.json[0]["subject"]) == ("tom", "a safeguarding flag")
    assert [row["number"] for row in run.json] == list(range(len(run.json), 0, -1))
    assert run("audit", "--dir", folder, "--actor", "tom") == 0
    assert "flag.read" in run.out
    assert "0011" not in run.out
    assert "they verify" in run.err
    assert run("audit", "--dir", folder, "--actor", "nobody-at-all") == 0
    assert (run.out, "nobody has done anything like that" in run.err) == ("", True)


def test_a_changed_row_is_a_finding(run: Run, folder: Path, school_at: School) -> None:
    """The rows are listed all the same, and the code is 1."""
    with writing(school_at.engine) as connection:
        record(connection, school_at.id, actor="tom", action="x.y", subject="z/1", now_ns=school_at.now_ns)
        connection.execute(update(audit).values(actor="ben"))
    assert run("audit", "--dir", folder) == 1
    assert "The log does not verify" in run.err


def test_a_wrong_number_is_refused(run: Run, folder: Path, school_at: School) -> None:
    """With what would be right."""
    assert run("audit", "--dir", folder, "--limit", "0") == 2
    assert "--limit 100" in run.err
    for which in ("--limit", "--before"):
        assert run("audit", "--dir", folder, which, str(2**63)) == 2
        assert "numbers go from 0" in run.err
