# SPDX-License-Identifier: Apache-2.0
"""Tests of what is done about incidents on every engine: more of it is told beside its modules."""

from collector.audit import verify_audit
from collector.incident_log import list_log
from collector.parents import Ground, ParentState, ask, decide, find_decision, list_questions
from collector.responses import About, Deed, list_responses, record_response
from proto.events import Audience
from rules.responses import Step
from tests.collector.school import MINUTE_NS, School

SECURITY = [Audience.SECURITY]


def test_asked_vetoed_agreed_told_and_logged(school: School) -> None:
    """The whole way, and a question that waits stands before one that is decided."""
    first, second = (school.add_incident(school.add_device(name)) for name in ("pc-1", "pc-2"))
    for incident in (first, second, second):
        ask(school.engine, school.id, incident, audiences=SECURITY, actor="anna", now_ns=school.now_ns)
    for ground in (Ground.HARM, None):
        school.pass_time(MINUTE_NS)
        decide(school.engine, school.id, second, ground=ground, actor="dana", now_ns=school.now_ns)
    found = find_decision(school.engine, school.id, second)
    assert found is not None
    assert found.state is ParentState.AGREED
    deed = Deed(Step.PARENTS, About.PUPIL, "told them")
    record_response(school.engine, school.id, second, deed, audiences=SECURITY, actor="anna", now_ns=school.now_ns)
    assert [each.outcome for each in list_responses(school.engine, school.id, second)] == ["told them"]
    questions = list_questions(school.engine, school.id)
    assert [(each.incident, each.is_told, each.ground) for each in questions] == [
        (first, False, None),
        (second, True, None),
    ]
    logged = list_log(school.engine, school.id, audiences=SECURITY, since_ns=0, until_ns=school.now_ns)
    assert {each.incident: [entry.words for entry in each.entries] for each in logged} == {
        first: [],
        second: ["Parents or carers told (pupil): told them"],
    }
    verify_audit(school.engine, school.id)
