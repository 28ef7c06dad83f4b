# SPDX-License-Identifier: Apache-2.0
"""Tests of what an incident rests on: each event once, in the same transaction, up to a limit."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from sqlalchemy import select

from collector import counting
from collector.counting import MAX_OPEN_OF_A_RULE, Sighting, record_sightings
from collector.errors import StoreError
from collector.store.engine import reading, writing
from collector.store.schema import incident_events, incidents
from proto.events import Audience
from tests.collector.school import School


def sighting(event_id: int, what: str = "tor", rule: str = "bypass-tor") -> Sighting:
    """Return that something was seen in an event."""
    return Sighting(
        rule=rule,
        rule_title="Tor",
        audience=Audience.SECURITY,
        severity=4,
        action_class="unacceptable",
        device_id="d" * 16,
        subject=f"device/{'d' * 16}/program/{what}",
        group_key=f"program/{what}",
        summary="seen",
        clauses=(),
        event_id=event_id,
    )


def record(school: School, sightings: Iterable[Sighting]) -> None:
    """Count what was seen, in one transaction."""
    with writing(school.engine) as connection:
        record_sightings(connection, school.id, sightings, school.now_ns)


def events_of(school: School, subject: str = "tor") -> list[int]:
    """Return the events that an incident rests on."""
    query = (
        select(incident_events.c.event_id)
        .join_from(incident_events, incidents, incidents.c.incident_id == incident_events.c.incident_id)
        .where(incidents.c.subject.endswith(f"/{subject}"), incident_events.c.school_id == school.id)
        .order_by(incident_events.c.event_id)
    )
    with reading(school.engine) as connection:
        return list(connection.execute(query).scalars())


def test_every_event_behind_an_incident_is_kept_once(school: School) -> None:
    """Of the first sighting and of later ones; what stands behind no event adds none."""
    record(school, [sighting(5), sighting(7), sighting(7)])
    record(school, [sighting(9), sighting(5), sighting(0)])
    assert events_of(school) == [5, 7, 9]


def test_past_the_limit_they_are_only_counted(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incident that lasts for years does not fill the database."""
    monkeypatch.setattr(counting, "MAX_EVENTS_OF_INCIDENT", 3)
    record(school, [sighting(1), sighting(2)])
    record(school, [sighting(3), sighting(4)])
    record(school, [sighting(5)])
    assert events_of(school) == [1, 2, 3]
    with reading(school.engine) as connection:
        assert connection.execute(select(incidents.c["count"])).scalar_one() == 5


def test_events_of_what_has_no_incident_of_its_own_stand_behind_the_one_for_more(school: School) -> None:
    """What a device has beyond the limit of incidents is evidence of one more."""
    record(school, [sighting(number, f"thing-{number}") for number in range(1, MAX_OPEN_OF_A_RULE + 3)])
    assert len(events_of(school, "more")) == 2


def test_nothing_is_kept_of_a_transaction_that_failed(school: School) -> None:
    """Incident and events are there together or not at all."""
    broken = replace(sighting(2, "other"), summary=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        record(school, [sighting(1), broken])
    assert events_of(school) == []
