# SPDX-License-Identifier: Apache-2.0
"""Tests of the list of devices: what they say of themselves, when they were heard, and who may not speak."""

import pytest

from collector.devices import (
    MAX_NUMBER,
    QUIET_AFTER_NS,
    SPEAKING_STATES,
    Device,
    DeviceState,
    confirm,
    find_device,
    find_key,
    find_revoked,
    is_unconfirmed,
    list_devices,
    list_successors,
    note_hello,
    note_policy,
    note_seen,
    retire,
    revoke,
)
from collector.errors import UsageError
from collector.store.engine import writing
from proto.errors import SignatureError
from proto.events import PolicyApplied
from tests.collector.evidence import TOR_STARTED
from tests.collector.school import SECOND_NS, School


def find(school: School, device_id: str) -> Device:
    """Return a device that is there."""
    found = find_device(school.engine, school.id, device_id)
    assert found is not None
    return found


def test_devices_are_listed_by_host_name(school: School) -> None:
    """With their events and open incidents."""
    school.add_device("library-02")
    first = school.add_device("library-01", not_watched=["the network"])
    school.add_incident(first, TOR_STARTED)
    listed = list_devices(school.engine, school.id)
    assert [device.hostname for device in listed] == ["library-01", "library-02"]
    assert [(device.events, device.open_incidents) for device in listed] == [(1, 1), (0, 0)]
    assert listed[0].not_watched == ("the network",)


def test_device_of_another_school_is_not_found(school: School) -> None:
    """Each school sees its own."""
    device_id = school.add_device("library-01")
    assert find_device(school.engine, "0" * 16, device_id) is None
    assert list_devices(school.engine, "0" * 16) == []


def test_key_verifies_what_its_device_signs(school: School) -> None:
    """And nothing that another signs."""
    device_id, other = school.add_device("library-01"), school.add_device("library-02")
    key = find_key(school.engine, device_id)
    assert key is not None
    assert (key.school_id, key.device_id, key.state) == (school.id, device_id, "active")
    key.verifier.verify(school.signers[device_id].sign(b"x"), b"x")
    with pytest.raises(SignatureError):
        key.verifier.verify(school.signers[other].sign(b"x"), b"x")
    assert find_key(school.engine, "0" * 16) is None


def test_revoked_device_is_known_as_such(school: School) -> None:
    """Its state changes, and it is in the list of those who may not speak."""
    device_id = school.add_device("library-01")
    assert find_revoked(school.engine, school.id) == set()
    with writing(school.engine) as connection:
        revoke(connection, school.id, device_id)
    assert find_revoked(school.engine, school.id) == {device_id}
    assert find(school, device_id).state == "revoked"
    key = find_key(school.engine, device_id)
    assert key is not None
    assert key.state == "revoked"


def test_unknown_device_cannot_be_revoked(school: School) -> None:
    """Nor one of another school."""
    device_id = school.add_device("library-01")
    for school_id, target in ((school.id, "0" * 16), ("0" * 16, device_id)):
        with pytest.raises(UsageError, match="there is no device"), writing(school.engine) as connection:
            revoke(connection, school_id, target)
    assert find(school, device_id).state == "active"


def test_hello_is_noted(school: School) -> None:
    """When it was heard, how far its clock is off, and which policy it holds."""
    device_id = school.add_device("library-01")
    note_hello(school.engine, device_id, now_ns=school.now_ns + 7, clock_offset_ns=-3 * SECOND_NS, bundle_version=4)
    device = find(school, device_id)
    assert (device.last_seen_at_ns, device.clock_offset_ns) == (school.now_ns + 7, -3 * SECOND_NS)
    assert device.bundle_version == 4


@pytest.mark.parametrize("offset_ns", [2**64, -(2**64)])
def test_clock_from_another_age_is_noted_as_far_as_it_goes(school: School, offset_ns: int) -> None:
    """A device can say any time: the database holds the largest difference that it can."""
    device_id = school.add_device("library-01")
    note_hello(school.engine, device_id, now_ns=school.now_ns, clock_offset_ns=offset_ns, bundle_version=0)
    assert abs(find(school, device_id).clock_offset_ns) == MAX_NUMBER


def test_policy_is_noted(school: School) -> None:
    """Which one a device says is in force."""
    device_id = school.add_device("library-01")
    with writing(school.engine) as connection:
        note_policy(connection, device_id, PolicyApplied(9, ""))
    assert find(school, device_id).bundle_version == 9


def test_silent_device_is_quiet(school: School) -> None:
    """After a while without a word, and not before; being connected is a word."""
    device_id = school.add_device("library-01")
    school.pass_time(QUIET_AFTER_NS)
    assert not find(school, device_id).is_quiet(school.now_ns)
    school.pass_time(1)
    assert find(school, device_id).is_quiet(school.now_ns)
    note_seen(school.engine, [device_id], school.now_ns)
    assert not find(school, device_id).is_quiet(school.now_ns)


def test_pending_and_active_may_speak() -> None:
    """A state is compared as the database keeps it."""
    assert [state.value in SPEAKING_STATES for state in DeviceState] == [True, True, False, False]


def test_device_is_confirmed_once(school: School) -> None:
    """By whom and when is kept; what does not wait is not confirmed."""
    device_id = school.add_device("library-01", state="pending")
    assert find(school, device_id).is_unconfirmed
    with writing(school.engine) as connection:
        confirm(connection, school.id, device_id, by="anna", now_ns=school.now_ns)
    device = find(school, device_id)
    assert (device.state, device.confirmed_by, device.confirmed_at_ns) == ("active", "anna", school.now_ns)
    for target, message in ((device_id, "does not wait"), ("0" * 16, "there is no device")):
        with pytest.raises(UsageError, match=message), writing(school.engine) as connection:
            confirm(connection, school.id, target, by="bob", now_ns=school.now_ns)
    assert find(school, device_id).confirmed_by == "anna"


def test_refused_device_stays_unconfirmed(school: School) -> None:
    """One that was in use and is revoked does not become unconfirmed by that."""
    refused, used = school.add_device("a", state="pending"), school.add_device("b")
    for device_id in (refused, used):
        with writing(school.engine) as connection:
            revoke(connection, school.id, device_id)
    assert (find(school, refused).is_unconfirmed, find(school, used).is_unconfirmed) == (True, False)
    assert not is_unconfirmed("active", None)


def test_retired_device_stays_retired(school: School) -> None:
    """Revoking it takes nothing more from it, is told as that, and its record still fits."""
    device_id = school.add_device("library-01")
    with writing(school.engine) as connection:
        retire(connection, school.id, device_id)
    for end in (revoke, retire):
        with pytest.raises(UsageError, match="retired already"), writing(school.engine) as connection:
            end(connection, school.id, device_id)
    assert find(school, device_id).state == "retired"
    assert find_revoked(school.engine, school.id) == {device_id}


def test_successors_are_listed_newest_first(school: School) -> None:
    """Those of one device, and no more than are asked for."""
    former = school.add_device("library-01")
    first, second = (
        school.add_device("library-01", former_device_id=former, enrolled_at_ns=school.now_ns + number)
        for number in range(2)
    )
    assert [each.id for each in list_successors(school.engine, school.id, former, limit=5)] == [second, first]
    assert [each.id for each in list_successors(school.engine, school.id, former, limit=1)] == [second]
    assert list_successors(school.engine, school.id, first, limit=5) == []
