# SPDX-License-Identifier: Apache-2.0
"""Tests of grouping incidents."""

from collector.console.grouping import group_incidents
from collector.incidents import list_incidents
from proto.events import Audience
from tests.collector.school import MINUTE_NS, School


def test_same_thing_on_many_devices_is_one_group(school: School) -> None:
    """Incidents of one rule and one group key are together, newest first, with the highest severity."""
    for number in range(3):
        school.pass_time(MINUTE_NS)
        school.add_incident(school.add_device(f"pc-{number}"), severity=3 + number % 2)
    school.pass_time(MINUTE_NS)
    school.add_incident(school.add_device("pc-9"), rule="games", group_key="program/steam", severity=2)
    incidents = list_incidents(school.engine, school.id, audiences=[Audience.SECURITY])
    games, bypass = group_incidents(incidents)
    assert [member.hostname for member in bypass.members] == ["pc-2", "pc-1", "pc-0"]
    assert (bypass.severity, bypass.count, bypass.states) == (4, 3, [("open", 3)])
    assert len(games.members) == 1
    assert games.id != bypass.id


def test_same_key_of_another_rule_is_another_group(school: School) -> None:
    """Two rules about one program are two rows: they are decided for two reasons."""
    device = school.add_device("pc-1")
    school.add_incident(device, rule="one")
    school.add_incident(device, rule="two")
    incidents = list_incidents(school.engine, school.id, audiences=[Audience.SECURITY])
    assert len(group_incidents(incidents)) == 2
