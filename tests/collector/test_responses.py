# SPDX-License-Identifier: Apache-2.0
"""Tests of what is recorded as done about an incident, and of what the policy's row offers when."""

from collections.abc import Collection

import pytest

from collector.audit import list_entries
from collector.errors import UsageError
from collector.incidents import Action, IncidentState, decide, find_incident, list_history
from collector.parents import Ground, ask
from collector.parents import decide as answer
from collector.responses import (
    MAX_CHARACTERS,
    NAMES,
    OTHER,
    About,
    Deed,
    list_offers,
    list_responses,
    list_responses_of,
    record_response,
)
from collector.store.schema import incident_responses
from proto.events import Audience
from rules.responses import Offer, Step
from tests.collector.evidence import SECURITY
from tests.collector.school import School

POLICE = Deed(Step.POLICE, About.UNKNOWN, "The head decided: nothing to report")
TOLD = Deed(Step.PARENTS, About.PUPIL, "Spoke with them on the telephone")


@pytest.fixture
def incident_id(school: School) -> str:
    """An open incident."""
    return school.add_incident(school.add_device("library-01"))


def record(school: School, incident_id: str, deed: Deed, *, audiences: Collection[Audience] = SECURITY) -> None:
    """Record something as a technician."""
    record_response(
        school.engine, school.id, incident_id, deed, audiences=audiences, actor="anna", now_ns=school.now_ns
    )


@pytest.mark.parametrize(
    ("severity", "times", "due"),
    [
        (1, 1, {"class_teacher"}),
        (3, 1, {"class_teacher", "parents", "headteacher"}),
        (1, 2, {"class_teacher", "parents"}),
        (4, 1, {"class_teacher", "parents", "headteacher"}),
        (1, 3, {"class_teacher", "parents", "further_sanction"}),
        (5, 9, {"class_teacher", "parents", "headteacher", "further_sanction"}),
    ],
)
def test_offers_depend_on_severity_or_persistence(severity: int, times: int, due: set[str]) -> None:
    """Bad enough or often enough: either is enough, and what is not due yet is returned too."""
    row = (
        Offer(step=Step.CLASS_TEACHER),
        Offer(step=Step.PARENTS, from_severity=3, from_time=2),
        Offer(step=Step.HEADTEACHER, from_severity=3),
        Offer(step=Step.FURTHER_SANCTION, from_time=3),
    )
    offered = list_offers(row, severity=severity, times=times)
    assert [each.step for each in offered] == [offer.step for offer in row]
    assert {each.step for each in offered if each.is_due} == due


def test_every_step_has_a_name() -> None:
    """No page and no log says further_sanction."""
    assert set(NAMES) == {*Step, OTHER}


def test_what_was_done_stands_in_the_incident_its_history_and_the_audit_log(school: School, incident_id: str) -> None:
    """With who and when; the audit log says which step it was, and none of the words."""
    record(school, incident_id, Deed(Step.WARNING, About.PUPIL, "  told off by the head of year "))
    (kept,) = list_responses(school.engine, school.id, incident_id)
    assert (kept.name, kept.about, kept.outcome) == ("Warning", "pupil", "told off by the head of year")
    assert (kept.recorded_by, kept.recorded_at_ns) == ("anna", school.now_ns)
    newest = list_history(school.engine, school.id, incident_id)[-1]
    assert (newest.actor, newest.action) == ("anna", Action.RESPONDED)
    assert newest.note == "Warning (pupil): told off by the head of year"
    (entry,) = list_entries(school.engine, school.id)
    assert (entry.actor, entry.action, entry.detail) == ("anna", "incident.responded", "Warning (pupil)")
    assert entry.subject == f"incident/{incident_id}"


def test_responses_of_many_incidents_are_told_apart(school: School, incident_id: str) -> None:
    """Each incident has its own, those without anything are left out."""
    other = school.add_incident(school.add_device("pc-2"))
    record(school, incident_id, Deed(OTHER, About.UNKNOWN, "one"))
    assert list_responses(school.engine, school.id, other) == []
    found = list_responses_of(school.engine, school.id, [incident_id, other])
    assert {name: [each.outcome for each in done] for name, done in found.items()} == {incident_id: ["one"]}


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (Deed("flogging", About.PUPIL, "no"), "choose what was done"),
        (Deed(Step.WARNING, About.PUPIL, " \n"), "say what came of it"),
        (Deed(Step.WARNING, About.PUPIL, "x" * (MAX_CHARACTERS + 1)), "longer than"),
        (TOLD, "the DSL did not agree"),
        (Deed(Step.PARENTS, About.STAFF, "told"), "the parents of staff"),
    ],
    ids=["no step", "no words", "too long", "not asked", "staff"],
)
def test_what_cannot_be_recorded_leaves_nothing(school: School, incident_id: str, deed: Deed, reason: str) -> None:
    """Nothing in the table, in the history or in the audit log."""
    with pytest.raises(UsageError, match=reason):
        record(school, incident_id, deed)
    assert school.count(incident_responses) == 0
    assert [entry.action for entry in list_history(school.engine, school.id, incident_id)] == ["opened"]
    assert list_entries(school.engine, school.id) == []


def test_who_does_not_see_an_incident_records_nothing(school: School, incident_id: str) -> None:
    """A line manager has no word in an incident of security."""
    with pytest.raises(UsageError, match="no such incident"):
        record(school, incident_id, POLICE, audiences=[Audience.STAFF_CONDUCT])
    assert school.count(incident_responses) == 0


def test_parents_are_told_only_after_the_dsl_agreed(school: School, incident_id: str) -> None:
    """Not when nobody asked, not while it is asked, not after a veto."""

    def decide_as_dsl(ground: Ground | None) -> None:
        answer(school.engine, school.id, incident_id, ground=ground, actor="dana", now_ns=school.now_ns)

    ask(school.engine, school.id, incident_id, audiences=SECURITY, actor="anna", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="did not agree"):
        record(school, incident_id, TOLD)
    decide_as_dsl(Ground.HARM)
    with pytest.raises(UsageError, match="did not agree"):
        record(school, incident_id, TOLD)
    decide_as_dsl(None)
    record(school, incident_id, TOLD)
    assert [each.step for each in list_responses(school.engine, school.id, incident_id)] == [Step.PARENTS]


def test_illegal_is_resolved_only_after_a_word_about_the_police(school: School) -> None:
    """What may be a crime does not end with a technician's note (WE-10, WI-04)."""
    incident_id = school.add_incident(school.add_device("pc-1"), action_class="illegal")

    def resolve() -> None:
        decide(
            school.engine,
            school.id,
            incident_id,
            audiences=SECURITY,
            actor="anna",
            action=Action.RESOLVED,
            note="removed it",
            now_ns=school.now_ns,
        )

    with pytest.raises(UsageError, match="what was decided about the police"):
        resolve()
    record(school, incident_id, Deed(Step.WARNING, About.PUPIL, "told off"))
    with pytest.raises(UsageError, match="what was decided about the police"):
        resolve()
    record(school, incident_id, POLICE)
    resolve()
    found = find_incident(school.engine, school.id, incident_id, audiences=SECURITY)
    assert found is not None
    assert found.state == IncidentState.RESOLVED
