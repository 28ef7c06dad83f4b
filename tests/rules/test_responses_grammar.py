# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.responses_grammar. What it refuses stands in the corpus, see test_load."""

from rules.load import parse_files
from rules.responses import Offer, Response, Step
from tests.rules.sample import PACK_FILE
from tests.rules.test_load import CORPUS

ROWS = (CORPUS / "good" / "school-responses.toml").read_text("utf-8")
OWN_ROW = '[[response]]\nid = "bypass"\ntitle = "Ours"\nclauses = []\nnote = "Ask the head."\n'


def test_every_key_reaches_the_rows():
    """A tick without a condition holds always, one with conditions from there on."""
    rows = parse_files({"pack.toml": PACK_FILE, "responses.toml": ROWS}).responses

    assert rows[0] == Response(
        id="bypass",
        title="Attempting to bypass the filter",
        clauses=("BX-02", "BX-03"),
        pupil=(Offer(step=Step.CLASS_TEACHER), Offer(step=Step.PARENTS, from_severity=3, from_time=2)),
        staff=(Offer(step=Step.LINE_MANAGER, from_time=3),),
        note="The headteacher decides.",
    )
    assert [row.id for row in rows] == ["bypass", "staff-only", "nothing"]


def test_a_row_of_the_school_takes_the_place_of_the_packs():
    """The whole row: no tick of the pack's stays in it."""
    rows = parse_files({"pack.toml": PACK_FILE, "responses.toml": ROWS, "school/own.toml": OWN_ROW}).responses

    assert rows[0] == Response(id="bypass", title="Ours", clauses=(), note="Ask the head.")
    assert len(rows) == 3


def test_a_rule_may_name_a_response_where_there_are_none():
    """A pack can name them for the packs above it, which have the rows."""
    rule = (
        (CORPUS / "good" / "own-minimal.toml")
        .read_text("utf-8")
        .replace("severity = 1", 'severity = 1\nresponse = "x"')
    )

    (read,) = parse_files({"pack.toml": PACK_FILE, "own.toml": rule}).rules

    assert read.response == "x"
