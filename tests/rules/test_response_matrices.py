# SPDX-License-Identifier: Apache-2.0
"""Tests of the response matrices of the packs: Bexton's two held tick by tick against the policy as it is printed."""

from collections.abc import Sequence

import pytest

from rules.load import list_packs, load_pack, parse_files
from rules.responses import Offer, Response, Step

PUPIL_COLUMNS = (
    Step.CLASS_TEACHER,
    Step.E_SAFETY_COORDINATOR,
    Step.HEADTEACHER,
    Step.POLICE,
    Step.TECHNICAL_SUPPORT,
    Step.PARENTS,
    Step.REMOVE_ACCESS,
    Step.WARNING,
    Step.FURTHER_SANCTION,
)
# Read from the policy's table, row by row in its order. A letter is a tick, a dash is none: Class teacher,
# E-safety co-ordinator, Headteacher, Police, Technical support, pArents, Removal of access, Warning, Sanction.
PUPIL_ROWS = (
    ("CEHPTARWS", ("illegal-material",)),
    ("CE-----W-", ("non-educational-use",)),
    ("CEH----W-", ("mobile-device",)),
    ("CEH--A-WS", ("social-networking",)),
    ("CEH--ARWS", ("unauthorised-files",)),
    ("CEH--ARWS", ("shared-password",)),
    ("CEH--ARWS", ("pupils-account",)),
    ("CEH--ARWS", ("staff-account",)),
    ("CEH--ARWS", ("others-data",)),
    ("CEHP-ARWS", ("offensive-message",)),
    ("CEHPTARWS", ("continued-infringements",)),
    ("CEH-TARWS", ("disrepute",)),
    ("CEH-TARWS", ("filter-bypass",)),
    ("CEH-TARW-", ("offensive-by-accident",)),
    ("CEHPTARWS", ("offensive-on-purpose",)),
)

STAFF_COLUMNS = (
    Step.LINE_MANAGER,
    Step.HEADTEACHER,
    Step.HR,
    Step.POLICE,
    Step.TECHNICAL_SUPPORT,
    Step.WARNING,
    Step.SUSPENSION,
    Step.DISCIPLINARY,
)
# Line manager, Headteacher, local Authority or HR, Police, Technical support, Warning, Suspension, Disciplinary.
STAFF_ROWS = (
    ("LHAPTWSD", ("illegal-material",)),
    # One row of the policy for staff, two of its rows for pupils; and below one for three.
    ("LH------", ("non-educational-use", "social-networking")),
    ("LH---W--", ("unauthorised-files",)),
    ("LH--TW--", ("shared-password", "pupils-account", "staff-account")),
    ("LH---W--", ("careless-data",)),
    ("LHA-TWSD", ("security-breach",)),
    ("LHA-TWSD", ("others-data",)),
    ("LHA-TWSD", ("offensive-message",)),
    ("LHA--WS-", ("contact-with-pupils",)),
    ("LHA--WS-", ("professional-standing",)),
    ("LHA-TWSD", ("disrepute",)),
    ("LHA-TWS-", ("filter-bypass",)),
    # The row that a page break splits: its ticks stand beside its first half.
    ("LHA-TWSD", ("offensive-by-accident",)),
    ("LHAPTWSD", ("offensive-on-purpose",)),
    ("LHA--WS-", ("copyright",)),
    ("LHAPTWSD", ("continued-infringements",)),
)

Matrix = Sequence[tuple[str, tuple[str, ...]]]

PACKS = [name for name in list_packs() if name != "uk-baseline"]
POLICIES = {name: parse_files(load_pack(name)) for name in PACKS}
BEXTON = {row.id: row for row in POLICIES["bexton"].responses}


def ticks(offers: tuple[Offer, ...], columns: tuple[Step, ...]) -> set[Step]:
    """Return the steps of a row, which must stand in the policy's order and be columns of its matrix."""
    steps = [offer.step for offer in offers]
    assert steps == [column for column in columns if column in steps]
    return set(steps)


def expect(columns: tuple[Step, ...], rows: Matrix) -> dict[str, set[Step]]:
    """Return which steps the table names for each id."""
    return {
        name: {column for column, mark in zip(columns, marks, strict=True) if mark != "-"}
        for marks, names in rows
        for name in names
    }


def test_pupil_matrix_of_bexton_is_the_policys_tick_by_tick() -> None:
    """15 kinds of incident by 9 responses (BX-02), 106 ticks: none is missing and none was added."""
    assert len(PUPIL_ROWS) == 15
    assert sum(mark != "-" for marks, _ in PUPIL_ROWS for mark in marks) == 106
    wanted = expect(PUPIL_COLUMNS, PUPIL_ROWS)
    assert {row.id: ticks(row.pupil, PUPIL_COLUMNS) for row in BEXTON.values() if row.pupil} == wanted
    assert all("BX-02" in BEXTON[name].clauses for name in wanted)


def test_staff_matrix_of_bexton_is_the_policys_tick_by_tick() -> None:
    """16 kinds of incident by 8 responses (BX-03), 92 ticks, the row that a page break splits among them."""
    assert len(STAFF_ROWS) == 16
    assert sum(mark != "-" for marks, _ in STAFF_ROWS for mark in marks) == 92
    wanted = expect(STAFF_COLUMNS, STAFF_ROWS)
    assert {row.id: ticks(row.staff, STAFF_COLUMNS) for row in BEXTON.values() if row.staff} == wanted
    assert all("BX-03" in BEXTON[name].clauses for name in wanted)


def test_police_are_never_offered_for_little_where_the_policy_leaves_it_to_severity() -> None:
    """The matrix depends on severity and persistence: nothing drastic is due at the first time of something small."""
    drastic = {Step.POLICE, Step.SUSPENSION, Step.DISCIPLINARY, Step.FURTHER_SANCTION, Step.REMOVE_ACCESS}
    at_once = {
        row.id
        for row in BEXTON.values()
        for offer in (*row.pupil, *row.staff)
        if offer.step in drastic and offer.from_severity == offer.from_time == 1
    }
    assert at_once == {"illegal-material", "continued-infringements"}


ROWS = [pytest.param(row, id=f"{pack}:{row.id}") for pack, policy in POLICIES.items() for row in policy.responses]


@pytest.mark.parametrize("row", ROWS)
def test_row_names_a_clause_of_its_own_policy(row: Response, request: pytest.FixtureRequest) -> None:
    """Whoever asks where a response comes from finds the clause."""
    pack = request.node.callspec.id.partition(":")[0]
    letters = POLICIES[pack].clauses
    assert row.clauses
    assert all(clause.startswith(letters) for clause in row.clauses)


@pytest.mark.parametrize("pack", PACKS)
def test_every_rule_that_names_a_response_names_one_of_its_policy(pack: str) -> None:
    """And each pack has some that do: its incidents offer what its policy says."""
    known = {row.id for row in POLICIES[pack].responses}
    named = {rule.response for rule in POLICIES[pack].rules} - {""}
    assert named
    assert named <= known


@pytest.mark.parametrize("pack", PACKS)
def test_pupils_parents_are_never_named_for_staff(pack: str) -> None:
    """Nobody tells somebody's parents of what a member of staff did."""
    assert all(offer.step is not Step.PARENTS for row in POLICIES[pack].responses for offer in row.staff)
