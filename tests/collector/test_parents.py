# SPDX-License-Identifier: Apache-2.0
"""Tests of the question whether parents are told, and of who knows the ground of a veto."""

import json
from dataclasses import asdict

import pytest
from sqlalchemy import select

from collector.audit import list_entries
from collector.console.response_wording import GROUNDS
from collector.errors import PermissionDeniedError, UsageError
from collector.incident_log import list_log
from collector.incidents import list_history
from collector.parents import Ground, ParentState, ask, decide, find_decision, list_deciders, list_questions
from collector.responses import About, Deed, record_response
from collector.roles import Role
from collector.store.engine import reading
from collector.store.schema import metadata, parent_decisions
from collector.users import disable
from proto.events import Audience
from rules.responses import Step
from tests.collector.evidence import SECURITY
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def incident_id(school: School) -> str:
    """An open incident."""
    return school.add_incident(school.add_device("library-01"))


def ask_as_technician(school: School, incident_id: str, actor: str = "anna") -> None:
    """Ask whether parents are told."""
    ask(school.engine, school.id, incident_id, audiences=SECURITY, actor=actor, now_ns=school.now_ns)


def decide_as_dsl(school: School, incident_id: str, ground: Ground | None) -> None:
    """Answer, as the safeguarding lead does."""
    decide(school.engine, school.id, incident_id, ground=ground, actor="dana", now_ns=school.now_ns)


def state_of(school: School, incident_id: str) -> ParentState | None:
    """Return how the question stands for those who see the incident."""
    found = find_decision(school.engine, school.id, incident_id)
    return found.state if found else None


def test_question_goes_its_way(school: School, incident_id: str) -> None:
    """Nobody asked, asked, vetoed, and agreed after all; each with who and when."""
    assert state_of(school, incident_id) is None
    ask_as_technician(school, incident_id)
    assert state_of(school, incident_id) is ParentState.ASKED
    school.pass_time(MINUTE_NS)
    decide_as_dsl(school, incident_id, Ground.AGENCY)
    assert state_of(school, incident_id) is ParentState.VETOED
    (question,) = list_questions(school.engine, school.id)
    assert (question.ground, question.decided_by, question.decided_at_ns) == (Ground.AGENCY, "dana", school.now_ns)
    assert (question.hostname, question.asked_by, question.times) == ("library-01", "anna", 1)
    decide_as_dsl(school, incident_id, None)
    assert state_of(school, incident_id) is ParentState.AGREED
    assert list_questions(school.engine, school.id)[0].ground is None
    assert [(each.actor, each.action) for each in reversed(list_entries(school.engine, school.id))] == [
        ("anna", "parents.asked"),
        ("dana", "parents.decided"),
        ("dana", "parents.decided"),
    ]


def test_asking_again_changes_nothing(school: School, incident_id: str) -> None:
    """A second technician does not undo an answer, nor take the question over."""
    ask_as_technician(school, incident_id)
    decide_as_dsl(school, incident_id, Ground.HARM)
    ask_as_technician(school, incident_id, "ben")
    (question,) = list_questions(school.engine, school.id)
    assert (question.asked_by, question.state) == ("anna", ParentState.VETOED)


def test_who_does_not_see_an_incident_asks_nothing_about_it(school: School, incident_id: str) -> None:
    """The DSL gets no questions about incidents from those who may not know of them."""
    with pytest.raises(UsageError, match="no such incident"):
        ask(school.engine, school.id, incident_id, audiences=[Audience.STAFF_CONDUCT], actor="x", now_ns=0)
    assert school.count(parent_decisions) == 0


def test_who_asked_decides_only_where_nobody_else_may(school: School, incident_id: str) -> None:
    """A user who looks after machines and is a safeguarding lead as well: alone he may, beside a second one not."""
    school.add_user("admin", Role.ADMINISTRATOR)
    school.add_user("dana", {Role.TECHNICIAN, Role.DEPUTY_DSL})
    school.add_user("harriet", {Role.HEADTEACHER})
    ask_as_technician(school, incident_id, "dana")
    decide_as_dsl(school, incident_id, None)
    assert state_of(school, incident_id) is ParentState.AGREED
    school.add_user("lena", {Role.DSL})
    assert list_deciders(school.engine, school.id) == {"dana", "lena"}
    with pytest.raises(PermissionDeniedError, match="you asked this yourself"):
        decide_as_dsl(school, incident_id, Ground.HARM)
    assert state_of(school, incident_id) is ParentState.AGREED
    disable(school.engine, school.id, "lena", school.now_ns, "admin")
    decide_as_dsl(school, incident_id, Ground.HARM)
    assert state_of(school, incident_id) is ParentState.VETOED


def test_what_nobody_asked_is_not_decided(school: School, incident_id: str) -> None:
    """There is no decision without a question, of an incident that is there or is none."""
    for each in (incident_id, "0" * 16):
        with pytest.raises(UsageError, match="nobody asked"):
            decide_as_dsl(school, each, None)
    assert school.count(parent_decisions) == 0


def test_decision_stands_once_parents_were_told(school: School, incident_id: str) -> None:
    """A veto after the telephone call would be a record of something that never was."""
    ask_as_technician(school, incident_id)
    decide_as_dsl(school, incident_id, None)
    deed = Deed(Step.PARENTS, About.PUPIL, "told them")
    record_response(school.engine, school.id, incident_id, deed, audiences=SECURITY, actor="anna", now_ns=1)
    with pytest.raises(UsageError, match="told already"):
        decide_as_dsl(school, incident_id, Ground.HARM)
    assert state_of(school, incident_id) is ParentState.AGREED
    assert list_questions(school.engine, school.id)[0].is_told


def test_questions_that_wait_come_first_and_the_newest_on_top(school: School) -> None:
    """What was decided long ago hides nothing that waits."""
    asked = []
    for name in ("pc-1", "pc-2", "pc-3"):
        school.pass_time(MINUTE_NS)
        asked.append(school.add_incident(school.add_device(name)))
        ask_as_technician(school, asked[-1])
    decide_as_dsl(school, asked[2], None)
    found = [each.incident for each in list_questions(school.engine, school.id)]
    assert found == [asked[1], asked[0], asked[2]]
    assert [each.incident for each in list_questions(school.engine, school.id, limit=1)] == [asked[1]]


@pytest.mark.parametrize("ground", list(Ground))
def test_ground_of_a_veto_stands_in_one_column_as_a_code(school: School, incident_id: str, ground: Ground) -> None:
    """No other table, no history, no audit log and no incident log has it; in the whole database no words of it."""
    ask_as_technician(school, incident_id)
    decide_as_dsl(school, incident_id, None)
    agreed = read_all(school)
    decide_as_dsl(school, incident_id, ground)
    vetoed = read_all(school)
    assert GROUNDS[ground] not in json.dumps(vetoed, ensure_ascii=False)
    (decision,) = vetoed.pop("parent_decisions")
    assert [name for name, value in decision.items() if value == ground.value] == ["ground"]
    # A veto leaves in every other table what an agreement leaves: one more row of the history, one of the audit log.
    del agreed["parent_decisions"]
    for rows in (agreed, vetoed):
        rows["incident_history"] = [
            {k: v for k, v in row.items() if k != "history_id"} for row in rows["incident_history"]
        ]
    assert vetoed["incident_history"][-1] == agreed["incident_history"][-1]
    told = [{name: row[name] for name in ("actor", "action", "subject", "detail")} for row in vetoed["audit"]]
    assert told[-1] == told[-2]
    del vetoed["audit"], agreed["audit"], vetoed["incident_history"], agreed["incident_history"]
    assert vetoed == agreed


def test_what_those_who_see_the_incident_get_has_no_ground(school: School, incident_id: str) -> None:
    """Decision, history and log are without it, whatever the veto's ground."""
    ask_as_technician(school, incident_id)
    decide_as_dsl(school, incident_id, Ground.RECORD)
    found = find_decision(school.engine, school.id, incident_id)
    assert found is not None
    assert set(asdict(found)) == {"state", "asked_by", "asked_at_ns", "decided_at_ns"}
    history = list_history(school.engine, school.id, incident_id)
    assert [(each.action, each.note) for each in history[1:]] == [("parents_asked", ""), ("parents_decided", "")]
    (logged,) = list_log(school.engine, school.id, audiences=SECURITY, since_ns=0, until_ns=school.now_ns + 1)
    assert logged.entries == ()


def read_all(school: School) -> dict[str, list[dict[str, object]]]:
    """Return every row of every table, as a backup would hold it."""
    with reading(school.engine) as connection:
        return {
            table.name: [
                {name: value.hex() if isinstance(value, bytes) else value for name, value in row._mapping.items()}
                for row in connection.execute(select(table))
            ]
            for table in metadata.sorted_tables
        }
