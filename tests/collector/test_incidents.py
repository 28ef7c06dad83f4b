# SPDX-License-Identifier: Apache-2.0
"""Tests of the life of an incident. What holds when many write at once is in `tests/collector/store`."""

import itertools
from collections.abc import Iterable

import pytest

from collector.counting import MAX_OPEN_OF_A_RULE, MORE_OF_THE_SAME, Sighting, record_sightings
from collector.errors import UsageError
from collector.incidents import (
    Action,
    Incident,
    IncidentState,
    count_open,
    decide,
    find_incident,
    list_history,
    list_incidents,
)
from collector.ingest import Ingest
from collector.store.engine import writing
from proto.events import Audience, Program, ProgramStarted
from tests.collector.evidence import SECURITY, TOR_STARTED, Device, send
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def incident_id(school: School) -> str:
    """An open incident."""
    return school.add_incident(school.add_device("library-01"))


def act(school: School, incident_id: str, action: Action, note: str = "") -> None:
    """Do something with an incident as a technician."""
    decide(
        school.engine,
        school.id,
        incident_id,
        audiences=SECURITY,
        actor="anna",
        action=action,
        note=note,
        now_ns=school.now_ns,
    )


def find(school: School, incident_id: str) -> Incident:
    """Return an incident that is there."""
    found = find_incident(school.engine, school.id, incident_id, audiences=SECURITY)
    assert found is not None
    return found


def history_of(school: School, incident_id: str) -> list[tuple[str, str, str]]:
    """Return what happened: actor, action, note."""
    return [(entry.actor, entry.action, entry.note) for entry in list_history(school.engine, school.id, incident_id)]


def test_incident_goes_its_way(school: School, incident_id: str) -> None:
    """Opened, acknowledged, noted, resolved, reopened: each with who, when and why."""
    school.pass_time(MINUTE_NS)
    act(school, incident_id, Action.ACKNOWLEDGED)
    act(school, incident_id, Action.NOTED, " asked the class ")
    act(school, incident_id, Action.RESOLVED, "removed it")
    assert find(school, incident_id).state == IncidentState.RESOLVED
    act(school, incident_id, Action.REOPENED, "it is back")
    assert find(school, incident_id).state == IncidentState.OPEN
    assert history_of(school, incident_id) == [
        ("schoolwarden", "opened", ""),
        ("anna", "acknowledged", ""),
        ("anna", "noted", "asked the class"),
        ("anna", "resolved", "removed it"),
        ("anna", "reopened", "it is back"),
    ]
    times = [entry.at_ns for entry in list_history(school.engine, school.id, incident_id)]
    assert times[1] - times[0] == MINUTE_NS


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGED, Action.RESOLVED])
def test_same_again_changes_nothing(school: School, incident_id: str, action: Action) -> None:
    """Two technicians who press the same button are one decision."""
    act(school, incident_id, action, "done")
    before = history_of(school, incident_id)
    act(school, incident_id, action, "done, too")
    assert history_of(school, incident_id) == before


@pytest.mark.parametrize("note", ["", "   ", "\n"])
def test_resolution_needs_a_note(school: School, incident_id: str, note: str) -> None:
    """Whoever closes an incident says what was done."""
    with pytest.raises(UsageError, match="say what was done"):
        act(school, incident_id, Action.RESOLVED, note)
    with pytest.raises(UsageError, match="note is empty"):
        act(school, incident_id, Action.NOTED, note)
    assert find(school, incident_id).state == IncidentState.OPEN
    assert len(history_of(school, incident_id)) == 1


def test_unknown_incident_cannot_be_decided_on(school: School, incident_id: str) -> None:
    """Nor one of another school."""
    with pytest.raises(UsageError, match="no such incident"):
        act(school, "0" * 16, Action.ACKNOWLEDGED)
    assert find_incident(school.engine, "0" * 16, incident_id, audiences=SECURITY) is None
    assert list_history(school.engine, "0" * 16, incident_id) == []


def test_acknowledged_incident_stays_so_while_it_is_counted(school: School, ingest: Ingest, device: Device) -> None:
    """Somebody works on it already: another start counts, and calls nobody again."""
    send(ingest, device.say(TOR_STARTED))
    (incident,) = list_incidents(school.engine, school.id, audiences=SECURITY)
    act(school, incident.id, Action.ACKNOWLEDGED)
    school.pass_time(MINUTE_NS)
    send(ingest, device.say(TOR_STARTED))
    after = find(school, incident.id)
    assert (after.state, after.count, after.reopened) == ("acknowledged", 2, 0)
    assert after.last_seen_at_ns - after.opened_at_ns == MINUTE_NS


def test_incidents_are_listed_newest_first_and_chosen(school: School) -> None:
    """By state, by device, and as many as were asked for."""
    devices = [school.add_device(f"library-{number}") for number in (1, 2)]
    ids = []
    for device_id, program in itertools.product(devices, ("tor", "proxy")):
        school.pass_time(MINUTE_NS)
        ids.append(school.add_incident(device_id, ProgramStarted(Program(program)), group_key=f"program/{program}"))
    act(school, ids[0], Action.RESOLVED, "done")

    def listed(**chosen) -> list[str]:
        return [each.id for each in list_incidents(school.engine, school.id, audiences=SECURITY, **chosen)]

    assert listed() == ids[::-1]
    assert listed(states=[IncidentState.RESOLVED]) == [ids[0]]
    assert listed(device_id=devices[1]) == [ids[3], ids[2]]
    assert listed(limit=1) == [ids[3]]
    assert listed(states=[]) == []
    assert count_open(school.engine, school.id, audiences=SECURITY) == 3


@pytest.mark.parametrize("audience", [Audience.SAFEGUARDING, Audience.STAFF_CONDUCT])
def test_incident_for_others_is_nowhere(school: School, audience: Audience) -> None:
    """A reader of security incidents cannot find, list or count one of another audience."""
    incident_id = school.add_incident(school.add_device("library-01"), audience=audience)
    assert find_incident(school.engine, school.id, incident_id, audiences=SECURITY) is None
    assert list_incidents(school.engine, school.id, audiences=SECURITY) == []
    assert count_open(school.engine, school.id, audiences=[]) == 0
    assert count_open(school.engine, school.id, audiences=[audience]) == 1


def sightings_of(device_id: str, numbers: Iterable[int], event_id: int, subject: str = "") -> list[Sighting]:
    """Return sightings of one rule about files that a device named."""
    return [
        Sighting(
            rule="download-program",
            rule_title="A program was downloaded",
            audience=Audience.SECURITY,
            severity=3,
            action_class="unacceptable",
            device_id=device_id,
            subject=subject.format(number) if subject else f"device/{device_id}/file/{number}",
            group_key=f"file/{number}",
            summary=f"A file arrived: {number}",
            clauses=("BX-07",),
            event_id=event_id,
        )
        for number in numbers
    ]


def record(school: School, sightings: Iterable[Sighting]) -> None:
    """Record sightings as one commit does."""
    with writing(school.engine) as connection:
        record_sightings(connection, school.id, sightings, school.now_ns)


def test_names_that_a_device_makes_up_do_not_fill_the_list(school: School) -> None:
    """Beyond fifty of one rule on one device they are counted in one incident; other devices have their own."""
    device_id, other = school.add_device("library-01"), school.add_device("library-02")
    record(school, sightings_of(device_id, range(40), 1))
    record(school, sightings_of(device_id, range(30, 90), 2))
    record(school, [*sightings_of(device_id, range(200, 210), 3), *sightings_of(other, range(5), 4)])
    found = list_incidents(school.engine, school.id, audiences=SECURITY, device_id=device_id)
    assert len(found) == MAX_OPEN_OF_A_RULE + 1
    (more,) = (each for each in found if each.subject == f"device/{device_id}/download-program/more")
    assert (more.group, more.summary, more.count) == ("download-program/more", MORE_OF_THE_SAME, 40 + 10)
    assert sum(each.count for each in found) == 40 + 60 + 10
    assert len(list_incidents(school.engine, school.id, audiences=SECURITY, device_id=other)) == 5


def test_what_is_resolved_makes_room(school: School) -> None:
    """Only what waits for somebody counts, and nothing that is there already is moved."""
    device_id = school.add_device("library-01")
    record(school, sightings_of(device_id, range(MAX_OPEN_OF_A_RULE), 1))
    first = list_incidents(school.engine, school.id, audiences=SECURITY)[0]
    act(school, first.id, Action.RESOLVED, "removed it")
    record(school, sightings_of(device_id, [900], 2))
    subjects = {each.subject for each in list_incidents(school.engine, school.id, audiences=SECURITY)}
    assert f"device/{device_id}/file/900" in subjects
    assert not any(each.endswith("/more") for each in subjects)


def test_what_is_not_about_a_device_has_no_such_end(school: School) -> None:
    """A flag of one more account is always an incident of its own."""
    device_id = school.add_device("library-01")
    record(school, sightings_of(device_id, range(MAX_OPEN_OF_A_RULE + 5), 1, "safeguarding/{}"))
    assert len(list_incidents(school.engine, school.id, audiences=SECURITY)) == MAX_OPEN_OF_A_RULE + 5
