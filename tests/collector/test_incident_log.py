# SPDX-License-Identifier: Apache-2.0
"""Tests of the incident log: what stands in it, for whom, and from when."""

from collector.incident_log import LoggedIncident, list_log
from collector.incidents import Action, decide
from collector.responses import About, Deed, record_response
from proto.events import Audience
from rules.responses import Step
from tests.collector.evidence import SECURITY
from tests.collector.school import MINUTE_NS, START_NS, School


def log_of(school: School, **wanted: int) -> list[LoggedIncident]:
    """Return the log as a technician sees it."""
    bounds = {"since_ns": 0, "until_ns": school.now_ns + 1} | wanted
    return list_log(school.engine, school.id, audiences=SECURITY, **bounds)


def test_log_says_what_was_done_and_who_recorded_it(school: School) -> None:
    """Notes, resolutions and responses, in order; who looked after it and did nothing is no action."""
    incident_id = school.add_incident(school.add_device("library-01"))

    def act(action: Action, actor: str, note: str = "") -> None:
        decide(
            school.engine,
            school.id,
            incident_id,
            audiences=SECURITY,
            actor=actor,
            action=action,
            note=note,
            now_ns=school.now_ns,
        )

    act(Action.ACKNOWLEDGED, "zoe")
    act(Action.NOTED, "ben", "asked the class")
    deed = Deed(Step.CLASS_TEACHER, About.PUPIL, "spoke with her")
    record_response(school.engine, school.id, incident_id, deed, audiences=SECURITY, actor="anna", now_ns=1)
    act(Action.RESOLVED, "ben", "removed it")
    (logged,) = log_of(school)
    assert [each.words for each in logged.entries] == [
        "asked the class",
        "Class teacher (pupil): spoke with her",
        "removed it",
    ]
    assert logged.recorders == ("ben", "anna")
    assert (logged.hostname, logged.opened_at_ns, logged.state) == ("library-01", START_NS, "resolved")


def test_log_of_some_days_has_what_was_open_or_seen_in_them(school: School) -> None:
    """The oldest first; what ended before or began later is not there, and of too many the newest stay."""
    found = []
    for name in ("pc-1", "pc-2", "pc-3"):
        found.append(school.add_incident(school.add_device(name)))
        school.pass_time(MINUTE_NS)
    assert [each.incident for each in log_of(school)] == found
    assert [each.incident for each in log_of(school, since_ns=START_NS + 1)] == found[1:]
    assert [each.incident for each in log_of(school, until_ns=START_NS + 1)] == found[:1]
    assert [each.incident for each in log_of(school, limit=2)] == found[1:]


def test_log_holds_what_its_reader_may_see(school: School) -> None:
    """The conduct of staff is for line managers, a flag for nobody here."""
    device = school.add_device("pc-1")
    school.add_incident(device)
    staff = school.add_incident(device, rule="staff", audience=Audience.STAFF_CONDUCT, group_key="staff")
    school.add_incident(device, rule="flag", audience=Audience.SAFEGUARDING, group_key="flag")
    found = list_log(
        school.engine, school.id, audiences=[Audience.STAFF_CONDUCT], since_ns=0, until_ns=school.now_ns + 1
    )
    assert [each.incident for each in found] == [staff]
    assert list_log(school.engine, school.id, audiences=[], since_ns=0, until_ns=school.now_ns + 1) == []
