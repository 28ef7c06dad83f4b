# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of what each check sees: it claims nothing that no test shows."""

import re
from pathlib import Path

import pytest

from agent.checks import CHECKS
from agent.checks.proofs import NOT_YET, UNSEEN, Cell, Proof, to_json, to_markdown, to_text
from agent.checks.proven import ROWS

TESTS = Path(__file__).resolve().parents[2]
CELLS = [(row, cell) for row in ROWS for cell in (row.linux, row.windows, row.macos)]


def test_every_check_has_rows_and_there_are_no_others():
    """A check that nobody wrote a row for is a check that nobody can judge."""
    assert {row.check for row in ROWS} == set(CHECKS)


def test_nothing_is_said_twice():
    """A row is one thing."""
    said = [(row.check, row.what) for row in ROWS]
    assert len(said) == len(set(said))


@pytest.mark.parametrize(("row", "cell"), CELLS, ids=lambda value: getattr(value, "what", None) or value.proof)
def test_what_is_claimed_has_a_test(row: object, cell: Cell):
    """A cell that claims something names a test that is there; one that claims nothing names none."""
    if cell in (NOT_YET, UNSEEN):
        assert cell.test == ""
        return
    file, _, name = cell.test.partition("::")
    assert re.search(rf"^def {re.escape(name)}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE), cell.test


def test_what_is_real_is_no_fixture():
    """Nothing on another system is claimed to be real before it was run there."""
    assert all(row.windows.proof is Proof.NOT_YET and row.macos.proof is Proof.NOT_YET for row in ROWS)


def test_the_page_is_that_of_the_code():
    """`CHECKS.md` is what the verb prints; no cell of it is empty."""
    page = (TESTS.parent / "CHECKS.md").read_text(encoding="utf-8")
    assert page == to_markdown(ROWS)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == len(ROWS) + 1
    assert all(cell.strip() for line in rows for cell in line.strip("|").split("|"))


def test_the_other_forms_have_every_row():
    """A terminal and a script are told the same."""
    assert len(to_text(ROWS)) == len(ROWS) + 1
    assert [each["what"] for each in to_json(ROWS)] == [row.what for row in ROWS]
