# SPDX-License-Identifier: Apache-2.0
"""Tests of the inventory as people read it."""

import pytest

from collector.authority import Authority
from collector.devices import revoke
from collector.ingest import Ingest
from collector.inventory import What, find_state, list_changes, list_programs, list_states
from collector.store.engine import writing
from proto.events import ProgramInstalled, ProgramRemoved
from tests.collector.evidence import Device, enrol_device, numbers_of, send
from tests.collector.machines import GIMP, NEWER_VIM, VIM, ZORK, list_of
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def other(school: School, authority: Authority) -> Device:
    """A second device."""
    return enrol_device(school, authority, "library-02")


def changes_of(school: School, since_ns: int) -> list[tuple[str, str, str, str]]:
    """Return the differences since a moment: what, name, before, after."""
    return [
        (each.what.value, each.name, each.before, each.after)
        for each in list_changes(school.engine, school.id, since_ns=since_ns)
    ]


def test_school_counts_devices_by_version(school: School, ingest: Ingest, device: Device, other: Device) -> None:
    """A program is one row with its versions; a device that sent no list is named, not left away."""
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP)), other.say(list_of(NEWER_VIM))))
    silent = school.add_device("library-03")
    found = {each.name: each for each in list_programs(school.engine, school.id)}
    assert found["vim"].versions == {"9.0": 1, "9.1": 1}
    assert (found["vim"].devices, found["org.gimp.GIMP"].devices) == (2, 1)
    states = {each.device: each for each in list_states(school.engine, school.id)}
    assert (states[device.id].programs, states[silent].listed_at_ns) == (2, None)


def test_revoked_device_has_no_part_in_the_inventory(school: School, ingest: Ingest, device: Device) -> None:
    """Its machine may be anywhere."""
    numbers_of(send(ingest, device.say(list_of(VIM))))
    with writing(school.engine) as connection:
        revoke(connection, school.id, device.id)
    assert list_programs(school.engine, school.id) == []
    assert list_states(school.engine, school.id) == []


def test_state_of_one_device_is_known_when_it_is_revoked(
    school: School, ingest: Ingest, device: Device, other: Device
) -> None:
    """Its page says what it had; an unknown device has no state."""
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP)), other.say(list_of(VIM))))
    with writing(school.engine) as connection:
        revoke(connection, school.id, device.id)
    state = find_state(school.engine, school.id, device.id)
    assert state is not None
    assert (state.hostname, state.programs, state.listed_at_ns) == ("library-01", 2, school.now_ns)
    assert find_state(school.engine, school.id, other.id) == list_states(school.engine, school.id)[0]
    assert find_state(school.engine, school.id, "0" * 16) is None


def test_changes_since_a_day(school: School, ingest: Ingest, device: Device) -> None:
    """The first list is no change; what was installed, updated and removed since then is one each."""
    before_ns = school.now_ns
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP))))
    assert changes_of(school, before_ns) == []
    school.pass_time(MINUTE_NS)
    then_ns = school.now_ns
    numbers_of(send(ingest, device.say(ProgramInstalled(ZORK), ProgramInstalled(NEWER_VIM), ProgramRemoved(GIMP))))
    expected = {
        ("installed", "zork", "", "1.0"),
        ("updated", "vim", "9.0", "9.1"),
        ("removed", "org.gimp.GIMP", "2.10", ""),
    }
    assert set(changes_of(school, then_ns)) == expected
    # Also when the day begins before its first list.
    assert set(changes_of(school, before_ns)) == expected
    assert changes_of(school, then_ns + 1) == []


def test_what_came_and_went_in_between_is_no_difference(school: School, ingest: Ingest, device: Device) -> None:
    """It is a comparison of two moments."""
    numbers_of(send(ingest, device.say(list_of(VIM))))
    school.pass_time(MINUTE_NS)
    since_ns = school.now_ns
    numbers_of(send(ingest, device.say(ProgramInstalled(ZORK), ProgramRemoved(VIM))))
    school.pass_time(MINUTE_NS)
    numbers_of(send(ingest, device.say(ProgramRemoved(ZORK), ProgramInstalled(VIM))))
    assert changes_of(school, since_ns) == []


def test_changes_of_one_device(school: School, ingest: Ingest, device: Device, other: Device) -> None:
    """Others are left away, and each change names its device."""
    numbers_of(send(ingest, device.say(list_of(VIM)), other.say(list_of(VIM))))
    school.pass_time(MINUTE_NS)
    numbers_of(send(ingest, device.say(ProgramRemoved(VIM)), other.say(ProgramInstalled(ZORK))))
    (change,) = list_changes(school.engine, school.id, since_ns=school.now_ns, device_id=other.id)
    assert (change.hostname, change.what, change.name) == ("library-02", What.INSTALLED, "zork")
