# SPDX-License-Identifier: Apache-2.0
"""Tests of the register as rows."""

import csv
import io

from collector.exceptions import Scope, list_exceptions, to_csv, to_row
from collector.exceptions.rows import COLUMNS
from tests.collector.exceptions.conftest import Register


def test_row_says_what_was_asked_and_what_was_decided(register: Register) -> None:
    """Under the names of the columns, in their order, with times in UTC."""
    id_ = register.ask(Scope(rules=("bypass-tor",), people=("p1", "s1")), first="2026-11-23", by="carol")
    register.grant(id_, note="fine")
    row = to_row(register.find(id_), register.school.now_ns)
    assert tuple(row) == COLUMNS
    assert (row["status"], row["people"], row["first_at"]) == ("to come", ["p1", "s1"], "2026-11-23T00:00:00Z")
    assert (row["asked_by"], row["decided_by"], row["decision_note"]) == ("carol", "ben", "fine")


def test_csv_holds_no_formula(register: Register) -> None:
    """A reason is somebody's text; a spreadsheet does not calculate it. Without rows there is the header."""
    school = register.school
    assert to_csv([], 0) == ",".join(COLUMNS) + "\n"
    register.ask(reason='=HYPERLINK("x")')
    (row,) = csv.DictReader(io.StringIO(to_csv(list_exceptions(school.engine, school.id), school.now_ns)))
    assert (row["reason"], row["rules"]) == ('\'=HYPERLINK("x")', "bypass-tor")
